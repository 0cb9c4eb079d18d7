"""What one start needs from Django, in one process: migrations, translations, static files, demo data."""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import django

from victori.installation import ROOT, in_demo
from victori.translations import compile_all


def static_stamp() -> str:
    """Changes when any static file, dependency or setting does."""
    digest = hashlib.sha256((ROOT / "requirements" / "runtime.lock").read_bytes())
    files = [ROOT / "victori" / "settings.py"]
    # Not what was collected: STATE_DIR may stand inside, and pathlib's "*" also finds hidden folders.
    for folder in [*sorted(ROOT.glob("[a-z]*/static")), ROOT / "static"]:
        files += sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        state = path.stat()
        digest.update(f"{path.relative_to(ROOT)} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _done(what: str, begun: float) -> None:
    print(f"  {what} … {time.monotonic() - begun:.1f} s", flush=True)


def main() -> int:
    """Returns the exit code; progress goes to the terminal."""
    state = Path(os.environ["STATE_DIR"])
    begun = time.monotonic()
    compile_all(ROOT)
    stamp, stamp_file = static_stamp(), state / "static.stamp"
    collecting = None
    if not stamp_file.exists() or stamp_file.read_text() != stamp:
        # Beside the migrations and the demo data: it takes the other core.
        print("  berkas statis sedang dikumpulkan …", flush=True)
        with (state / "logs" / "collectstatic.log").open("wb") as log:
            command = [sys.executable, str(ROOT / "manage.py"), "collectstatic", "--no-input"]
            collecting = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
    try:
        django.setup()
        from django.core.management import call_command

        call_command("migrate", interactive=False, verbosity=0)
        _done("migrasi", begun)
        if in_demo():
            begun = time.monotonic()
            call_command("load_demo")
            with (state / "accounts.txt").open("w") as accounts:
                call_command("demo_accounts", stdout=accounts)
            _done("data contoh", begun)
        if collecting is not None:
            if collecting.wait() != 0:
                print(f"collectstatic gagal; lihat {state / 'logs' / 'collectstatic.log'}", file=sys.stderr)
                return 1
            stamp_file.write_text(stamp)
            _done("berkas statis", begun)
    finally:
        if collecting is not None and collecting.poll() is None:
            collecting.terminate()
            collecting.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
