"""What the verifier in the browser needs to answer by itself: keys, code tables, words. No person is in it."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from certificates import codes, jsonld, words
from certificates.trust import chain, stored
from certificates.trust.keys import PublicKey, TrustedKey, public_key_der
from certificates.verifying import terms

_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def page_data() -> dict[str, Any]:
    """The words of the page in its language, and where it finds the rest."""
    return {
        "data": reverse("verify-data"),
        "revocations": reverse("revocations"),
        "worker": reverse("certificates:verify-worker"),
        "reader": static("vendor/qr-0.7.0.min.js"),
        "jsonld": static("vendor/jsonld-9.0.0.min.js"),
        "words": words.all_words(),
        "labels": words.fact_labels(),
        "kind_label": _("Jenis"),
        "kinds": words.kinds(),
        "codes": words.codes_in_words(),
        "trust": words.trust_sentences(),
        "notes": words.note_sentences(),
        "signed_by": _("Ditandatangani oleh"),
        "compare": _("Cocokkan nama dan tanggal lahir dengan kartu identitas pemegangnya."),
        "needs_network": _("Kode ini perlu diperiksa lewat internet. Sambungkan perangkat, lalu tekan Periksa lagi."),
        "forgotten": _("Diperiksa di perangkat ini; kode tidak dikirim ke mana pun dan sudah dilupakan."),
    }


def verifier_data() -> dict[str, Any]:
    """What static/js/verify/verifier.js takes; the list of revoked codes is published apart."""
    return {
        "made_at": timezone.now().isoformat(timespec="seconds"),
        "keys": published_keys(stored.trusted_keys()),
        "terms": code_tables(),
        "contexts": contexts(),
    }


def published_keys(keys: Iterable[TrustedKey]) -> list[dict[str, Any]]:
    """Keys as static/js/verify/trust.js holds them."""
    return [_published(key) for key in keys]


def _may_issue(key: TrustedKey) -> bool:
    return not key.certificate or chain.is_authority(key.certificate)


def _published(key: TrustedKey) -> dict[str, Any]:
    return {
        "kid": _b64(key.kid),
        "family": key.family,
        "type": _type(key.public_key),
        "spki": _b64(public_key_der(key.public_key)),
        "name": _b64(chain.subject_of(key.certificate)) if key.certificate else "",
        "mayIssue": _may_issue(key),
        "notBefore": key.not_before,
        "notAfter": key.not_after,
        "usages": sorted(key.usages),
        "formats": sorted(key.formats),
        "issuer": key.issuer,
        "iss": key.iss,
        "trust": key.trust,
        "list": key.list_name,
    }


def _type(key: PublicKey) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVES.get(key.curve.name, key.curve.name)
    return "RSA" if isinstance(key, rsa.RSAPublicKey) else "Ed25519"


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def code_tables() -> dict[str, Any]:
    """Codes of diseases, vaccines and products in words, and the value sets of the EU certificate."""
    return {
        "covid_19": codes.COVID_19,
        "cvx": terms.CVX,
        "kfa": terms.KFA,
        "diseases": terms.DISEASES,
        "vaccine_types": terms.VACCINE_TYPES,
        "divoc_contexts": sorted(jsonld.VACCINATION),
        "brands_icd": terms.BRANDS_BY_ICD,
        "brands_cvx": terms.BRANDS_BY_CVX,
        "brands_eu": {one.product: one.brand for one in codes.COVID_VACCINES.values() if one.has_eu_code},
        "holders_eu": codes.HOLDER_NAMES,
        "value_sets": {
            "tg": sorted(codes.EU_DISEASES),
            "vp": sorted(codes.EU_PROPHYLAXES),
            "mp": sorted(codes.EU_PRODUCTS),
            "ma": sorted(codes.EU_HOLDERS),
        },
    }


def contexts() -> dict[str, Any]:
    """The linked-data contexts of DIVOC by address; the loader in the browser knows no others."""
    return {url: jsonld.context(url) for url in jsonld.CONTEXTS}
