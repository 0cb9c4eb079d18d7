"""Doses given outside puskesmas and sent in by a partner facility: the same rules and guards as the desk."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

import registration.services as registration
from accounts.models import PartnerToken
from core.readlog import log_read
from registration.models import Citizen
from stock.models import StockBalance
from vaccination import services
from vaccination.errors import VaccinationError
from vaccination.models import Immunization

CREATED, DUPLICATE, REFUSED, INVALID = "created", "duplicate", "refused", "invalid"


@dataclass(frozen=True)
class RowResult:
    """What became of one row."""

    index: int
    uuid: str
    status: str
    dose_number: int | None = None
    code: str = ""
    problems: dict[str, list[str]] = field(default_factory=dict)


def record(index: int, row: dict[str, Any], token: PartnerToken) -> RowResult:
    """Record one validated row in a transaction of its own; a refusal leaves nothing behind and stops no other row."""
    key: uuid.UUID = row["uuid"]
    try:
        with transaction.atomic():
            recorded = _record(row, token)
    except ValidationError as error:
        return RowResult(index, str(key), REFUSED, code=_code(error), problems=_errors(error))
    status = CREATED if recorded.created else DUPLICATE
    return RowResult(index, str(key), status, dose_number=recorded.immunization.dose_number)


def _record(row: dict[str, Any], token: PartnerToken) -> services.Recorded:
    known = Immunization.objects.select_related("citizen").filter(client_uuid=row["uuid"]).first()
    if known:
        if known.facility_id != token.facility_id or not _same_person(known.citizen, row):
            raise VaccinationError("Kunci ini sudah dipakai untuk catatan lain. Buat kunci baru.", code="key_reused")
        return services.Recorded(known, created=False)
    citizen, created = registration.known_or_new(
        nik=row.get("nik") or None,
        full_name=row["full_name"],
        birth_date=row["birth_date"],
        sex=row["sex"],
        no_nik_reason=row.get("no_nik_reason", ""),
        kelurahan=row.get("kelurahan"),
        contact_phone=row.get("phone", ""),
    )
    if not created and citizen.birth_date != row["birth_date"]:
        raise VaccinationError(
            "Tanggal lahir berbeda dari yang tercatat untuk NIK ini. Periksa kartunya.", code="identity_mismatch"
        )
    log_read(user=token.user, citizen_id=citizen.pk, purpose="partner", note=token.facility.name)
    balance = StockBalance.objects.filter(
        facility_id=token.facility_id,
        lot__vaccine_id=row["vaccine"],
        lot__lot_number=" ".join(row["lot_number"].upper().split()),
    ).first()
    if balance is None:
        raise VaccinationError(
            "Batch ini tidak ada di stok fasilitas Anda. Catat penerimaannya dulu.", code="lot_unknown"
        )
    return services.record_dose(
        client_uuid=row["uuid"],
        citizen_id=citizen.pk,
        facility_id=token.facility_id,
        programme_code=row["programme"],
        dose_code=row["dose_code"],
        lot_id=balance.lot_id,
        performer=token.user,
        recorder=token.user,
        occurred_at=row["occurred_at"],
        body_site=row.get("body_site", ""),
        override_reason=row.get("override_reason", ""),
    )


def _same_person(citizen: Citizen, row: dict[str, Any]) -> bool:
    if row.get("nik"):
        return citizen.nik_index == registration.nik_index(row["nik"])
    return citizen.birth_date == row["birth_date"]


def _code(error: ValidationError) -> str:
    first = error
    while getattr(first, "error_list", None) and first.error_list[0] is not first:
        first = first.error_list[0]
    return getattr(first, "code", None) or type(error).__name__.lower()


def _errors(error: ValidationError) -> dict[str, list[str]]:
    return error.message_dict if hasattr(error, "error_dict") else {"dose": list(error.messages)}
