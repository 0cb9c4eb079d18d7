"""One migrated database per test run, copied for each worker: migrating takes ten seconds, copying a tenth of one.

Its dump is kept in the temporary folder under a hash of everything that decides its shape, so the next run of the same
migrations restores it in a second.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import environ
import psycopg2

from victori.embedded import postgres_bin

ROOT = Path(__file__).resolve().parent.parent
NAME = "victori_template"


def shape() -> str:
    """A hash of migrations, models' settings and dependencies."""
    digest = hashlib.sha256()
    files = [ROOT / "victori" / "settings.py", ROOT / "requirements" / "runtime.lock"]
    for path in [*sorted(ROOT.glob("*/migrations/*.py")), *files]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:24]


def _cache_folder() -> Path | None:
    """A private folder for dumps; None when somebody else owns that name."""
    folder = Path(tempfile.gettempdir()) / f"victori-templates-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.stat()
    return folder if state.st_uid == os.getuid() and not state.st_mode & 0o077 else None


def ensure() -> str:
    """Make the template on the test server unless it is there; returns its name."""
    ready = Path(os.environ["VICTORI_TEST_FOLDER"]) / "template-ready"
    with ready.with_suffix(".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not ready.exists():
            _make()
            ready.touch()
    return NAME


def dump_file() -> Path | None:
    """The template as a file for a server of its own; None when there is no folder to keep it in."""
    ensure()
    folder = _cache_folder()
    file = folder / f"{shape()}.dump" if folder else None
    return file if file and file.exists() else None


def _make() -> None:
    config = environ.Env.db_url_config(os.environ["DATABASE_URL"])
    connection = psycopg2.connect(host=config["HOST"], user=config["USER"], dbname=config["NAME"])
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {NAME}")
        cursor.execute(f"CREATE DATABASE {NAME}")
    connection.close()
    folder = _cache_folder()
    dump = folder / f"{shape()}.dump" if folder else None
    env = os.environ | {"PGHOST": config["HOST"], "PGUSER": config["USER"], "PGDATABASE": NAME}
    if dump and dump.exists():
        restore = [str(postgres_bin() / "pg_restore"), "--no-owner", "--single-transaction", "-d", NAME, str(dump)]
        if subprocess.run(restore, env=env, capture_output=True, check=False).returncode == 0:
            return
    url = os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{NAME}"
    migrate = [sys.executable, str(ROOT / "manage.py"), "migrate", "--no-input", "--verbosity", "0"]
    done = subprocess.run(migrate, env=os.environ | {"DATABASE_URL": url}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    if folder and dump:
        for old in sorted(folder.glob("*.dump"), key=lambda path: path.stat().st_mtime)[:-4]:
            old.unlink(missing_ok=True)
        fresh = dump.with_suffix(f".{os.getpid()}")
        subprocess.run([str(postgres_bin() / "pg_dump"), "-Fc", "-f", str(fresh)], env=env, check=True)
        fresh.rename(dump)
