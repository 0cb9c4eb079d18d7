"""/verifikasi/: anybody may check a code. Nothing is stored, nothing is logged, no cookie is set."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric import ec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from certificates import codes, keys, shc, words
from certificates.forms import VerifyForm
from certificates.models import SigningKey
from certificates.trust import TrustedKey
from certificates.verifying import verify_text
from certificates.verifying.verdicts import Outcome
from core import throttle
from core.net import client_address
from core.snapshot import Snapshot, snapshot_response

LIMIT = "60/minute"


def _empty_page(request: HttpRequest) -> bytes:
    context = {"form": VerifyForm(), "page_path": request.path, "verify_data": browser_data()}
    return render_to_string("certificates/verify.html", context).encode()


def browser_data() -> dict[str, object]:
    """Everything the page needs to check codes by itself: our public keys, words and labels. No person is in it."""
    brands = {code.product: code.brand for code in codes.COVID_VACCINES.values() if code.has_eu_code}
    brands |= {f"CVX {code.cvx}": code.brand for code in codes.COVID_VACCINES.values() if code.cvx}
    brands |= {f"ICD-11 {code.icd11}": code.brand for code in codes.COVID_VACCINES.values() if code.has_eu_code}
    return {
        "issuer": keys.ISSUER_NAME,
        "keys": [_public(key) for key in keys.own_keys()],
        "revocations": reverse("revocations"),
        "words": words.all_words(),
        "labels": words.fact_labels(),
        "brands": brands,
        "signed_by": _("Ditandatangani oleh"),
        "not_listed": _("Penerbit ini belum tercantum di daftar kunci internasional."),
        "compare": _("Cocokkan nama dan tanggal lahir dengan kartu identitas pemegangnya."),
        "forgotten": _("Diperiksa di perangkat ini; kode tidak dikirim ke mana pun dan sudah dilupakan."),
    }


def _public(key: TrustedKey) -> dict[str, object]:
    """One key as the browser wants it."""
    is_card = bool(key.iss)
    if not isinstance(key.public_key, ec.EllipticCurvePublicKey):
        raise TypeError("our own keys are on P-256")
    jwk = shc.public_jwk(key.public_key)
    return {
        "purpose": str(SigningKey.Purpose.SHC if is_card else SigningKey.Purpose.DCC),
        "kid": key.kid.decode("ascii") if is_card else base64.b64encode(key.kid).decode("ascii"),
        "x": jwk["x"],
        "y": jwk["y"],
        "notBefore": key.not_before,
        "notAfter": key.not_after,
        "iss": key.iss,
    }


# A second is enough to carry a crowd, and a key made by a rotation is on the page at once.
page = Snapshot("verifikasi", _empty_page, max_age=1)


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
    kind, title, text = words.of(result)
    return {"result": result, "kind": kind, "title": title, "text": text, "facts": words.readable_facts(result.facts)}
