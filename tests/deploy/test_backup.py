"""A backup counts only when it was restored."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


def manage(env: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=110, check=False)


@pytest.mark.django_db(transaction=True)
def test_a_restored_copy_has_every_row_and_opens_the_encrypted_values(process_env, tmp_path):
    from accounts.models import User
    from core.crypto import decrypt, encrypt

    User.objects.create_user("petugas-cadangan", password="kata-sandi-panjang-1")
    sealed = encrypt("9974011234569001", "uji.cadangan")
    file = tmp_path / "salinan.dump"
    done = manage(process_env, "backup", str(file))
    assert done.returncode == 0, done.stderr
    assert oct(file.stat().st_mode)[-3:] == "600"
    assert b"9974011234569001" not in file.read_bytes()

    name = f"pulih_{os.getpid()}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    try:
        env = process_env | {"DATABASE_URL": process_env["DATABASE_URL"].rpartition("/")[0] + f"/{name}"}
        done = manage(env, "restore", str(file))
        assert done.returncode == 0, done.stderr
        script = (
            "import json; from accounts.models import User; from django.apps import apps;"
            "print(json.dumps([User.objects.filter(username='petugas-cadangan').count(), len(apps.get_models())]))"
        )
        done = manage(env, "shell", "-v", "0", "-c", script)
        assert json.loads(done.stdout.splitlines()[-1])[0] == 1, done.stderr
        # The structure is the newest too: nothing left to migrate.
        assert manage(env, "migrate", "--check").returncode == 0
        # And a second restore over it is refused.
        assert "tidak kosong" in manage(env, "restore", str(file)).stderr
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    assert decrypt(sealed, "uji.cadangan") == "9974011234569001"


def test_a_backup_never_overwrites_another(tmp_path):
    file = tmp_path / "salinan.dump"
    file.write_text("lama")
    with pytest.raises(CommandError, match="tidak pernah menimpa"):
        call_command("backup", str(file))
    assert file.read_text() == "lama"
