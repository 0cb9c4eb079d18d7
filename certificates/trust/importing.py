"""From a file or an address to keys that count: read and compared by us, confirmed by a person.

Nothing is trusted by mere presence. An edition waits with its source, date and difference; a person sees it and says
yes, and only then do its keys count and those it no longer names stop counting.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pghistory
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from certificates.trust.lists import csca, divoc, dsc, gdhcn, shc
from certificates.trust.lists.entries import MAX_BYTES, Entry, ListRefused, Reading, from_json
from certificates.trust.lists.proofs import read_signer
from certificates.trust.models import IssuerKey, TrustEdition, TrustList
from core import outgoing

Kind = TrustList.Kind
FORMATS: dict[str, tuple[str, ...]] = {
    Kind.GDHCN: ("eu-dcc", "who-dvc", "ddcc-vs"),
    Kind.DSC: ("eu-dcc", "who-dvc", "ddcc-vs"),
    Kind.SHC: ("shc",),
    Kind.CSCA: ("vds-nc",),
    Kind.DIVOC: ("divoc",),
}


def fetch(trust_list: TrustList, *, by: User | None = None) -> TrustEdition:
    """Fetch the list from its address and put it up for confirmation. Raises ValidationError."""
    if not trust_list.address:
        raise ValidationError("Daftar ini tidak beralamat; unggah berkasnya.")
    try:
        data = outgoing.fetch(trust_list.address, most=MAX_BYTES)
    except outgoing.NotFetched as error:
        raise ValidationError(str(error)) from error
    return take(trust_list, data, origin=trust_list.address, by=by)


def take(trust_list: TrustList, data: bytes, *, origin: str, by: User | None = None) -> TrustEdition:
    """Read one copy of a list and put it up for confirmation; nothing counts yet. Raises ValidationError.

    An earlier copy that still waited is discarded: there is one question at a time.
    """
    if len(data) > MAX_BYTES:
        raise ValidationError(f"Berkas lebih dari {MAX_BYTES // 1024 // 1024} MB.")
    try:
        reading = _read(trust_list, data, origin)
    except ListRefused as error:
        raise ValidationError(str(error)) from error
    with transaction.atomic():
        locked = _locked(trust_list.pk)
        _refuse_older(locked, reading)
        now = timezone.now()
        TrustEdition.objects.filter(trust_list=locked, status=TrustEdition.Status.PENDING).update(
            status=TrustEdition.Status.DISCARDED, decided_at=now, decided_by=by
        )
        return TrustEdition.objects.create(
            trust_list=locked,
            fetched_at=now,
            fetched_by=by,
            origin=origin[:300],
            digest=hashlib.sha256(data).hexdigest(),
            issued_at=reading.issued_at,
            proof=reading.proof[:200],
            entries=[entry.to_json() for entry in reading.entries],
            left_out=reading.left_out,
            diff=_difference(locked, reading.entries),
        )


def _read(trust_list: TrustList, data: bytes, origin: str) -> Reading:
    signer = read_signer(trust_list.signer) if trust_list.signer.strip() else None
    formats = trust_list.formats or FORMATS[trust_list.kind]
    readers: dict[str, Callable[[], Reading]] = {
        Kind.GDHCN: lambda: gdhcn.read(data, signer, formats),
        Kind.DSC: lambda: dsc.read(data, signer, formats),
        Kind.SHC: lambda: shc.read(data, signer, iss=trust_list.iss, origin=origin),
        Kind.CSCA: lambda: csca.read(data, signer),
        Kind.DIVOC: lambda: divoc.read(data, signer),
    }
    return readers[trust_list.kind]()


def _locked(pk: int) -> TrustList:
    """The row of the list is the lock of everything that happens to its editions and keys."""
    return TrustList.objects.select_for_update(no_key=True).get(pk=pk)


def _refuse_older(trust_list: TrustList, reading: Reading) -> None:
    """A signed list replayed from the past would bring back keys that were taken away since."""
    newest = trust_list.editions.filter(status=TrustEdition.Status.CONFIRMED).first()
    if newest and newest.issued_at and reading.issued_at and reading.issued_at < newest.issued_at:
        raise ValidationError(
            f"Daftar ini lebih tua ({reading.issued_at:%d-%m-%Y %H:%M} UTC) daripada yang sudah disetujui. Ditolak."
        )


def _difference(trust_list: TrustList, entries: list[Entry]) -> dict[str, Any]:
    current = {_identity(row) for row in trust_list.keys.filter(withdrawn_at=None)}
    offered = {entry.identity for entry in entries}
    return {
        "added": sorted(offered - current),
        "removed": sorted(current - offered),
        "kept": len(offered & current),
    }


def _identity(row: IssuerKey) -> str:
    return f"{row.family}|{row.kid}|{row.fingerprint}|{row.iss}"


@transaction.atomic
def confirm(edition_id: int, *, by: User | None, compared: bool = False) -> TrustEdition:
    """A person's yes: the keys of this edition count from now on, and those it does not name stop. Locks the list.

    `compared`: the person has compared the fingerprint with one from another source; asked for where the list carries
    no signature. Raises ValidationError when the edition has been decided, or what was shown is no longer what it does.
    """
    edition = _waiting(edition_id)
    if not edition.proof and not compared:
        raise ValidationError("Daftar ini tidak bertanda tangan: bandingkan sidik jarinya dengan sumber lain dahulu.")
    entries = [from_json(values) for values in edition.entries]
    if _difference(edition.trust_list, entries) != edition.diff:
        raise ValidationError("Daftar ini berubah sejak ditampilkan. Ambil lagi, lalu periksa perbedaannya.")
    now = timezone.now()
    current = {_identity(row): row for row in edition.trust_list.keys.filter(withdrawn_at=None)}
    removed = [current[identity].pk for identity in edition.diff["removed"]]
    IssuerKey.objects.filter(pk__in=removed).update(withdrawn_at=now)
    # Kept keys are written anew too: validity, holder and formats may have changed under the same key.
    kept = [row.pk for identity, row in current.items() if row.pk not in set(removed)]
    IssuerKey.objects.filter(pk__in=kept).delete()
    IssuerKey.objects.bulk_create((_row(edition, entry) for entry in entries), batch_size=500)
    return _decided(edition, TrustEdition.Status.CONFIRMED, by)


@transaction.atomic
def discard(edition_id: int, *, by: User | None) -> TrustEdition:
    """A person's no: nothing changes, the copy stays on record. Locks the list."""
    return _decided(_waiting(edition_id), TrustEdition.Status.DISCARDED, by)


@transaction.atomic
def set_active(list_id: int, active: bool, *, by: User) -> TrustList:
    """Stop or resume believing every key of a list; the change record keeps who did it. Locks the list.

    Says what is to be, so a second click, or a second person's, changes nothing.
    """
    trust_list = _locked(list_id)
    if trust_list.is_active != active:
        trust_list.is_active = active
        with pghistory.context(user=by.pk, action="trust" if active else "distrust"):
            trust_list.save(update_fields=["is_active"])
    return trust_list


@dataclass(frozen=True)
class Switch:
    """A list was taken out of use, or into use again."""

    at: datetime
    active: bool
    by: str


def switches(trust_list: TrustList) -> list[Switch]:
    """The change record of a list, the newest first."""
    events = list(pghistory.models.Events.objects.references(trust_list).order_by("-pgh_created_at", "-pgh_id"))
    users = [(event.pgh_context or {}).get("user") for event in events]
    names = User.objects.in_bulk({user for user in users if user})
    return [
        Switch(event.pgh_created_at, event.pgh_data["is_active"], str(names.get(user, "")))
        for event, user in zip(events, users, strict=True)
    ]


def _waiting(edition_id: int) -> TrustEdition:
    list_id = TrustEdition.objects.values_list("trust_list_id", flat=True).get(pk=edition_id)
    _locked(list_id)
    edition = TrustEdition.objects.select_related("trust_list").get(pk=edition_id)
    if edition.status != TrustEdition.Status.PENDING:
        raise ValidationError("Edisi ini sudah diputuskan.")
    return edition


def _decided(edition: TrustEdition, status: str, by: User | None) -> TrustEdition:
    edition.status, edition.decided_at, edition.decided_by = status, timezone.now(), by
    edition.save(update_fields=["status", "decided_at", "decided_by"])
    return edition


def _row(edition: TrustEdition, entry: Entry) -> IssuerKey:
    return IssuerKey(
        trust_list=edition.trust_list,
        edition=edition,
        family=entry.family,
        kid=entry.kid,
        fingerprint=entry.fingerprint,
        public_key=base64.b64decode(entry.public_key),
        certificate=base64.b64decode(entry.certificate) or None,
        issuer=entry.issuer,
        country=entry.country,
        iss=entry.iss,
        usages=entry.usages,
        formats=list(entry.formats),
        not_before=entry.not_before,
        not_after=entry.not_after,
    )
