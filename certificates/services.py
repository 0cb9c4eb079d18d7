"""Issue, revoke and renew certificates. The private keys are used here and nowhere else, always for a recorded dose."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence, Set
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from certificates import assemble, dcc, dvc, hcert, keys, notify, qr, shc
from certificates.assemble import NotCertifiable, why_not
from certificates.facts import DoseFacts
from certificates.models import Certificate, Revocation, SignatureLog, SigningKey
from certificates.uvci import new_uvci
from core.copying import copy_rows
from core.crypto import blind_index
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
        if reason := why_not(immunization):
            raise NotCertifiable(reason)
        if _is_barred(immunization):
            raise NotCertifiable("revoked")
        [new] = sign(assemble.read(assemble.certifiable().filter(pk=immunization_id)), signer=keys.signer)
        certificate = Certificate(**new.row._asdict())
        certificate.hc1_svg, certificate.shc_svg = qr.pictures(certificate)
        certificate.save(force_insert=True)
        log_signatures([new.row], actor)
        notify.certificates_ready([(new.row.public_id, immunization.citizen, new.token)])
        return certificate


def _locked_dose(immunization_id: int) -> Immunization:
    return (
        Immunization.objects.select_for_update(no_key=True, of=("self",))
        .select_related("citizen__account")
        .get(pk=immunization_id)
    )


def _is_barred(immunization: Immunization) -> bool:
    """True when the dose's proof was revoked for a reason that lies in the dose, so no new one may follow."""
    return Revocation.objects.barring().filter(certificate__immunization=immunization).exists()


def missing(first: int | None = None, last: int | None = None) -> QuerySet[Immunization]:
    """Doses for which `issue` would sign: entitled to a certificate, without one that is valid today.

    With `first` and `last` only those of these ids and between. Certificates and revocations are told as well: the
    planner does not pass a range on, and before their tables have statistics it reads all of them for every batch.
    """
    doses = assemble.certifiable()
    of_dose = Certificate.objects.filter(immunization=OuterRef("pk"))
    barred = Revocation.objects.barring().filter(certificate__immunization=OuterRef("pk"))
    if first is not None and last is not None:
        doses = doses.filter(pk__gte=first, pk__lte=last)
        of_dose = of_dose.filter(immunization__gte=first, immunization__lte=last)
        barred = barred.filter(certificate__immunization__gte=first, certificate__immunization__lte=last)
    valid = of_dose.filter(status=Certificate.Status.VALID, expires_at__gt=timezone.now())
    return doses.filter(~Exists(valid), ~Exists(barred))


class Codes(NamedTuple):
    """Both codes of one certificate with the keys that signed them; `eu_reason` says why the HC1 is not of the EU."""

    hc1: hcert.Signed | None
    shc: hcert.Signed
    hc1_key: str | None
    shc_key: str
    eu_reason: str
    expires_at: datetime


class NewRow(NamedTuple):
    """A certificate before it is a row; the fields are columns of the table."""

    public_id: UUID
    immunization_id: int
    link_index: bytes
    uvci: str
    hc1: str
    shc: str
    eu_reason: str
    hc1_key_id: str | None
    shc_key_id: str
    facts: dict[str, Any]
    issued_at: datetime
    expires_at: datetime


class New(NamedTuple):
    """A certificate that is signed and not saved yet, of whose dose it is, and the random part of its link."""

    row: NewRow
    citizen_id: int
    token: str


def sign(doses: Sequence[assemble.Dose], *, signer: Callable[[str], keys.Signer]) -> list[New]:
    """Sign a certificate for each of these doses and let those they have expire; the new ones are not saved yet.

    The caller holds the locks of the doses, knows that they are `missing`, and saves `row` and `log_signatures` in the
    same transaction. Raises keys.NoSigningKey.
    """
    _let_expire({dose.pk for dose in doses})
    now, cases = timezone.now(), [(facts, new_uvci()) for facts in assemble.facts_of(doses)]
    codes = make_all_codes(cases, now, signer=signer)
    return [_new(dose, *case, code, now) for dose, case, code in zip(doses, cases, codes, strict=True)]


def _let_expire(doses: Set[int]) -> None:
    """The certificates these doses have make place for new ones. The doses are asked for by range: mostly none has."""
    if not doses:
        return
    valid = Certificate.objects.filter(status=Certificate.Status.VALID)
    around = valid.filter(immunization__gte=min(doses), immunization__lte=max(doses), expires_at__lte=timezone.now())
    old = [pk for pk, dose in around.values_list("pk", "immunization_id") if dose in doses]
    if old:
        valid.filter(pk__in=old).update(status=Certificate.Status.RENEWED)


def _new(dose: assemble.Dose, facts: DoseFacts, uvci: str, codes: Codes, now: datetime) -> New:
    token = secrets.token_urlsafe(LINK_BYTES)
    row = NewRow(
        public_id=uuid4(),
        immunization_id=dose.pk,
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
    return New(row, dose.citizen_id, token)


def save_all(rows: Sequence[NewRow]) -> None:
    """Save certificates without pictures, which are made when somebody looks (`qr.pictures`)."""
    rest = (Certificate.Status.VALID.value, "", "")
    copy_rows(Certificate, (*NewRow._fields, "status", "hc1_svg", "shc_svg"), [row + rest for row in rows])


def log_signatures(rows: Iterable[NewRow], actor: str) -> None:
    """Write a line of the log for each signature of these certificates."""
    lines = [
        (row.issued_at, kid, uci_hash, row.immunization_id, actor)
        for row in rows
        for uci_hash in (hcert.revocation_hash(row.uvci.encode()),)
        for kid in (row.hc1_key_id, row.shc_key_id)
        if kid
    ]
    copy_rows(SignatureLog, ("at", "kid", "uci_hash", "immunization_id", "actor"), lines)


def make_codes(facts: DoseFacts, uvci: str, now: datetime, *, signer: Callable[[str], keys.Signer]) -> Codes:
    """Sign both codes; writes nothing. `signer` gives the key of a purpose (`keys.signer`, or its answers kept)."""
    return make_all_codes([(facts, uvci)], now, signer=signer)[0]


def make_all_codes(
    cases: Sequence[tuple[DoseFacts, str]], now: datetime, *, signer: Callable[[str], keys.Signer]
) -> list[Codes]:
    """As `make_codes` for each of these facts and identifiers, in the same order.

    One kind of code for all, then the other: a sixth cheaper than both for one dose after the other.
    """
    card_key = signer(SigningKey.Purpose.SHC)
    at_most = min(now + timedelta(days=keys.CERTIFICATE_DAYS), card_key.not_after)
    contents = [_hc1_content(*case) for case in cases]
    signed = [_sign_hc1(content, now, at_most, signer) for content in contents]
    cards = [
        shc.issue(facts, issuer_url=card_key.iss, kid=card_key.kid, uvci=uvci, sign=card_key.sign, issued_at=now)
        for facts, uvci in cases
    ]
    return [
        Codes(hc1, card, kid, card_key.kid, dcc.why_not(facts), expires)
        for (facts, _), (hc1, kid, expires), card in zip(cases, signed, cards, strict=True)
    ]


def _sign_hc1(
    content: tuple[str, dict[int, Any]] | None, now: datetime, at_most: datetime, signer: Callable[[str], keys.Signer]
) -> tuple[hcert.Signed | None, str | None, datetime]:
    """The HC1 code, the kid of its key, and when it expires: with its key at the latest. Without content none."""
    if content is None:
        return None, None, at_most
    purpose, payload = content
    key = signer(purpose)
    expires = min(at_most, key.not_after)
    code = hcert.issue(payload, kid=key.kid_bytes, sign=key.sign, issued_at=now, expires_at=expires)
    return code, key.kid, expires


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


def facts_as_json(facts: DoseFacts) -> dict[str, Any]:
    return facts._asdict() | {
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
