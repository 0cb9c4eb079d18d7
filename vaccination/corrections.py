"""A dose on record turns out wrong: it is corrected (marked and written anew) or withdrawn, never overwritten.

Locks: citizen, dose, stock balance. A withdrawal then also takes the appointment the dose had fulfilled and its place:
against the order of the house, but nobody who holds one of these two ever goes on to wait for stock.
"""

import uuid
from typing import Any

from django.db import transaction
from django.utils import timezone

import scheduling.services as scheduling
import stock.services as stock
from accounts.models import User
from programmes.history import PastDose
from registration.models import Citizen
from stock.models import Lot
from vaccination.eligibility import judge
from vaccination.errors import RuleRefused, VaccinationError
from vaccination.models import Immunization, Visit
from vaccination.services import (
    CLOCK_TOLERANCE,
    Recorded,
    answered,
    copy_lot,
    lock_citizen,
    refuse_wrong_product,
    tell,
)

Status = Immunization.Status
# What a correction may change; lot implies vaccine, expiry and stock.
CORRECTABLE = frozenset({"lot_id", "dose_code", "occurred_at", "body_site", "performer"})


def correct_dose(
    *, immunization_id: int, client_uuid: uuid.UUID, actor: User, reason: str, override_reason: str = "", **changes: Any
) -> Recorded:
    """Mark a dose as entered in error and write it anew with `changes` (keys of CORRECTABLE).

    Stock follows when the lot changes: the old dose is given back, one is taken from the right lot. Rules are asked
    again when product, dose or day change. Same key again returns the first answer. Locks citizen, row, balances.
    """
    unknown = changes.keys() - CORRECTABLE
    if unknown:
        raise TypeError(f"not correctable: {', '.join(sorted(unknown))}")
    if not reason.strip():
        raise VaccinationError("Isi alasan perbaikan.")
    with transaction.atomic():
        old = Immunization.objects.select_related("vaccine").get(pk=immunization_id)
        citizen = lock_citizen(old.citizen_id)
        known = answered(client_uuid, citizen.pk)
        if known:
            return known
        old = Immunization.objects.select_for_update(no_key=True, of=("self",)).select_related("vaccine").get(pk=old.pk)
        _must_be_given(old)
        new = _corrected_copy(old, client_uuid, actor, changes)
        if not _differs(old, new):
            raise VaccinationError("Tidak ada yang berubah. Ubah isian yang salah, lalu simpan.")
        check_order = (old.vaccine_id, old.dose_code, timezone.localdate(old.occurred_at))
        if check_order != (new.vaccine_id, new.dose_code, timezone.localdate(new.occurred_at)):
            _judge_again(old, new, citizen, override_reason.strip()[:200])
        _mark_in_error(old, actor, reason)
        moved = old.is_primary_source and new.lot_id_used != old.lot_id_used
        if moved and new.lot_id_used and new.facility_id:
            stock.lock_balances(new.facility_id, [old.lot_id_used or 0, new.lot_id_used])
            stock.give_back(immunization_uuid=stock_uuid(old), actor=actor, reason=f"Perbaikan: {reason}"[:200])
            lot, _movement = stock.take_dose(
                facility_id=new.facility_id, lot_id=new.lot_id_used, at=new.occurred_at, actor=actor,
                immunization_uuid=new.uuid,
            )  # fmt: skip
            copy_lot(new, lot)
            scheduling.fit_pairs([(new.facility_id, old.vaccine_id), (new.facility_id, lot.vaccine_id)])
        new.validate_constraints()
        new.save(force_insert=True)
        tell("immunization.corrected", old, replacement_id=new.pk)
        return Recorded(new, created=True)


def withdraw_dose(*, immunization_id: int, actor: User, reason: str) -> Immunization:
    """Mark a dose that never was as entered in error and give it back to stock; again is harmless.

    The visit of today goes back to the injection desk. Locks citizen, row, balance, appointment.
    """
    if not reason.strip():
        raise VaccinationError("Isi alasan pembatalan catatan.")
    with transaction.atomic():
        row = Immunization.objects.get(pk=immunization_id)
        lock_citizen(row.citizen_id)
        row = Immunization.objects.select_for_update(no_key=True, of=("self",)).get(pk=row.pk)
        if row.status == Status.ENTERED_IN_ERROR:
            return row
        _mark_in_error(row, actor, reason)
        if row.is_primary_source:  # first: the place that may come free below is reckoned against stock
            stock.give_back(immunization_uuid=stock_uuid(row), actor=actor, reason=f"Salah catat: {reason}"[:200])
        _step_back(row)
        tell("immunization.corrected", row, replacement_id=None)
        return row


def stock_uuid(immunization: Immunization) -> uuid.UUID:
    """The key of the ledger line that holds this dose: a correction without a new lot keeps the old line."""
    row = immunization
    while row.replaces and row.replaces.lot_id_used == row.lot_id_used:
        row = row.replaces
    return row.uuid


def _must_be_given(row: Immunization) -> None:
    if row.status != Status.COMPLETED:
        raise VaccinationError("Catatan ini sudah dibetulkan atau dibatalkan. Buka catatan penggantinya.")


def _corrected_copy(old: Immunization, client_uuid: uuid.UUID, actor: User, changes: dict[str, Any]) -> Immunization:
    new = Immunization.objects.select_related("vaccine").get(pk=old.pk)
    new.pk, new.uuid, new.client_uuid = None, uuid.uuid4(), client_uuid
    new._state.adding = True
    new.replaces, new.recorder, new.recorded_at = old, actor, timezone.now()
    lot_id = changes.pop("lot_id", None)
    for name, value in changes.items():
        setattr(new, name, value)
    if old.is_primary_source and lot_id and lot_id != old.lot_id_used:
        lot = Lot.objects.select_related("vaccine").filter(pk=lot_id).first()
        if lot is None:
            raise VaccinationError("Batch tidak ditemukan. Pilih batch dari daftar.")
        copy_lot(new, lot)
        new.route = lot.vaccine.route
    return new


def _differs(old: Immunization, new: Immunization) -> bool:
    names = ("lot_id_used", "vaccine_id", "dose_code", "occurred_at", "body_site", "performer_id")
    return any(getattr(old, name) != getattr(new, name) for name in names)


def _judge_again(old: Immunization, new: Immunization, citizen: Citizen, override_reason: str) -> None:
    """Ask the rules as if the wrong row had never been written; doses given later are not part of the question."""
    if timezone.localdate(new.occurred_at) < citizen.birth_date or new.occurred_at > timezone.now() + CLOCK_TOLERANCE:
        raise VaccinationError("Waktu penyuntikan tidak mungkin. Periksa tanggal dan jamnya.")
    on_date = timezone.localdate(new.occurred_at)
    rows = Immunization.objects.completed().filter(citizen=citizen).exclude(pk=old.pk)
    if rows.filter(programme=new.programme, dose_code=new.dose_code, invalid_reasons=[]).exists():
        raise RuleRefused("Dosis ini sudah ada pada catatan lain warga ini.", code="already_given")
    past = tuple(
        PastDose(r.programme_id, r.vaccine_id, r.dose_code, timezone.localdate(r.occurred_at), not r.invalid_reasons)
        for r in rows.filter(occurred_at__lt=new.occurred_at).order_by("occurred_at")
    )
    if new.lot_id_used:
        refuse_wrong_product(
            Lot.objects.select_related("vaccine").get(pk=new.lot_id_used), new.programme_id, new.dose_code
        )
    verdict = judge(citizen, past, on_date, new.programme_id, new.vaccine_id, new.dose_code)
    if new.is_primary_source:
        verdict.demand(override_reason or old.override_reason)
        new.override_reason = "" if verdict.option.eligible else override_reason or old.override_reason
    new.dose_number = verdict.dose_number
    new.invalid_reasons = verdict.invalid_reasons
    new.dose_quantity_ml = verdict.option.dose_quantity_ml or new.dose_quantity_ml


def _mark_in_error(row: Immunization, actor: User, reason: str) -> None:
    row.status, row.status_reason = Status.ENTERED_IN_ERROR, reason.strip()[:200]
    row.corrected_by, row.corrected_at = actor, timezone.now()
    row.save(update_fields=["status", "status_reason", "corrected_by", "corrected_at"])


def _step_back(row: Immunization) -> None:
    visit = Visit.objects.select_for_update(no_key=True).filter(pk=row.visit_id).first() if row.visit_id else None
    if visit is None or visit.step not in (Visit.Step.VACCINATED, Visit.Step.OBSERVED):
        return
    if visit.immunizations.completed().exists():
        return
    visit.vaccinated_at, visit.observe_until = None, None
    if visit.date == timezone.localdate():
        visit.step, visit.ended_at = Visit.Step.SCREENED, None
    else:
        visit.step, visit.end_note = Visit.Step.ENDED, "Catatan dosis dibatalkan"
    visit.save(update_fields=["step", "vaccinated_at", "observe_until", "ended_at", "end_note"])
    if visit.appointment_id:
        scheduling.unfulfil(visit.appointment_id)
