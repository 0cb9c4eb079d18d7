"""/verifikasi/: anybody may check a code. Nothing is stored, nothing is logged, no cookie is set."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from certificates import outcome
from certificates.facts_text import readable_facts
from certificates.forms import VerifyForm
from certificates.outcome import Outcome
from certificates.verifying import verify_text
from core import throttle
from core.net import client_address
from core.snapshot import Snapshot, snapshot_response

LIMIT = "60/minute"


def _empty_page(request: HttpRequest) -> bytes:
    return render_to_string("certificates/verify.html", {"form": VerifyForm(), "page_path": request.path}).encode()


page = Snapshot("verifikasi", _empty_page, max_age=60)


# Without a session there is nothing a forged request could misuse, and a token would put a cookie on a public page.
@csrf_exempt
def verify(request: HttpRequest) -> HttpResponse:
    """GET: the form. POST: the verdict on one code; the code is not kept anywhere."""
    if request.method not in ("POST",):
        return snapshot_response(request, page)
    if wait := throttle.hit("verify_page", client_address(request), LIMIT):
        return render(request, "429.html", {"retry_minutes": max(1, wait // 60)}, status=429)
    form = VerifyForm(request.POST)
    if not form.is_valid():
        return render(request, "certificates/verify.html", {"form": form}, status=422)
    result = verify_text(form.cleaned_data["code"])
    return render(request, "certificates/verdict.html", verdict_context(result))


def verdict_context(result: Outcome) -> dict[str, object]:
    """The verdict in plain words with the facts of a code whose signature held."""
    kind, title, text = words(result)
    return {
        "result": result,
        "kind": kind,
        "title": title,
        "text": text,
        "facts": readable_facts(result.facts),
    }


def words(result: Outcome) -> tuple[str, str, str]:
    """Kind of notice, title and one sentence for a verdict."""
    unreadable = ("error", _("Kode tidak terbaca"))
    table = {
        outcome.VALID: ("ok", _("Sah"), _("Tanda tangan digital sah dan isinya tidak diubah.")),
        outcome.BAD_SIGNATURE: (
            "error",
            _("Tidak sah"),
            _("Tanda tangan tidak cocok: isi kode diubah atau dipalsukan."),
        ),
        outcome.UNKNOWN_KEY: (
            "warn",
            _("Penerbit tidak dikenal"),
            _("Kode ini tidak ditandatangani dengan kunci kami. Keasliannya tidak dapat dipastikan di sini."),
        ),
        outcome.REVOKED: (
            "error",
            _("Dicabut"),
            _("Sertifikat ini pernah sah, tetapi sudah dicabut penerbitnya. Minta sertifikat yang baru."),
        ),
        outcome.EXPIRED: ("warn", _("Kedaluwarsa"), _("Tanda tangan sah, tetapi masa berlakunya sudah habis.")),
        outcome.NOT_YET_VALID: ("warn", _("Belum berlaku"), _("Tanda tangan sah, tetapi belum mulai berlaku.")),
        outcome.WRONG_KEY_USAGE: (
            "error",
            _("Tidak sah"),
            _("Kunci penerbit ini tidak berhak menandatangani jenis sertifikat ini."),
        ),
        outcome.BAD_SCHEMA: (
            "error",
            _("Tidak sah"),
            _("Tanda tangan sah, tetapi isinya tidak mengikuti aturan formatnya."),
        ),
        outcome.BAD_VALUESET: (
            "warn",
            _("Sah, dengan catatan"),
            _("Tanda tangan sah, tetapi ada kode vaksin yang tidak ada di daftar resmi."),
        ),
        outcome.BAD_PREFIX: (
            *unreadable,
            _("Ini bukan kode sertifikat yang kami kenal. Kode diawali HC1: atau shc:/."),
        ),
    }
    default = (*unreadable, _("Kode tidak lengkap atau rusak. Pindai ulang, atau salin seluruh teksnya."))
    kind, title, text = table.get(result.verdict, default)
    if result.verdict == outcome.VALID and result.facts.get("kind") == "unknown":
        return (
            "warn",
            _("Tanda tangan sah, isi tidak dikenal"),
            _("Isi kode ini bukan bukti vaksinasi yang kami kenal."),
        )
    return kind, title, text
