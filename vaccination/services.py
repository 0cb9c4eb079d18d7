"""Doses: one is recorded in one transaction; news leaves through the outbox.

Lock order of the house: citizen, appointment and place, stock balance.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

import scheduling.services as scheduling
import stock.services as stock
from accounts.models import User
from core import outbox
from programmes import history
from programmes.catalogue import active_ruleset
from programmes.history import PastDose
from registration.models import Citizen
from stock.models import Lot
from vaccination.eligibility import Verdict, judge
from vaccination.errors import RuleRefused, VaccinationError
from vaccination.models import Immunization, Screening, Visit

Status = Immunization.Status
CLOCK_TOLERANCE = timedelta(minutes=5)
LATE_ENTRY_DAYS = 31
OBSERVE_MINUTES, OBSERVE_MINUTES_ALLERGY = 15, 30  # RULES M-5


@dataclass(frozen=True)
class Recorded:
    """A dose on record; `created` is False when this very form had been handled before."""

    immunization: Immunization
    created: bool


def record_dose(
    *,
    client_uuid: uuid.UUID,
    citizen_id: int,
    facility_id: int,
    programme_code: str,
    dose_code: str,
    lot_id: int,
    performer: User,
    recorder: User,
    occurred_at: datetime | None = None,
    body_site: str = "",
    visit_id: int | None = None,
    override_reason: str = "",
    observe_minutes: int = OBSERVE_MINUTES,
) -> Recorded:
    """Record one injected dose: rules, stock, appointment, visit and news in one transaction.

    The same `client_uuid` again returns the first answer. Raises VaccinationError (RuleRefused, NeedsOverride) and
    stock.errors.StockError, all ValidationErrors with text for the screen. Locks citizen, appointment, balance.
    """
    entry: dict[str, Any] = {
        "citizen_id": citizen_id, "facility_id": facility_id, "programme_code": programme_code, "dose_code": dose_code,
        "lot_id": lot_id, "performer": performer, "recorder": recorder, "occurred_at": occurred_at or timezone.now(),
        "body_site": body_site, "visit_id": visit_id, "override_reason": override_reason.strip()[:200],
        "observe_minutes": observe_minutes,
    }  # fmt: skip
    try:
        with transaction.atomic():
            return _record_dose(client_uuid, **entry)
    except IntegrityError as error:
        # Another transaction committed first: either this very form, or the same dose entered elsewhere.
        known = answered(client_uuid, citizen_id)
        if known:
            return known
        raise VaccinationError(
            "Dosis ini baru saja dicatat orang lain. Buka riwayat warga untuk memeriksanya."
        ) from error


def _record_dose(client_uuid: uuid.UUID, *, citizen_id: int, facility_id: int, **entry: Any) -> Recorded:
    citizen = lock_citizen(citizen_id)
    known = answered(client_uuid, citizen_id)  # after the lock: a second copy of the form waits for the first
    if known:
        return known
    occurred_at: datetime = entry["occurred_at"]
    programme_code, dose_code = entry["programme_code"], entry["dose_code"]
    check_time(occurred_at, citizen)
    visit = _visit_for_dose(entry["visit_id"], citizen, facility_id, programme_code)
    lot = Lot.objects.select_related("vaccine").filter(pk=entry["lot_id"]).first()
    if lot is None:
        raise VaccinationError("Batch tidak ditemukan. Pilih batch dari daftar.")
    refuse_wrong_product(lot, programme_code, dose_code)
    refuse_repeat(citizen.pk, programme_code, dose_code)
    past = history.past_doses(citizen.pk)
    on_date = timezone.localdate(occurred_at)
    verdict = judge(
        citizen, past, on_date, programme_code, lot.vaccine_id, dose_code, pregnant=_pregnant(visit)
    )  # fmt: skip
    verdict.demand(entry["override_reason"])
    immunization = Immunization(
        client_uuid=client_uuid,
        citizen=citizen,
        visit=visit,
        programme_id=programme_code,
        vaccine_id=lot.vaccine_id,
        dose_code=dose_code,
        occurred_at=occurred_at,
        facility_id=facility_id,
        performer=entry["performer"],
        recorder=entry["recorder"],
        body_site=entry["body_site"],
        override_reason="" if verdict.option.eligible else entry["override_reason"],
        residence_id=citizen.kelurahan_id,
        **_by_verdict(verdict, lot),
    )
    used = None
    if visit and visit.appointment_id and visit.step == Visit.Step.SCREENED:  # further doses of a visit come on top
        used = scheduling.fulfil(visit.appointment_id)
    taken, _movement = stock.take_dose(
        facility_id=facility_id, lot_id=lot.pk, at=occurred_at, actor=entry["recorder"],
        immunization_uuid=immunization.uuid,
    )  # fmt: skip
    # Only this person's own appointment, under the citizen's lock: a place that comes free is reckoned against stock.
    given = PastDose(programme_code, lot.vaccine_id, dose_code, on_date, counts=not verdict.invalid_reasons)
    settled = scheduling.settle_after_dose(
        citizen, programme_code, (*past, given), facility_id=facility_id, given_on=on_date
    )  # fmt: skip
    scheduling.dose_given(used or settled, facility_id=facility_id, lot=taken)
    copy_lot(immunization, taken)
    immunization.validate_constraints()
    immunization.save(force_insert=True)
    if visit:
        _step_vaccinated(visit, occurred_at, entry["observe_minutes"])
    tell("immunization.recorded", immunization)
    return Recorded(immunization, created=True)


def lock_citizen(citizen_id: int) -> Citizen:
    """The living record, locked until commit; raises VaccinationError for a missing or merged one."""
    citizen = Citizen.objects.select_for_update(no_key=True).filter(pk=citizen_id).first()
    if citizen is None:
        raise VaccinationError("Data warga tidak ditemukan.")
    if citizen.merged_into_id:
        raise VaccinationError("Data warga ini sudah digabungkan ke data lain. Cari lagi dengan NIK.")
    return citizen


def check_time(occurred_at: datetime, citizen: Citizen) -> None:
    """Raise VaccinationError for a time in the future, before birth, or too old for a desk entry."""
    now = timezone.now()
    if occurred_at > now + CLOCK_TOLERANCE:
        raise VaccinationError("Waktu penyuntikan ada di masa depan. Periksa tanggal dan jamnya.")
    if timezone.localdate(occurred_at) < citizen.birth_date:
        raise VaccinationError("Waktu penyuntikan sebelum tanggal lahir. Periksa tanggalnya.")
    if occurred_at < now - timedelta(days=LATE_ENTRY_DAYS):
        raise VaccinationError(
            f"Penyuntikan lebih dari {LATE_ENTRY_DAYS} hari lalu dicatat sebagai riwayat, bukan dosis baru."
        )


def refuse_repeat(citizen_id: int, programme_code: str, dose_code: str) -> None:
    """Raise RuleRefused when this dose is on record and counts."""
    given = (
        Immunization.objects.completed()
        .filter(citizen_id=citizen_id, programme_id=programme_code, dose_code=dose_code, invalid_reasons=[])
        .select_related("facility")
        .first()
    )
    if given:
        where = f" di {given.place}" if given.place else ""
        raise RuleRefused(
            f"Dosis ini sudah diberikan pada {timezone.localdate(given.occurred_at):%d-%m-%Y}{where}.",
            code="already_given",
        )


def tell(topic: str, row: Immunization, **more: int | None) -> None:
    """News of a dose, with what an app that may not know this one needs to act on it."""
    outbox.add(
        topic, immunization_id=row.pk, citizen_id=row.citizen_id, programme=row.programme_id,
        facility_id=row.facility_id if row.is_primary_source else None, **more,
    )  # fmt: skip


def answered(client_uuid: uuid.UUID, citizen_id: int) -> Recorded | None:
    """What this very form recorded before, or None. Raises VaccinationError when it was about somebody else."""
    row = Immunization.objects.filter(client_uuid=client_uuid).first()
    if row is None:
        return None
    if row.citizen_id != citizen_id:
        raise VaccinationError(
            "Kunci permintaan ini sudah dipakai untuk orang lain. Buat kunci baru.", code="key_reused"
        )
    return Recorded(row, created=False)


def _visit_for_dose(visit_id: int | None, citizen: Citizen, facility_id: int, programme_code: str) -> Visit | None:
    """The visit, locked, fit for a dose; None when the dose comes without one (partner, late entry)."""
    if visit_id is None:
        return None
    visit = Visit.objects.select_for_update(no_key=True, of=("self",)).select_related("facility").get(pk=visit_id)
    if (visit.citizen_id, visit.facility_id, visit.programme_id) != (citizen.pk, facility_id, programme_code):
        raise VaccinationError("Kunjungan ini bukan untuk warga, fasilitas, dan program tersebut.")
    if visit.step not in (Visit.Step.SCREENED, Visit.Step.VACCINATED):
        raise VaccinationError("Skrining belum selesai dengan hasil Lanjut. Selesaikan skrining dulu.")
    screening = visit.screenings.order_by("-decided_at", "-pk").first()
    allowed = {Screening.Outcome.PROCEED}
    if visit.facility.kind == "rumah_sakit":
        allowed.add(Screening.Outcome.REFER)  # the dose belongs in a hospital, and this is one
    if screening is None or screening.outcome not in allowed:
        raise VaccinationError("Hasil skrining bukan Lanjut. Dosis tidak dapat dicatat.")
    return visit


def _pregnant(visit: Visit | None) -> bool | None:
    if visit is None:
        return None
    screening = visit.screenings.select_related("questionnaire").order_by("-decided_at", "-pk").first()
    # The pregnancy form is only asked of a pregnant woman; then the vaccinator has decided with it.
    return True if screening and screening.questionnaire.applies_to.get("pregnant") else None


def refuse_wrong_product(lot: Lot, programme_code: str, dose_code: str) -> None:
    """Raise RuleRefused for a product or a dose that the programme does not know."""
    products = {rule.vaccine for rule in active_ruleset().of(programme_code)}
    if lot.vaccine_id not in products and lot.vaccine.programme_id != programme_code:
        raise RuleRefused(f"{lot.vaccine.short_name} bukan vaksin program ini. Pilih batch lain.", code="wrong_product")
    known_doses = {rule.dose_code for rule in active_ruleset().of(programme_code)}
    if dose_code not in known_doses:
        raise RuleRefused("Dosis ini tidak dikenal dalam program.", code="wrong_dose")


def _by_verdict(verdict: Verdict, lot: Lot) -> dict[str, Any]:
    return {
        "dose_number": verdict.dose_number,
        "dose_quantity_ml": verdict.option.dose_quantity_ml or lot.vaccine.dose_quantity_ml,
        "invalid_reasons": verdict.invalid_reasons,
        "route": lot.vaccine.route,
    }


def copy_lot(immunization: Immunization, lot: Lot) -> None:
    """Write product, number and expiry of the lot onto the dose: a later correction of stock rewrites no dose."""
    immunization.vaccine_id = lot.vaccine_id
    immunization.lot_id_used = lot.pk
    immunization.lot_number = lot.lot_number
    immunization.expiration_date = lot.expiration_date


def _step_vaccinated(visit: Visit, occurred_at: datetime, observe_minutes: int) -> None:
    until = occurred_at + timedelta(minutes=observe_minutes)
    visit.step = Visit.Step.VACCINATED
    visit.vaccinated_at = visit.vaccinated_at or occurred_at
    visit.observe_until = max(visit.observe_until, until) if visit.observe_until else until
    visit.save(update_fields=["step", "vaccinated_at", "observe_until"])
