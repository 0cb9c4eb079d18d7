"""Compile the translations without the gettext tools, which a fresh machine lacks."""

import os
from pathlib import Path

import polib


def compile_all(root: Path) -> int:
    """Write each .mo that is missing or older than its .po; returns how many were written."""
    written = 0
    for source in sorted(root.glob("locale/*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns:
            continue
        fresh = target.with_suffix(f".{os.getpid()}")
        polib.pofile(str(source)).save_as_mofile(str(fresh))
        fresh.replace(target)  # two starts at once never read half a file
        written += 1
    return written


if __name__ == "__main__":
    compile_all(Path(__file__).resolve().parent.parent)
