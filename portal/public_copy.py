"""A plain copy of schedule and stock as files, which nginx shows while the application is away.

Each page carries its time and promises nothing that needs the application: no form, no link to booking. The verifier is
among them, since it checks codes in the browser with our public keys and the signed list of revoked codes.
"""

import gzip
import os
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone, translation

from certificates import verify_views, wellknown
from scheduling.queries import overview
from stock.queries import public_stock

PAGES = ("beranda", "jadwal", "stok")
REVOCATIONS = "/.well-known/revocations.jws"


def write(folder: Path | None = None) -> Path:
    """Write every page anew into `folder` (settings.PUBLIC_COPY_DIR) and return it; about ten queries.

    Each file is replaced in one step, so that a reader sees the old page or the new one. The time of the whole comes
    last: what is interrupted half-way still says the older time.
    """
    folder = folder or settings.PUBLIC_COPY_DIR
    now = timezone.localtime()
    rows, shelves = overview(), public_stock()
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            for name in PAGES:
                context = {"what": name, "now": now, "rows": rows, "shelves": shelves}
                _replace(folder / language / f"{name}.html", render_to_string("portal/copy.html", context).encode())
            _write_verifier(folder, language, now)
    _replace(folder / "kunci.json", verify_views.data(_asking("/verifikasi/kunci.json")).content)
    _replace(folder / "jam.txt", f"{now:%H.%M} WIB".encode())
    return folder


def _write_verifier(folder: Path, language: str, now: datetime) -> None:
    try:
        revoked = wellknown.document(_asking(REVOCATIONS), "revocations")
    except Http404:  # no signing key yet, so nothing to verify
        return
    _replace(folder / "revocations.jws", revoked.content)
    path = "/verifikasi/" if language == settings.LANGUAGE_CODE else f"/{language}/verifikasi/"
    page = verify_views.verify(_asking(path)).content
    banner = render_to_string("portal/_copy_banner.html", {"now": now, "what": "verifikasi"}).encode()
    _replace(folder / language / "verifikasi.html", page.replace(b"<main", banner + b"<main", 1))


def _asking(path: str) -> HttpRequest:
    """A visitor without cookie who asks for a public page."""
    request = HttpRequest()
    request.method, request.path = "GET", path
    return request


def _replace(file: Path, body: bytes) -> None:
    """Write `body` and its compressed twin; nginx never sees half a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    for target, content in ((file, body), (file.with_name(file.name + ".gz"), gzip.compress(body, 6, mtime=0))):
        fresh = target.with_name(f".{target.name}.{os.getpid()}")
        fresh.write_bytes(content)
        fresh.chmod(0o644)  # the reader is another user
        fresh.replace(target)
