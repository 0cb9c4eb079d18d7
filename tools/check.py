"""`make test`: every check that CI runs, with nothing running beforehand.

Style, types, layers, migrations and deployment settings run two at a time; the tests come last, so that pytest's own
summary is the end of the output. Arguments go to pytest. Exit code 0 only when all of it passed.
"""

import base64
import os
import secrets
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
# Everything but tests: what is typed stays typed.
TYPED = (
    *("core", "messaging", "regions", "programmes", "accounts", "registration", "stock", "scheduling", "admission"),
    *("vaccination", "certificates", "pcare_bridge", "reporting", "portal", "victori", "bench"),
)
# Debian package of each program the tests use; without it they are skipped, or fail under REQUIRE_ALL=1.
PROGRAMS = {"chromium": ("chromium", "fonts-dejavu-core"), "nginx": ("nginx-light",)}


def install_programs() -> None:
    """Install browser and web server when they are missing and we may; say so, or say what will be skipped."""
    missing = [
        name
        for name in PROGRAMS
        if not (os.environ.get(name.upper()) or shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin"))
    ]
    if not missing:
        return
    packages = [package for name in missing for package in PROGRAMS[name]]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print(f"Tanpa {', '.join(missing)}: ujinya dilewati. Pasang dengan: apt-get install {' '.join(packages)}")
        return
    print(f"Memasang {' '.join(packages)} …", flush=True)
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", "-qq", *command], env=env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"apt-get {command[0]} gagal: {done.stderr.strip()[-400:]}")
            return


def production_env() -> dict[str, str]:
    """A complete production environment with throw-away secrets; nothing connects to these addresses."""
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return os.environ | {
        "DEMO": "0",
        "SECRET_KEY": secrets.token_urlsafe(60),
        "FIELD_KEY": key,
        "INDEX_KEY": key,
        "DATABASE_URL": "postgres://victori:x@127.0.0.1:1/victori",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "ALLOWED_HOSTS": "vaksin.example.go.id",
        "PUBLIC_BASE_URL": "https://vaksin.example.go.id",
        "PCARE_BASE_URL": "https://pcare.example.go.id/rest",
        "HTTPS": "1",
        "BEHIND_PROXY": "1",
    }


def templates() -> list[str]:
    """Every template, for djade."""
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("*templates/**/*.html"))


def checks() -> dict[str, list[str]]:
    """Name of each check and its command."""
    python = str(BIN / "python")
    return {
        "ruff check": [str(BIN / "ruff"), "check", "--quiet", "."],
        "ruff format": [str(BIN / "ruff"), "format", "--check", "--quiet", "."],
        "djade (templat)": [str(BIN / "djade"), "--check", "--target-version", "5.2", *templates()],
        "mypy": [str(BIN / "mypy"), "--no-error-summary", *TYPED],
        "import-linter (lapisan)": [str(BIN / "lint-imports"), "--no-logo"],
        "makemigrations --check": [python, "manage.py", "makemigrations", "--check", "--dry-run"],
        "check --deploy": [python, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        "laman nginx mutakhir": [python, "tools/proxy_pages.py", "--check"],
        "kamus data mutakhir": [python, "manage.py", "data_dictionary", "--check"],
    }


def run_check(item: tuple[str, list[str]]) -> bool:
    """Run one check; print its name, result and time, and its output only when it failed."""
    name, command = item
    begun = time.monotonic()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=production_env(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    good = done.returncode == 0
    text = f"{'ok   ' if good else 'GAGAL'} {name} ({time.monotonic() - begun:.1f} s)"
    print(text if good else f"{text}\n{done.stdout.strip()[-6000:]}", flush=True)
    return good


def processes() -> int:
    """One more than processors: a third of the time a test waits for servers, browsers and clocks."""
    return min((os.cpu_count() or 2) + 1, 8)


def main() -> int:
    """Returns the exit code."""
    begun = time.monotonic()
    install_programs()
    with ThreadPoolExecutor(2) as pool:
        failed = [name for name, good in zip(checks(), pool.map(run_check, checks().items()), strict=True) if not good]
    print(
        f"Pemeriksaan tanpa uji: {time.monotonic() - begun:.0f} s. Gagal: {', '.join(failed) or 'tidak ada'}.",
        flush=True,
    )
    arguments = sys.argv[1:] or ["-n", os.environ.get("TEST_PROCESSES") or str(processes()), "--dist", "load"]
    tests = subprocess.call([str(BIN / "python"), "-m", "pytest", "-q", *arguments], cwd=ROOT)
    return tests or bool(failed)


if __name__ == "__main__":
    sys.exit(main())
