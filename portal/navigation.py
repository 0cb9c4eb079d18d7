"""Which links the shell shows, and to whom.

Links are written as the public paths of the portal (they are a contract with the people who bookmark and print
them) and appear only when a route answers, so that an installation without an app shows no dead link.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.urls import Resolver404, resolve
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy

if TYPE_CHECKING:
    from accounts.models import User

LANGUAGE_NAMES = {"id": "Indonesia", "en": "English"}


@dataclass(frozen=True)
class Entry:
    """One link of a menu; `current` marks the section the reader is in."""

    path: str
    label: str | Promise
    current: bool = False


PUBLIC = (
    ("/jadwal/", gettext_lazy("Jadwal")),
    ("/stok/", gettext_lazy("Stok")),
    ("/cakupan/", gettext_lazy("Cakupan")),
    ("/verifikasi/", gettext_lazy("Verifikasi")),
    ("/keluarga/", gettext_lazy("Akun")),
)
CITIZEN = (
    ("/keluarga/", gettext_lazy("Keluarga")),
    ("/janji/", gettext_lazy("Janji")),
    ("/antrean/", gettext_lazy("Antrean")),
    ("/sertifikat/", gettext_lazy("Sertifikat")),
)
FOOTER = (
    ("/status/", gettext_lazy("Status layanan dan PCare")),
    ("/verifikasi/", gettext_lazy("Periksa sertifikat")),
    ("/cakupan/", gettext_lazy("Cakupan vaksinasi")),
    ("/undian/", gettext_lazy("Undian tempat")),
    ("/data/", gettext_lazy("Data terbuka")),
    ("/pengaduan/", gettext_lazy("Pengaduan")),
    ("/petugas/", gettext_lazy("Masuk petugas")),
)
# Path, label, and the capability that opens it (accounts/territory.py).
STAFF = (
    ("/petugas/", "Meja layanan", "desk.check_in"),
    ("/petugas/pantau/", "Pemantauan", "desk.observe"),
    ("/petugas/jadwal/", "Jadwal", "desk.view"),
    ("/petugas/kader/", "Daftarkan warga", "booking.assist"),
    ("/petugas/undian/", "Undian", "draw.enter"),
    ("/petugas/tunggu/", "Daftar tunggu", "waitlist.join"),
    ("/petugas/stok/", "Stok", "stock.view"),
    ("/petugas/identitas/", "Identitas", "identity.resolve"),
    ("/dinkes/", "Cakupan", "coverage.view"),
    ("/dinkes/jadwal/", "Jadwal", "schedule.view"),
    ("/dinkes/antrean/", "Ruang tunggu", "schedule.view"),
    ("/dinkes/undian/", "Undian", "schedule.view"),
    ("/dinkes/stok/", "Stok kota", "stock.overview"),
    ("/dinkes/pcare/", "PCare", "pcare.view"),
    ("/dinkes/petugas/", "Petugas", "staff.manage"),
    ("/dinkes/mitra/", "Mitra", "partner.manage"),
    ("/dinkes/daftar-kunci/", "Kunci asing", "partner.manage"),
    ("/dinkes/pesan/", "Pesan", "messages.view"),
)
CITIZEN_SECTIONS = ("/keluarga/", "/janji/", "/antrean/", "/sertifikat/", "/masuk/")
STAFF_SECTIONS = ("/petugas/", "/dinkes/")
# Outside `i18n_patterns` (victori/urls.py); every other page stands below /en/ too.
ONE_LANGUAGE = (*STAFF_SECTIONS, "/admin/", "/api/", "/demo/")


@lru_cache(maxsize=256)
def routed(path: str) -> bool:
    """True when the project answers this path; menus are the same for the life of the process."""
    try:
        resolve(path)
    except Resolver404:
        return False
    return True


def split_language(path: str) -> tuple[str, str]:
    """Return language code and path without its prefix: `/en/jadwal/` is ("en", "/jadwal/")."""
    for code, _name in settings.LANGUAGES:
        if code != settings.LANGUAGE_CODE and (path == f"/{code}" or path.startswith(f"/{code}/")):
            return code, path[len(code) + 1 :] or "/"
    return settings.LANGUAGE_CODE, path


def localized(path: str) -> str:
    """The same path in the language now active; staff pages have one language and no prefix."""
    language = get_language() or settings.LANGUAGE_CODE
    if language.startswith(settings.LANGUAGE_CODE) or path.startswith(STAFF_SECTIONS):
        return path
    return f"/{language}{path}"


def entries(table: tuple[tuple[str, str | Promise], ...], current_path: str) -> list[Entry]:
    """Links of one menu in the active language, the current section marked."""
    current = section(table, current_path)
    shown = [(localized(path), path, label) for path, label in table]
    return [Entry(link, label, path == current) for link, path, label in shown if routed(link)]


def section(table: tuple[tuple[str, str | Promise], ...], current_path: str) -> str:
    """The entry of one menu that the reader is in; the longest match alone: on /petugas/stok/ /petugas/ is not."""
    here = split_language(current_path)[1]
    return max((path for path, _label in table if here.startswith(path)), key=len, default="")


def staff_entries(user: "User", current_path: str) -> list[Entry]:
    """Links a member of staff may open, by the capabilities of the day."""
    territory = user.territory()
    return entries(tuple((path, label) for path, label, name in STAFF if territory.can(name)), current_path)


def in_citizen_section(current_path: str) -> bool:
    """Only these pages may look at who is signed in; all others stay the same bytes for everybody."""
    return split_language(current_path)[1].startswith(CITIZEN_SECTIONS)


def other_language(current_path: str) -> dict[str, str] | None:
    """Link to this very page in the other language, or None for pages that have one language only."""
    code, bare = split_language(current_path)
    target = next((other for other, _name in settings.LANGUAGES if other != code), None)
    if target is None or bare.startswith(ONE_LANGUAGE):
        return None
    return {"url": _in_language(target, bare), "code": target, "name": LANGUAGE_NAMES.get(target, target)}


def _in_language(code: str, path: str) -> str:
    return path if code == settings.LANGUAGE_CODE else f"/{code}{path}"
