"""Issue, revoke and renew certificates. The private keys are used here and nowhere else, always for a recorded dose."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from certificates import dcc, dvc, hcert, keys, notify, qr, shc
from certificates.assemble import NotCertifiable, dose_facts, why_not
from certificates.facts import DoseFacts
from certificates.models import Certificate, Revocation, SignatureLog, SigningKey
from certificates.uvci import new_uvci
from core.crypto import blind_index
from programmes.models import DoseRule
from vaccination.models import Immunization

LINK_BYTES = 24  # 192 random bits: a link cannot be guessed, and still opens nothing without the code


def issue(immunization_id: int, *, actor: str = "worker") -> Certificate:
    """Return the valid certificate of a dose, signing it if there is none yet.

    Safe to call at once from the worker and from the citizen's page: the row of the dose is locked, the second caller
    finds the certificate of the first. Raises NotCertifiable, or keys.NoSigningKey.
    """
    with transaction.atomic():
        immunization = _locked_dose(immunization_id)
        existing = Certificate.objects.filter(immunization=immunization, status=Certificate.Status.VALID).first()
        if existing and existing.expires_at > timezone.now():
            return existing
        if existing:
            existing.status = Certificate.Status.RENEWED
            existing.save(update_fields=["status"])
        if reason := why_not(immunization):
            raise NotCertifiable(reason)
        if _is_barred(immunization):
            raise NotCertifiable("revoked")
        certificate, token = signed(immunization, label=dose_label(immunization), signer=keys.signer)
        certificate.hc1_svg, certificate.shc_svg = qr.pictures(certificate)
        certificate.save(force_insert=True)
        SignatureLog.objects.bulk_create(signatures_of(certificate, actor))
        notify.certificate_ready(certificate, token)
        return certificate


def _locked_dose(immunization_id: int) -> Immunization:
    return (
        Immunization.objects.select_for_update(no_key=True, of=("self",))
        .select_related("vaccine", "citizen__account", "facility")
        .get(pk=immunization_id)
    )


def _is_barred(immunization: Immunization) -> bool:
    """True when the dose's proof was revoked for a reason that lies in the dose, so no new one may follow."""
    revoked = Revocation.objects.filter(certificate__immunization=immunization)
    return revoked.exclude(reason__in=Revocation.RENEWABLE).exists()


@dataclass(frozen=True)
class Codes:
    """Both codes of one certificate with the keys that signed them; `eu_reason` says why the HC1 is not of the EU."""

    hc1: hcert.Signed | None
    shc: hcert.Signed
    hc1_key: str | None
    shc_key: str
    eu_reason: str
    expires_at: datetime


def signed(
    immunization: Immunization,
    *,
    label: str,
    signer: Callable[[str], keys.Signer],
    history: Sequence[Immunization] | None = None,
) -> tuple[Certificate, str]:
    """A certificate that is not saved yet, without pictures, and the random part of its link.

    Raises NotCertifiable. The caller holds the lock of the dose; `history` as in `assemble.dose_position`.
    """
    facts = dose_facts(immunization, dose_label=label, history=history)
    uvci, now, token = new_uvci(), timezone.now(), secrets.token_urlsafe(LINK_BYTES)
    codes = make_codes(facts, uvci, now, signer=signer)
    certificate = Certificate(
        immunization=immunization,
        link_index=link_index(token),
        uvci=uvci,
        hc1=codes.hc1.text if codes.hc1 else "",
        shc=codes.shc.text,
        eu_reason=codes.eu_reason,
        hc1_key_id=codes.hc1_key,
        shc_key_id=codes.shc_key,
        facts=facts_as_json(facts),
        issued_at=now,
        expires_at=codes.expires_at,
    )
    return certificate, token


def signatures_of(certificate: Certificate, actor: str) -> list[SignatureLog]:
    """A line of the log for each signature of a certificate; both are saved in one transaction."""
    return [
        SignatureLog(
            at=certificate.issued_at,
            kid=kid,
            uci_hash=hcert.revocation_hash(certificate.uvci.encode()),
            immunization_id=certificate.immunization_id,
            actor=actor,
        )
        for kid in (certificate.hc1_key_id, certificate.shc_key_id)
        if kid
    ]


def make_codes(facts: DoseFacts, uvci: str, now: datetime, *, signer: Callable[[str], keys.Signer]) -> Codes:
    """Sign both codes; writes nothing. `signer` gives the key of a purpose (`keys.signer`, or its answers kept)."""
    card_key = signer(SigningKey.Purpose.SHC)
    expires = min(now + timedelta(days=keys.CERTIFICATE_DAYS), card_key.not_after)
    signed = hc1_key = None
    if content := _hc1_content(facts, uvci):
        purpose, payload = content
        hc1_key = signer(purpose)
        expires = min(expires, hc1_key.not_after)
        signed = hcert.issue(payload, kid=hc1_key.kid_bytes, sign=hc1_key.sign, issued_at=now, expires_at=expires)
    card = shc.issue(facts, issuer_url=card_key.iss, kid=card_key.kid, uvci=uvci, sign=card_key.sign, issued_at=now)
    return Codes(signed, card, hc1_key.kid if hc1_key else None, card_key.kid, dcc.why_not(facts), expires)


def _hc1_content(facts: DoseFacts, uvci: str) -> tuple[str, dict[int, Any]] | None:
    """Whose key signs what in the HC1 code: the EU certificate, else the one of the WHO, else nothing."""
    if not dcc.why_not(facts):
        return SigningKey.Purpose.DCC, {hcert.EU_DCC: dcc.build(facts, uvci)}
    if dvc.can_write(facts):
        return SigningKey.Purpose.DVC, {hcert.DVC: dvc.build(facts)}
    return None


def link_index(token: str) -> bytes:
    """How the random part of a certificate link is stored and found."""
    return blind_index(token, "certificate-link")


def dose_label(immunization: Immunization) -> str:
    """The ministry's name of the dose ("booster 1"), or its code when no rule names it."""
    label = (
        DoseRule.objects.filter(programme_id=immunization.programme_id, dose_code=immunization.dose_code)
        .values_list("dose_label", flat=True)
        .first()
    )
    return label or immunization.dose_code


def facts_as_json(facts: DoseFacts) -> dict[str, Any]:
    return vars(facts) | {
        "birth_date": facts.birth_date.isoformat(),
        "occurred_on": facts.occurred_on.isoformat(),
    }


def revoke(
    immunization_id: int, *, reason: str = Revocation.Reason.CORRECTED, actor_id: int | None = None
) -> Revocation | None:
    """Revoke every code ever signed for a dose; None when there is none. Idempotent; keeps all rows.

    Renewed certificates are revoked too: their codes may still be inside their own year. Where the reason lies in the
    code (a leaked key, a code passed around) the dose gets a new certificate on the next look, else none any more.
    """
    newest = None
    with transaction.atomic():
        immunization = _locked_dose(immunization_id)
        for certificate in Certificate.objects.filter(immunization=immunization).order_by("pk"):
            newest = _revoke_one(certificate, reason, actor_id)
    return newest


def _revoke_one(certificate: Certificate, reason: str, actor_id: int | None) -> Revocation:
    signature = shc.unb64url(certificate.shc.rpartition(".")[2])
    hc1_hash = None
    if certificate.hc1:
        hc1_hash = hcert.revocable(hcert.signature_of(certificate.hc1), hcert.ES256).by_signature
    named = hcert.revocable(signature, hcert.ES256, uvci=certificate.uvci, country="ID")
    revocation, _created = Revocation.objects.get_or_create(
        certificate=certificate,
        defaults={
            "kid": certificate.shc_key_id,
            "rid": shc.revocation_id(certificate.uvci),
            "uci_hash": named.by_uvci,
            "country_uci_hash": named.by_country_uvci,
            "hc1_signature_hash": hc1_hash,
            "shc_signature_hash": named.by_signature,
            "reason": reason,
            "actor_id": actor_id,
        },
    )
    if revocation.reason in Revocation.RENEWABLE and reason not in Revocation.RENEWABLE:
        revocation.reason, revocation.actor_id = reason, actor_id
        revocation.save(update_fields=["reason", "actor"])
    if certificate.status != Certificate.Status.REVOKED:
        certificate.status = Certificate.Status.REVOKED
        certificate.save(update_fields=["status"])
    return revocation


def revoke_signed_by(kid: str, *, reason: str) -> int:
    """Revoke every certificate one key signed; each dose is issued anew when it is next opened. Returns how many."""
    signed = Certificate.objects.filter(Q(hc1_key_id=kid) | Q(shc_key_id=kid)).exclude(
        status=Certificate.Status.REVOKED
    )
    count = 0
    for pk in list(signed.values_list("pk", flat=True)):
        with transaction.atomic():
            _revoke_one(Certificate.objects.select_for_update().get(pk=pk), reason, None)
        count += 1
    return count


def on_recorded(payload: dict[str, Any]) -> None:
    """Consumer of `immunization.recorded`."""
    try:
        issue(payload["immunization_id"])
    except NotCertifiable:
        # Corrected before the worker came, or history from elsewhere: there is nothing to prove.
        return


def on_corrected(payload: dict[str, Any]) -> None:
    """Consumer of `immunization.corrected`: the old codes end, the row that replaces the dose gets its own."""
    revoke(payload["immunization_id"])
    if payload.get("replacement_id"):
        on_recorded({"immunization_id": payload["replacement_id"]})
