"""The one-page letter to the province: given, sent and waiting on one day, and what differs (PDF by typst)."""

import json
import threading
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import typst
from django.db.models import Count
from django.utils import timezone

from core.formats import long_date, number
from pcare_bridge.models import Delivery, Difference, Reconciliation

SOURCE = Path(__file__).parent / "typst" / "letter.typ"
ISSUER = "Dinas Kesehatan Kota Semarang"
HEAD = ["Fasilitas", "Diberikan", "Terkirim", "Menunggu", "Perlu petugas", "Di luar portal"]
ROWS = 20  # fits one page together with every kind of difference; the rest is added up in one line
_FIGURES = ("given", "sent", "waiting_count", "person_count", "reported_count")
_compiling = threading.Lock()


@lru_cache(maxsize=1)
def _compiler() -> typst.Compiler:
    """Only the fonts inside the wheel: the same file on every machine."""
    return typst.Compiler(str(SOURCE), root=str(SOURCE.parent), ignore_system_fonts=True)


def render(day: date, rows: Sequence[Reconciliation]) -> bytes:
    """The letter of one day from the comparisons of it that the reader may see."""
    data = json.dumps(page_data(day, rows), ensure_ascii=False)
    with _compiling:
        made = _compiler().compile(
            format="pdf",
            sys_inputs={"data": data},
            pdf_standards=["a-2a", "ua-1"],
            timestamp=int(timezone.now().timestamp()),
        )
    return made if isinstance(made, bytes) else b"".join(page for page in made or [] if page)


def page_data(day: date, rows: Sequence[Reconciliation]) -> dict[str, Any]:
    """Everything the page prints."""
    lines = sorted(rows, key=lambda row: (-row.given, str(row.facility), row.profile))
    told = [row for row in lines if any(getattr(row, name) for name in _FIGURES)]
    shown, rest = told[:ROWS], told[ROWS:]
    printed = [[_name(row), *_figures([row])] for row in shown]
    if rest:
        printed.append([f"{len(rest)} baris lain", *_figures(rest)])
    return {
        "issuer": ISSUER,
        "place": "Semarang",
        "title": "Pencocokan laporan vaksinasi",
        "subject": f"laporan vaksinasi {long_date(day)}",
        "printed": long_date(timezone.localdate()),
        "opening": (
            f"Bersama ini kami sampaikan keadaan laporan vaksinasi yang disuntikkan pada {long_date(day)} menurut "
            "portal vaksinasi, sesudah dicocokkan dengan PCare dan SATUSEHAT. Dosis yang menunggu tercatat lengkap dan "
            "bersertifikat di portal; dosis itu terkirim sendiri begitu layanan tujuan menerimanya."
        ),
        "head": HEAD,
        "rows": printed,
        "totals": _totals(lines),
        "more": _more(lines),
        "differences": _differences(lines),
        "closing": "Angka alokasi vaksin mohon didasarkan pada kolom Diberikan.",
    }


def _more(rows: Sequence[Reconciliation]) -> str:
    """What the figures above do not say yet."""
    left = [row for row in rows if row.state != Reconciliation.DONE]
    uncounted = sum(not row.last_error for row in left)
    found = []
    if len(left) > uncounted:
        found.append(f"{len(left) - uncounted} baris belum dapat dicocokkan; angkanya menurut portal.")
    if uncounted:
        found.append(f"{uncounted} baris belum dihitung.")
    return " ".join(found)


def _name(row: Reconciliation) -> str:
    # One line each, whatever the name: the page must stay one.
    name = str(row.facility)
    short = name if len(name) <= 34 else f"{name[:33]}…"
    return f"{short} – {Delivery.Profile(row.profile).label.removeprefix('PCare ')}"


def _totals(rows: Sequence[Reconciliation]) -> list[list[str]]:
    """One line for each way of delivery: a dose that goes by two of them was given once."""
    profiles = sorted({row.profile for row in rows})
    return [
        [f"Jumlah {Delivery.Profile(profile).label}", *_figures([row for row in rows if row.profile == profile])]
        for profile in profiles
    ]


def _figures(rows: Sequence[Reconciliation]) -> list[str]:
    return [number(sum(getattr(row, name) for row in rows)) for name in _FIGURES]


def _differences(rows: Sequence[Reconciliation]) -> list[list[str]]:
    counted = (
        Difference.objects.filter(reconciliation__in=[row.pk for row in rows])
        .values("kind", "cause", "owner")
        .annotate(count=Count("pk"))
        .order_by("kind")
    )
    return [
        [Difference.Kind(line["kind"]).label, number(line["count"]), line["cause"], line["owner"]] for line in counted
    ]
