"""A person's way through the desks: check-in, screening, observation (RULES section 6)."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

import scheduling.services as scheduling
from accounts.models import User
from core.readlog import log_read
from programmes import history
from programmes.catalogue import form_of, questionnaire_for
from programmes.models import Questionnaire
from programmes.screening import (
    PROCEED,
    Form,
    Measurement,
    Proposal,
    Subject,
    measurement_from_json,
    propose_outcome,
)
from regions.models import Facility
from registration.models import Citizen
from scheduling.models import Appointment
from vaccination.errors import VaccinationError
from vaccination.models import Screening, Visit
from vaccination.services import lock_citizen

Step = Visit.Step
LATE_DAYS = 7
LATE_STATUSES = (Appointment.Status.BOOKED, Appointment.Status.ARRIVED, Appointment.Status.NO_SHOW)
OPEN_STEPS = (Step.ARRIVED, Step.SCREENED, Step.VACCINATED)


# --- check-in -------------------------------------------------------------------------------------------------------


@transaction.atomic
def check_in(*, appointment_id: int, facility: Facility, actor: User, late: bool = False) -> Visit:
    """Mark a booked person as present and give the next queue number; again gives the same visit.

    `late` writes down afterwards, from the printed list, somebody who was served on a day without network.
    Raises VaccinationError for another facility, another day, or a booking that is no longer active.
    Locks citizen, appointment.
    """
    found = Appointment.objects.get(pk=appointment_id)
    citizen = lock_citizen(found.citizen_id)
    appointment = Appointment.objects.select_related("schedule").get(pk=appointment_id)
    existing = Visit.objects.filter(appointment=appointment).first()
    if existing:
        return existing
    if appointment.schedule.facility_id != facility.pk:
        raise VaccinationError("Tiket ini untuk fasilitas lain. Layani sebagai datang langsung bila masih ada tempat.")
    if late and may_enter_late(appointment):
        _no_open_visit(citizen.pk, appointment.programme_id)
        return _new_visit(citizen, facility, actor, appointment)
    if appointment.schedule.date != timezone.localdate():
        raise VaccinationError(
            f"Tiket ini untuk tanggal {appointment.schedule.date:%d-%m-%Y}. "
            "Minta warga memindah janji, atau layani sebagai datang langsung bila masih ada tempat."
        )
    _no_open_visit(citizen.pk, appointment.programme_id)
    appointment = scheduling.arrive(appointment_id)
    return _new_visit(citizen, facility, actor, appointment)


@transaction.atomic
def check_in_walk_in(
    *, citizen_id: int, facility: Facility, schedule_id: int, dose_code: str, client_uuid: uuid.UUID, actor: User
) -> Visit:
    """Take a walk-in place for a person who came without booking and check in; the same key gives the same visit.

    Raises the BookingErrors of scheduling (full, closed, already booked). Locks citizen, place.
    """
    citizen = lock_citizen(citizen_id)
    appointment = scheduling.take_walk_in(
        schedule_id=schedule_id, citizen=citizen, dose_code=dose_code, client_uuid=client_uuid
    )
    existing = Visit.objects.filter(appointment=appointment).first()
    if existing:
        return existing
    _no_open_visit(citizen.pk, appointment.programme_id)
    return _new_visit(citizen, facility, actor, appointment)


def may_enter_late(appointment: Appointment) -> bool:
    """A booking of the last days that nobody cancelled and no dose has fulfilled."""
    today = timezone.localdate()
    return (
        today - timedelta(days=LATE_DAYS) <= appointment.schedule.date < today
        and appointment.status in LATE_STATUSES
        and not Visit.objects.filter(appointment=appointment).exists()
    )


def _no_open_visit(citizen_id: int, programme_code: str) -> None:
    if Visit.objects.filter(
        citizen_id=citizen_id, programme_id=programme_code, date=timezone.localdate(), step__in=OPEN_STEPS
    ).exists():
        raise VaccinationError("Warga ini sedang dilayani hari ini. Buka kunjungannya dari daftar hari ini.")


def _new_visit(citizen: Citizen, facility: Facility, actor: User, appointment: Appointment) -> Visit:
    day = appointment.schedule.date
    log_read(user=actor, citizen_id=citizen.pk, purpose="check_in")
    return Visit.objects.create(
        citizen=citizen,
        facility=facility,
        programme_id=appointment.programme_id,
        vaccine_id=appointment.schedule.vaccine_id,
        dose_code=appointment.dose_code,
        appointment=appointment,
        date=day,
        queue_number=_next_number(facility.pk, day),
        checked_in_by=actor,
    )


def _next_number(facility_id: int, day: date) -> int:
    # Two desks of one facility take numbers one after the other; the lock ends with the transaction.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [facility_id, day.toordinal()])
    last = Visit.objects.filter(facility_id=facility_id, date=day).aggregate(last=Max("queue_number"))["last"]
    return (last or 0) + 1


# --- screening ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ScreeningSheet:
    """The form one visit answers, with what was answered at home or left half-way."""

    questionnaire: Questionnaire
    form: Form
    subject: Subject
    answers: dict[str, bool]
    measurements: list[Measurement]
    from_home: bool


@dataclass(frozen=True)
class Screened:
    """What came of a screening form: a stored decision, or a proposal that still waits for something."""

    proposal: Proposal
    screening: Screening | None


def sheet_for(visit: Visit, *, pregnant: bool | None = None) -> ScreeningSheet:
    """The versioned form for this person's age and programme; raises VaccinationError when the database holds none."""
    citizen = visit.citizen
    draft = visit.draft or {}
    if pregnant is None:
        pregnant = draft.get("pregnant")
    questionnaire = questionnaire_for(visit.programme_id, citizen.birth_date, visit.date, pregnant=pregnant)
    if questionnaire is None:
        raise VaccinationError("Formulir skrining untuk usia dan program ini belum ada. Hubungi Dinas Kesehatan.")
    past = [dose for dose in history.past_doses(citizen.pk) if dose.programme == visit.programme_id]
    subject = Subject(
        birth_date=citizen.birth_date,
        on_date=visit.date,
        sex=citizen.sex,
        first_dose=not past,
        vaccine=visit.vaccine_id or "",
        live=bool(visit.vaccine and visit.vaccine.is_live),
    )
    home = (visit.appointment.pre_screening or {}).get("answers", {}) if visit.appointment else {}
    answers = draft.get("answers") or home
    return ScreeningSheet(
        questionnaire=questionnaire,
        form=form_of(questionnaire),
        subject=subject,
        answers={key: value for key, value in answers.items() if isinstance(value, bool)},
        measurements=[measurement_from_json(row) for row in draft.get("measurements", [])],
        from_home=bool(home) and not draft.get("answers"),
    )


@transaction.atomic
def screen(
    *,
    visit_id: int,
    client_uuid: uuid.UUID,
    answers: Mapping[str, bool],
    reading: Mapping[str, Any] | None,
    actor: User,
    outcome: str = "",
    override_reason: str = "",
    postponed_until: date | None = None,
    pregnant: bool | None = None,
) -> Screened:
    """Store a screening and its decision; without `outcome` the form's proposal is followed when it is "lanjut".

    Anything else comes back as a proposal for the vaccinator to decide; answers and readings are kept meanwhile. A
    decision that differs from the proposal needs `override_reason`. Locks citizen, visit, appointment.
    """
    visit = Visit.objects.get(pk=visit_id)
    lock_citizen(visit.citizen_id)
    visit = (
        Visit.objects.select_for_update(no_key=True, of=("self",))
        .select_related("citizen", "appointment", "vaccine")
        .get(pk=visit_id)
    )
    known = Screening.objects.filter(client_uuid=client_uuid).first()
    if known:
        return Screened(Proposal(known.proposed_outcome), known)
    if visit.step not in (Step.ARRIVED, Step.SCREENED):
        raise VaccinationError("Kunjungan ini sudah lewat tahap skrining.")
    _keep_draft(visit, answers, reading, pregnant)
    sheet = sheet_for(visit)
    proposal = propose_outcome(sheet.form, sheet.answers, sheet.measurements, sheet.subject)
    if proposal.use_form and not visit.draft.get("pregnant"):
        # The answer calls for another form: the next page asks that one, with this reading kept.
        visit.draft = visit.draft | {"pregnant": True, "answers": {}}
        visit.save(update_fields=["draft"])
        return Screened(proposal, None)
    decided = outcome or (proposal.outcome if proposal.outcome == PROCEED else "")
    if not decided or (not proposal.outcome and decided == PROCEED):
        return Screened(proposal, None)
    if decided not in Screening.Outcome.values:
        raise VaccinationError("Pilih keputusan skrining.")
    proposed = proposal.outcome or Screening.Outcome.POSTPONE
    if decided != proposed and not override_reason.strip():
        raise VaccinationError("Keputusan berbeda dari usulan formulir. Isi alasannya.", code="override")
    screening = Screening.objects.create(
        visit=visit,
        client_uuid=client_uuid,
        questionnaire=sheet.questionnaire,
        answers=sheet.answers,
        measurements=visit.draft.get("measurements", []),
        proposed_outcome=proposed,
        outcome=decided,
        reasons=[{"key": r.key, "outcome": r.outcome, "text": str(r.text)} for r in proposal.reasons],
        override_reason=override_reason.strip()[:200] if decided != proposed else "",
        postponed_until=(postponed_until or proposal.postponed_until)
        if decided == Screening.Outcome.POSTPONE
        else None,
        decided_by=actor,
    )
    _step_screened(visit, screening)
    return Screened(proposal, screening)


def _keep_draft(
    visit: Visit, answers: Mapping[str, bool], reading: Mapping[str, Any] | None, pregnant: bool | None
) -> None:
    draft = dict(visit.draft or {})
    draft["answers"] = {key: value for key, value in answers.items() if isinstance(value, bool)}
    if pregnant is not None:
        draft["pregnant"] = pregnant
    if reading and any(value not in (None, "") for value in reading.values()):
        row = {
            key: (str(value) if key == "temperature_c" else value)
            for key, value in reading.items()
            if value is not None
        }
        previous = draft.get("measurements", [])
        if not previous or {k: v for k, v in previous[-1].items() if k != "at"} != row:
            draft["measurements"] = [*previous, {"at": timezone.now().isoformat(), **row}]
        elif timezone.now() - datetime.fromisoformat(previous[-1]["at"]) > timedelta(minutes=3):
            # The same values again after a while are a second reading, not the same form sent twice.
            draft["measurements"] = [*previous, {"at": timezone.now().isoformat(), **row}]
    visit.draft = draft
    visit.save(update_fields=["draft"])


def _step_screened(visit: Visit, screening: Screening) -> None:
    now = timezone.now()
    visit.screened_at = now
    going_on = screening.outcome == Screening.Outcome.PROCEED or (
        screening.outcome == Screening.Outcome.REFER and visit.facility.kind == Facility.Kind.HOSPITAL
    )
    if going_on:
        visit.step = Step.SCREENED
    else:
        visit.step, visit.ended_at = Step.ENDED, now
        visit.end_note = screening.get_outcome_display()
    visit.save(update_fields=["screened_at", "step", "ended_at", "end_note"])
    if not going_on and visit.appointment and visit.appointment.is_active:
        scheduling.defer(visit.appointment.pk, reason=f"Skrining: {screening.get_outcome_display()}")


def history_of_allergy(screening: Screening | None, form: Form | None) -> bool:
    """True when an allergy question was answered yes: then observation lasts 30 minutes (RULES M-5)."""
    if screening is None or form is None:
        return False
    allergy = {item.key for item in form.items if "alergi" in item.text.lower()}
    return any(screening.answers.get(key) is True for key in allergy)


# --- observation ----------------------------------------------------------------------------------------------------


@transaction.atomic
def finish_observation(*, visit_id: int, left_early: bool = False, note: str = "") -> Visit:
    """End the observation; before its time only as `left_early`. Again is harmless. Locks the visit."""
    visit = Visit.objects.select_for_update(no_key=True).get(pk=visit_id)
    if visit.step == Step.OBSERVED:
        return visit
    if visit.step != Step.VACCINATED:
        raise VaccinationError("Warga ini tidak sedang dipantau.")
    now = timezone.now()
    if visit.observe_until and now < visit.observe_until and not left_early:
        until = timezone.localtime(visit.observe_until)
        raise VaccinationError(f"Pemantauan sampai pukul {until:%H.%M}. Bila pulang sekarang, pilih Pulang lebih awal.")
    visit.step, visit.ended_at = Step.OBSERVED, now
    visit.left_early = bool(visit.observe_until and now < visit.observe_until)
    visit.end_note = note.strip()[:200]
    visit.save(update_fields=["step", "ended_at", "left_early", "end_note"])
    return visit


@transaction.atomic
def cancel_visit(*, visit_id: int, reason: str) -> Visit:
    """End a visit without a dose: the person went home or was checked in by mistake. Locks citizen, visit, place."""
    visit = Visit.objects.get(pk=visit_id)
    lock_citizen(visit.citizen_id)
    rows = Visit.objects.select_for_update(no_key=True, of=("self",)).select_related("appointment")
    visit = rows.get(pk=visit_id)
    if visit.step == Step.ENDED:
        return visit
    if visit.step not in (Step.ARRIVED, Step.SCREENED):
        raise VaccinationError("Dosis sudah dicatat. Batalkan catatan dosisnya dulu.")
    if not reason.strip():
        raise VaccinationError("Isi alasan kunjungan diakhiri.")
    visit.step, visit.ended_at, visit.end_note = Step.ENDED, timezone.now(), reason.strip()[:200]
    visit.save(update_fields=["step", "ended_at", "end_note"])
    if visit.appointment and visit.appointment.is_active:
        scheduling.cancel(visit.appointment.pk, reason=visit.end_note, because="petugas")
    return visit


def close_past_visits() -> int:
    """End visits that past days left open, once nobody will write them down late any more; returns how many."""
    before = timezone.localdate() - timedelta(days=LATE_DAYS)
    closed = 0
    for visit_id, step in Visit.objects.filter(date__lt=before, step__in=OPEN_STEPS).values_list("pk", "step")[:200]:
        if step == Step.VACCINATED:
            finish_observation(visit_id=visit_id, left_early=True, note="Ditutup otomatis")
        else:
            cancel_visit(visit_id=visit_id, reason="Tidak dilanjutkan")
        closed += 1
    return closed
