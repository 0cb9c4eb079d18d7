"""What must never get into the repository, checked on every tracked file."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
THIS = Path(__file__).relative_to(ROOT)
BINARY = {".png", ".jpg", ".ico", ".pdf", ".xlsx", ".woff2", ".gz", ".der", ".webp"}


def tracked() -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    files = [Path(name) for name in names.split("\0") if name]
    return [path for path in files if path.suffix not in BINARY and path != THIS and (ROOT / path).is_file()]


def lines_matching(pattern: str, files: list[Path]) -> list[str]:
    found = re.compile(pattern)
    return [
        f"{path}:{number}: {line.strip()[:120]}"
        for path in files
        for number, line in enumerate((ROOT / path).read_text(errors="replace").splitlines(), 1)
        if found.search(line)
    ]


@pytest.fixture(scope="module")
def files() -> list[Path]:
    if not (ROOT / ".git").exists():
        return [
            path.relative_to(ROOT)
            for path in ROOT.rglob("*")
            if path.is_file()
            and path.suffix not in BINARY
            and not {".venv", ".run", "node_modules", "__pycache__"} & set(path.relative_to(ROOT).parts)
            and not any(part.startswith(".") and part != ".ci" for part in path.relative_to(ROOT).parts)
            and path.relative_to(ROOT) != THIS
        ]
    return tracked()


def test_no_path_of_one_machine(files):
    assert lines_matching(r"(?<![\w.])/(work|root|home/[a-z]+|Users)/", files) == []


def test_no_address_of_a_package_index(files):
    assert (
        lines_matching(
            r"pypi\.org|pythonhosted|registry\.npmjs|--(extra-)?index-url[ =]http|artifactory|/simple/?$", files
        )
        == []
    )


def test_every_locked_package_has_a_hash():
    for lock in (ROOT / "requirements").glob("*.lock"):
        blocks = re.split(r"^(?=[A-Za-z0-9])", lock.read_text(), flags=re.M)[1:]
        assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []
        assert len(blocks) > (10 if lock.stem == "interop" else 60)


def test_no_secret(files):
    patterns = (
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----|AKIA[0-9A-Z]{16}|ghp_[A-Za-z0-9]{20}|xox[bp]-|eyJhbGciOi[A-Za-z0-9_-]{40}"
    )
    assert lines_matching(patterns, files) == []
    assert [path for path in files if path.name in (".env", "secrets.env")] == []


def test_no_silenced_check_and_no_unfinished_work(files):
    python = [path for path in files if path.suffix == ".py"]
    assert lines_matching(r"#\s*noqa|#\s*(TODO|FIXME|XXX)\b|NotImplementedError", python) == []
    assert lines_matching(r"pytest\.mark\.(skip|xfail)\b", python) == []


def test_files_stay_readable(files):
    sources = [
        path for path in files if path.suffix in (".py", ".js", ".css", ".html") and "migrations" not in path.parts
    ]
    long = {str(path): len((ROOT / path).read_text().splitlines()) for path in sources}
    assert {path: count for path, count in long.items() if count > 450 and not path.startswith("static/css")} == {}


def test_templates_hold_no_inline_style_script_or_handler(files):
    pages = [path for path in files if path.suffix == ".html" and path.parts[0] == "templates"]
    assert lines_matching(r"<[a-z][^>]*\sstyle=|<[a-z][^>]*\son[a-z]+=|<style", pages) == []
    scripts = lines_matching(r"<script(?![^>]*(src=|nonce=|application/json))", pages)
    assert scripts == []


def test_no_request_to_a_third_party(files):
    # `@import` is also a word of JSON-LD, and so of the library that reads it.
    own = [path for path in files if path.parts[:2] != ("static", "vendor")]
    pages = [
        path for path in own if path.suffix in (".html", ".css", ".js") and path.parts[0] in ("templates", "static")
    ]
    assert (
        lines_matching(
            r"""(src|srcset)=["']https?://|url\(["']?https?://|@import|<link[^>]+href=["']https?://""", pages
        )
        == []
    )
