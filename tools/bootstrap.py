#!/usr/bin/env python3
"""Make .venv from the locked, hashed dependencies, then run what was asked. Standard library only.

    bootstrap.py run        install the runtime set, start the portal
    bootstrap.py test       install the development set, run every check
    bootstrap.py bench      install the runtime set, measure
    bootstrap.py install    install the development set only

A second call with the same lock file installs nothing.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed"
OLDEST = (3, 11)


def fail(sentence: str) -> None:
    """One clear sentence, no traceback."""
    sys.exit(sentence)


def lock_hash(kind: str) -> str:
    """What .venv must have been installed from."""
    text = (ROOT / "requirements" / f"{kind}.lock").read_bytes()
    return f"{kind} {hashlib.sha256(text).hexdigest()} python{sys.version_info[0]}.{sys.version_info[1]}"


def up_to_date(kind: str) -> bool:
    """The development set contains the runtime set, so either stamp satisfies a start."""
    if not STAMP.exists() or not PYTHON.exists():
        return False
    stamps = STAMP.read_text().splitlines()
    wanted = [lock_hash(kind), lock_hash("dev")]
    return any(stamp in wanted for stamp in stamps) and runs(PYTHON)


def runs(python: Path) -> bool:
    """Whether the environment still works: a moved clone or a removed Python breaks it."""
    try:
        version = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]!r})"
        return subprocess.call([str(python), "-c", version], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def install(kind: str) -> None:
    """Create .venv when needed and install the lock file into it."""
    begun = time.monotonic()
    uv = os.environ.get("UV") or shutil.which("uv")
    lock = ROOT / "requirements" / f"{kind}.lock"
    print(f"Memasang dependensi ({'uv' if uv else 'pip, sekitar setengah menit'}) …", flush=True)
    STAMP.unlink(missing_ok=True)
    if not runs(PYTHON):
        make_venv(uv)
    if uv:
        command = [uv, "pip", "install", "--quiet", "--python", str(PYTHON), "--no-deps", "--require-hashes"]
        code = subprocess.call([*command, "-r", str(lock)])
    else:
        code = pip_install(lock)
    if code != 0:
        fail("Pemasangan dependensi gagal; penyebabnya tertulis di atas. Perlu sambungan ke indeks paket Python.")
    STAMP.write_text(lock_hash(kind) + "\n")
    print(f"Dependensi terpasang dalam {time.monotonic() - begun:.0f} s.", flush=True)


def make_venv(uv: str | None) -> None:
    """An empty environment of this Python."""
    if VENV.exists():
        shutil.rmtree(VENV)
    if uv:
        code = subprocess.call([uv, "venv", "--quiet", "--python", sys.executable, str(VENV)])
    else:
        if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
            fail(
                "Python ini tidak membawa venv (Debian: apt-get install python3-venv); atau pasang uv "
                "(pip install --user uv), lalu ulangi."
            )
        code = subprocess.call([sys.executable, "-m", "venv", str(VENV)])
    if code != 0:
        fail(f"Lingkungan {VENV} tidak dapat dibuat; penyebabnya tertulis di atas.")


def pip_install(lock: Path) -> int:
    """Run pip and show how far it is, one line per package on a terminal, every tenth elsewhere."""
    total = sum(1 for line in lock.read_text().splitlines() if line[:1].isalnum())
    command = [str(PYTHON), "-m", "pip", "install", "--no-deps", "--require-hashes", "--disable-pip-version-check"]
    process = subprocess.Popen(
        [*command, "--no-input", "--progress-bar", "off", "-r", str(lock)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seen, recent, live = 0, [], sys.stdout.isatty()
    for line in process.stdout or ():
        recent = [*recent[-15:], line]
        if line.startswith("Collecting "):
            seen += 1
            if live or seen % 10 == 0:
                print(f"\r  {seen}/{total} {line.split()[1]:<50.50}", end="" if live else "\n", flush=True)
        elif line.startswith("Installing collected"):
            print(f"{chr(13) if live else ''}  {'menyalin ke .venv …':<60}", flush=True)
    if process.wait() != 0:
        print("".join(recent), file=sys.stderr)
    return process.returncode


def once(kind: str) -> None:
    """Install unless done; two starts at once wait for each other."""
    if up_to_date(kind):
        return
    with (ROOT / "requirements" / f"{kind}.lock").open() as guard:
        if importlib.util.find_spec("fcntl") is None:
            fail("Sistem ini tidak didukung: pakai Linux, macOS, WSL, atau docker compose.")
        import fcntl

        fcntl.flock(guard, fcntl.LOCK_EX)
        if not up_to_date(kind):
            try:
                install(kind)
            except OSError as error:
                fail(f"{VENV} tidak dapat ditulisi ({error.strerror}): perbaiki haknya atau kosongkan disk.")


def main() -> None:
    """Install, then become the program that was asked for."""
    os.environ.setdefault("VICTORI_BEGUN", str(time.time()))
    what = sys.argv[1] if len(sys.argv) > 1 else "install"
    if sys.version_info < OLDEST:
        fail(f"Perlu Python {OLDEST[0]}.{OLDEST[1]} atau lebih baru; ini {sys.version.split()[0]} (make PYTHON=… run).")
    if what not in ("run", "test", "bench", "install"):
        fail(__doc__ or "")
    once("runtime" if what in ("run", "bench") else "dev")
    os.chdir(ROOT)
    arguments = {
        "run": ["-m", "victori.launcher"],
        "test": ["tools/check.py", *sys.argv[2:]],
        "bench": ["-m", "bench", *sys.argv[2:]],
    }.get(what)
    if arguments:
        sys.stdout.flush()
        os.execv(PYTHON, [str(PYTHON), *arguments])


if __name__ == "__main__":
    main()
