"""Keys and revocations as the world fetches them: /.well-known/. Public, cookieless, open to scripts of any site."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from certificates import authority, keys, shc
from certificates.models import Revocation, SigningKey
from core.snapshot import Snapshot, snapshot_response

MAX_AGE = 300
KID = re.compile(r"[A-Za-z0-9_-]{1,44}")  # an RFC 7638 thumbprint


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _certificate(key: SigningKey) -> x509.Certificate:
    return x509.load_pem_x509_certificate(key.certificate_pem.encode())


def _raw(key: SigningKey) -> str:
    return base64.b64encode(_certificate(key).public_bytes(Encoding.DER)).decode("ascii")


def _trusted(*purposes: str) -> list[SigningKey]:
    return list(SigningKey.objects.trusted().filter(purpose__in=purposes).order_by("purpose", "use_from", "kid"))


def _jwks(_request: HttpRequest) -> bytes:
    revoked = dict(Revocation.objects.values_list("kid").annotate(count=Count("pk")))
    entries = []
    for key in _trusted(SigningKey.Purpose.SHC):
        public = _certificate(key).public_key()
        if isinstance(public, ec.EllipticCurvePublicKey):
            above = authority.authority_of(_certificate(key))
            chain = [_raw(key), _raw(above)] if above else [_raw(key)]
            entry: dict[str, Any] = {**shc.public_jwk(public), "x5c": chain}
            if key.kid in revoked:
                entry["crlVersion"] = revoked[key.kid]
            entries.append(entry)
    return _json({"keys": entries})


def _signers(_request: HttpRequest) -> bytes:
    """Document signers with their certificates, and the authority above them."""
    purposes = [purpose.value for purpose in SigningKey.Purpose]
    listed = [
        {
            "kid": key.kid,
            "purpose": key.purpose,
            "country": "ID",
            "notBefore": key.not_before.isoformat(),
            "notAfter": key.not_after.isoformat(),
            "rawData": _raw(key),
        }
        for key in _trusted(*purposes)
    ]
    return _json({"certificates": listed, "issuedAt": timezone.now().replace(microsecond=0).isoformat()})


def _signers_pem(_request: HttpRequest) -> bytes:
    return "".join(key.certificate_pem for key in _trusted("authority", "dcc", "dvc")).encode()


def _revocations(_request: HttpRequest) -> bytes:
    """Hashes of revoked codes in the three forms of the EU, as one JWS signed with our health-card key."""
    rows = Revocation.objects.values_list(
        "uci_hash", "country_uci_hash", "hc1_signature_hash", "shc_signature_hash", "reason"
    )
    lists: dict[str, list[str]] = {"UCI": [], "COUNTRYCODEUCI": [], "SIGNATURE": []}
    for uci, country, hc1, card, _reason in rows:
        lists["UCI"].append(_b64(uci))
        lists["COUNTRYCODEUCI"].append(_b64(country))
        lists["SIGNATURE"] += [_b64(value) for value in (hc1, card) if value]
    payload = {
        "country": "ID",
        "issuedAt": timezone.now().replace(microsecond=0).isoformat(),
        "entries": {name: sorted(values) for name, values in lists.items()},
    }
    return _signed(payload)


def _signed(payload: dict[str, Any]) -> bytes:
    signer = keys.signer(SigningKey.Purpose.SHC)
    header = shc.b64url(_json({"alg": "ES256", "kid": signer.kid, "typ": "revocation-list"}))
    body = shc.b64url(_json(payload))
    return f"{header}.{body}.{shc.b64url(signer.sign(f'{header}.{body}'.encode()))}".encode()


def _b64(value: bytes | memoryview) -> str:
    return base64.b64encode(bytes(value)).decode("ascii")


def _snapshot(name: str, build: Callable[[HttpRequest], bytes], content_type: str) -> Snapshot:
    return Snapshot(name, build, max_age=1.0, content_type=content_type)


PAGES = {
    "jwks": _snapshot("jwks", _jwks, "application/json"),
    "signers": _snapshot("signers", _signers, "application/json"),
    "signers-pem": _snapshot("signers-pem", _signers_pem, "application/x-pem-file"),
    "revocations": _snapshot("revocations", _revocations, "application/jose"),
}


@require_safe
def document(request: HttpRequest, name: str) -> HttpResponse:
    """One of the published lists; refetching is cheap (ETag), and any site's verifier may read it."""
    try:
        response = snapshot_response(request, PAGES[name])
    except keys.NoSigningKey as error:
        raise Http404(str(error)) from error
    return _open_to_all(response)


@require_safe
def card_revocations(request: HttpRequest, kid: str) -> HttpResponse:
    """Revoked health cards of one key, by their random `rid`."""
    if not KID.fullmatch(kid) or not SigningKey.objects.filter(pk=kid, purpose=SigningKey.Purpose.SHC).exists():
        raise Http404("kid")
    rids = list(Revocation.objects.filter(kid=kid).order_by("pk").values_list("rid", flat=True))
    body = _json({"kid": kid, "method": "rid", "ctr": len(rids), "rids": rids})
    response = HttpResponse(body, content_type="application/json")
    return _open_to_all(response)


@require_safe
def revoked_signers(request: HttpRequest) -> HttpResponse:
    """The authority's X.509 list of revoked document signers (RFC 5280), as their certificates say where to find it."""
    newest = SigningKey.objects.usable(SigningKey.Purpose.AUTHORITY).exclude(revocation_list=None).first()
    if newest is None:
        raise Http404("ca.crl")
    return _open_to_all(HttpResponse(bytes(newest.revocation_list or b""), content_type="application/pkix-crl"))


def _open_to_all(response: HttpResponse) -> HttpResponse:
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cache-Control"] = f"public, max-age={MAX_AGE}"
    return response
