"""Book, move, cancel, and what the desk does with an appointment. Lock order: citizen, appointment, place, stock."""

import json
import time
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core import outbox, sweeper
from programmes.history import PastDose
from programmes.rules import Option
from regions.models import Facility
from registration.models import Citizen
from scheduling import capacity, eligibility, errors, places, queries, tickets
from scheduling.models import Appointment, Place, Schedule, Slot

HOLD_NAMESPACE = UUID("5d0f4c52-9a52-4c2e-8a3c-61a2a5f5a0b1")
# A place that is locked by a booking which then fails looks taken for a moment; full is only said after looking again.
TRIES = 5


def hold_key(citizen: Citizen, programme: str) -> UUID:
    """One hold per person and programme, whatever number of tabs are open."""
    return uuid5(HOLD_NAMESPACE, f"{citizen.public_id}:{programme}")


def hold_place(slot_id: int, key: UUID) -> datetime:
    """Hold an online place for `key` for settings.HOLD_MINUTES and return until when.

    Raises SlotFull, SlotOver, ScheduleClosed, NotReleasedYet, WalkInOnly.
    """
    for attempt in range(TRIES):
        now = timezone.now()
        until = places.hold(slot_id, key, now)
        if until:
            return until
        if not _pause_if_free(slot_id, now, attempt):
            break
    check_bookable(slot_id, timezone.now())
    raise errors.SlotFull


def book(
    *,
    citizen: Citizen,
    slot_id: int,
    client_uuid: UUID,
    pre_screening: dict[str, Any] | None = None,
    questionnaire_id: int | None = None,
    booked_via: str = "web",
    held: bool = False,
    option: Option | None = None,
) -> Appointment:
    """Book one place for `citizen` and return the appointment; the same `client_uuid` returns the first answer.

    One statement picks a place (the person's held one first), writes the appointment and its news. `held` says that the
    person was shown a hold, so that a lost place is told as such; `option` is the rules' answer when this very request
    has asked them already. Locks the place taken. Raises a subclass of
    BookingError: SlotFull, HoldExpired, SlotOver, ScheduleClosed, NotReleasedYet, WalkInOnly, AlreadyBooked,
    NotEligible, KeyBelongsToAnother.
    """
    slot = queries.slot_with_schedule(slot_id)
    if slot is None:
        raise Slot.DoesNotExist
    schedule = slot.schedule
    option = option or eligibility.for_schedule(citizen, schedule)
    if not option.eligible:
        # A repeated request must hear its first answer, even when the dose was given in between.
        return _first_answer(client_uuid, citizen) or _raise(errors.NotEligible(option, schedule.date))
    for attempt in range(TRIES):
        now = timezone.now()
        values = {
            "public_id": uuid4(),
            "code": tickets.new_code(),
            "dose_code": option.dose_code,
            "client_uuid": client_uuid,
            "booked_via": booked_via,
        }
        statement = {
            "slot": slot_id,
            "hold": hold_key(citizen, schedule.programme_id),
            "now": now,
            "citizen": citizen.pk,
            "pre_screening": json.dumps(pre_screening) if pre_screening is not None else None,
            "questionnaire": questionnaire_id,
            "consumers": outbox.consumers_of("appointment.booked"),
            **values,
        }
        rows = places.BOOK_HELD.rows(**statement) if held and attempt == 0 else []
        rows = rows or places.BOOK.rows(**statement)
        if rows:
            transaction.on_commit(sweeper.wake, robust=True)
            made = Appointment(
                pk=rows[0][0], programme_id=rows[0][1], schedule=schedule, slot=slot, citizen=citizen,
                pre_screening=pre_screening, questionnaire_id=questionnaire_id, booked_at=now, changed_at=now, **values,
            )  # fmt: skip
            made._state.adding = False
            return made
        if answer := _first_answer(client_uuid, citizen):
            return answer
        if active := active_appointment(citizen, schedule.programme_id):
            raise errors.AlreadyBooked(active)
        if not _pause_if_free(slot_id, now, attempt):
            break
    # Last, so that a schedule closed meanwhile is called closed and not full.
    check_bookable(slot_id, timezone.now())
    raise errors.HoldExpired if held else errors.SlotFull


@transaction.atomic
def move(appointment_id: int, slot_id: int) -> Appointment:
    """Move a booked appointment to another session; row, code and link stay, `sequence` rises.

    The old place is bookable again with this commit. Moving to where it already is changes nothing (double click).
    Raises a subclass of BookingError. Locks the appointment, then the new and the old place.
    """
    appointment = _locked(appointment_id)
    if appointment.slot_id == slot_id and appointment.is_active:
        return appointment
    slot = Slot.objects.select_related("schedule").get(pk=slot_id)
    option = may_move(appointment, slot)
    capacity.hold_still([appointment.schedule_id])
    now = timezone.now()
    place_id = _pick_online(slot, hold_key(appointment.citizen, appointment.programme_id), now)
    move_locked(appointment, slot, option, place_id, now)
    return appointment


def may_move(appointment: Appointment, slot: Slot) -> Option:
    """The dose that `appointment` would be for in another session. Raises NotChangeable, NotEligible, BookingError."""
    if appointment.status != Appointment.Status.BOOKED:
        raise errors.NotChangeable(str(appointment.status_text))
    if slot.schedule.programme_id != appointment.programme_id:
        raise errors.BookingError(_("Sesi ini untuk program lain. Silakan pilih sesi dari program yang sama."))
    option = eligibility.for_schedule(appointment.citizen, slot.schedule)
    if not option.eligible:
        raise errors.NotEligible(option, slot.schedule.date)
    return option


def move_locked(appointment: Appointment, slot: Slot, option: Option, place_id: int, now: datetime) -> None:
    """Move an appointment to a place, both of which the caller has locked in this transaction."""
    places.give_back(appointment.pk)
    Place.objects.filter(pk=place_id).update(state=Place.TAKEN, appointment=appointment, held_until=None, held_by=None)
    capacity.freed([appointment.schedule_id])
    appointment.slot, appointment.schedule = slot, slot.schedule
    appointment.dose_code = option.dose_code
    _changed(appointment, now, "slot", "schedule", "dose_code")
    outbox.add("appointment.moved", appointment_id=appointment.pk, sequence=appointment.sequence)


@transaction.atomic
def cancel(appointment_id: int, *, reason: str = "", because: str = Appointment.Because.CITIZEN) -> Appointment:
    """Cancel an appointment; its place is bookable again with this commit. Cancelling twice gives the first answer.

    Raises NotChangeable. Locks the appointment, then its place.
    """
    appointment = _locked(appointment_id)
    if appointment.status == Appointment.Status.CANCELLED:
        return appointment
    if not appointment.is_active:
        raise errors.NotChangeable(str(appointment.status_text))
    cancel_locked(appointment, reason=reason, because=because)
    return appointment


def cancel_locked(appointment: Appointment, *, reason: str, because: str) -> None:
    """Cancel an appointment the caller has locked in this transaction."""
    places.give_back(appointment.pk)
    capacity.freed([appointment.schedule_id])
    appointment.status = Appointment.Status.CANCELLED
    appointment.cancelled_at = timezone.now()
    appointment.cancel_reason, appointment.cancelled_because = reason[:200], because
    _changed(
        appointment, appointment.cancelled_at, "status", "cancelled_at", "cancel_reason", "cancelled_because"
    )  # fmt: skip
    outbox.add("appointment.cancelled", appointment_id=appointment.pk, sequence=appointment.sequence)


@transaction.atomic
def arrive(appointment_id: int) -> Appointment:
    """The person is at the desk; arriving twice is one arrival. Raises NotChangeable. Locks the appointment."""
    appointment = _locked(appointment_id)
    if appointment.status == Appointment.Status.BOOKED:
        appointment.status, appointment.arrived_at = Appointment.Status.ARRIVED, timezone.now()
        appointment.save(update_fields=["status", "arrived_at"])
    elif appointment.status != Appointment.Status.ARRIVED:
        raise errors.NotChangeable(str(appointment.status_text))
    return appointment


@transaction.atomic
def fulfil(appointment_id: int) -> Appointment:
    """The dose was given. Never refuses but for a cancelled one: a dose in the arm is a fact, however late it is typed.

    The place stays taken; it was used. Raises NotChangeable. Locks the appointment.
    """
    appointment = _locked(appointment_id)
    if appointment.status == Appointment.Status.CANCELLED:
        raise errors.NotChangeable(str(appointment.status_text))
    appointment.status = Appointment.Status.FULFILLED
    appointment.arrived_at = appointment.arrived_at or timezone.now()
    appointment.save(update_fields=["status", "arrived_at"])
    return appointment


@transaction.atomic
def settle_after_dose(
    citizen: Citizen, programme: str, history: Sequence[PastDose], *, facility_id: int, given_on: date
) -> Appointment | None:
    """A dose was given without a ticket: what becomes of the person's booked appointment of that programme.

    Booked for that very place and day, it was this dose: fulfilled. Where the rules, asked with `history` (the new dose
    in it), no longer allow the booked session, it is cancelled and the person is told. Otherwise it stays, for the dose
    that is now due. Someone who stands at another desk is left to that desk. Locks the appointment, then its place.
    """
    rows = Appointment.objects.filter(citizen=citizen, programme=programme, status=Appointment.Status.BOOKED)
    appointment = rows.select_for_update(no_key=True).first()  # alone, for the reason given in `_locked`
    if appointment is None:
        return None
    schedule = Schedule.objects.select_related("vaccine").get(pk=appointment.schedule_id)
    appointment.schedule = schedule
    if (schedule.facility_id, schedule.date) == (facility_id, given_on):
        return fulfil(appointment.pk)
    option = eligibility.for_schedule(citizen, schedule, eligibility.Case(eligibility.facts_of(citizen), history))
    if not option.eligible and not option.manual_review:
        place = Facility.objects.get(pk=facility_id).name
        cancel_locked(appointment, reason=f"Dosis sudah diberikan di {place}", because=Appointment.Because.DOSE)
    elif option.eligible and option.dose_code != appointment.dose_code:
        appointment.dose_code = option.dose_code
        appointment.save(update_fields=["dose_code"])
    return appointment


@transaction.atomic
def unfulfil(appointment_id: int) -> Appointment:
    """The dose was withdrawn: the same day the person is back at the desk, later the visit ended without a dose.

    Locks the appointment, then its place.
    """
    appointment = _locked(appointment_id)
    if appointment.status != Appointment.Status.FULFILLED:
        return appointment
    same_day = appointment.schedule.date >= timezone.localdate()
    has_place = Place.objects.filter(appointment=appointment).exists()
    other = active_appointment(appointment.citizen, appointment.programme_id)
    if same_day and has_place and not other:
        appointment.status = Appointment.Status.ARRIVED
    else:
        appointment.status = Appointment.Status.DEFERRED
        places.give_back(appointment.pk, Place.Pool.WALK_IN)
        capacity.freed([appointment.schedule_id])
    appointment.save(update_fields=["status"])
    return appointment


@transaction.atomic
def defer(appointment_id: int, reason: str = "") -> Appointment:
    """Screening said not today: the place goes to somebody at the gate (RULES SC-6), the person may book again.

    Deferring twice is one deferral. Raises NotChangeable. Locks the appointment, then its place.
    """
    appointment = _locked(appointment_id)
    if appointment.status == Appointment.Status.DEFERRED:
        return appointment
    if not appointment.is_active:
        raise errors.NotChangeable(str(appointment.status_text))
    places.give_back(appointment.pk, Place.Pool.WALK_IN)
    capacity.freed([appointment.schedule_id])
    appointment.status, appointment.cancel_reason = Appointment.Status.DEFERRED, reason[:200]
    appointment.arrived_at = appointment.arrived_at or timezone.now()
    appointment.save(update_fields=["status", "cancel_reason", "arrived_at"])
    return appointment


@transaction.atomic
def take_walk_in(*, schedule_id: int, citizen: Citizen, dose_code: str, client_uuid: UUID) -> Appointment:
    """Give somebody at the gate a place of today's schedule; the appointment is there and arrived at once.

    The same `client_uuid` returns the first answer. The dose rules are the desk's to ask, with the person present.
    Raises SlotFull, ScheduleClosed, AlreadyBooked. Locks the place taken.
    """
    if answer := _first_answer(client_uuid, citizen):
        return answer
    schedule = Schedule.objects.get(pk=schedule_id)
    if schedule.state != Schedule.State.OPEN:
        raise errors.ScheduleClosed(schedule.close_reason)
    if active := active_appointment(citizen, schedule.programme_id):
        raise errors.AlreadyBooked(active)
    now = timezone.now()
    rows = places.run(places.TAKE_WALK_IN, schedule=schedule_id, now=now)
    if not rows:
        raise errors.SlotFull
    place_id, slot_id = rows[0]
    appointment = Appointment(
        code=tickets.new_code(), citizen=citizen, programme_id=schedule.programme_id, schedule=schedule,
        slot_id=slot_id, dose_code=dose_code, status=Appointment.Status.ARRIVED, client_uuid=client_uuid,
        booked_at=now, changed_at=now, arrived_at=now, booked_via="walk_in",
    )  # fmt: skip
    try:
        with transaction.atomic():
            appointment.save(force_insert=True)
    except IntegrityError:
        # Somebody else was faster with the same form or the same person; the indexes told us.
        if answer := _first_answer(client_uuid, citizen):
            return answer
        if active := active_appointment(citizen, schedule.programme_id):
            raise errors.AlreadyBooked(active) from None
        raise
    Place.objects.filter(pk=place_id).update(state=Place.TAKEN, appointment=appointment, held_until=None, held_by=None)
    return appointment


def find_by_ticket(text: str) -> Appointment | None:
    """The appointment of a scanned QR or typed code, or None; says nothing about who may open it."""
    wanted = tickets.parse(text)
    if not wanted:
        return None
    rows = Appointment.objects.select_related("citizen", "schedule__facility", "schedule__vaccine", "slot", "programme")
    return rows.filter(**wanted).first()


def active_appointment(citizen: Citizen, programme: str) -> Appointment | None:
    """The one active appointment of a person in a programme, or None."""
    # Every step of a booking asks, and nearly always there is none.
    found = places.ACTIVE_APPOINTMENT.rows(citizen=citizen.pk, programme=programme)
    if not found:
        return None
    rows = Appointment.objects.filter(pk=found[0][0]).select_related("slot", "schedule__facility", "schedule__vaccine")
    return rows.first()


def move_appointments(kept: Citizen, merged: Citizen) -> None:
    """Two records of one person became one: all appointments follow; of two active in one programme the older stays.

    Runs inside the merge, which has both citizens locked.
    """
    double = Appointment.objects.filter(
        citizen=merged,
        status__in=Appointment.ACTIVE,
        programme__in=Appointment.objects.filter(citizen=kept, status__in=Appointment.ACTIVE).values("programme"),
    )
    for appointment in double:
        cancel(appointment.pk, reason="Data warga digabung", because=Appointment.Because.MERGED)
    Appointment.objects.filter(citizen=merged).update(citizen=kept)


def _locked(appointment_id: int) -> Appointment:
    # First the row alone: joined to its schedule, a row that was moved while we waited would not be found at all.
    Appointment.objects.select_for_update(no_key=True).only("pk").get(pk=appointment_id)
    return Appointment.objects.select_related("citizen", "schedule").get(pk=appointment_id)


def _changed(appointment: Appointment, now: datetime, *fields: str) -> None:
    appointment.sequence += 1
    appointment.changed_at = now
    appointment.save(update_fields=[*fields, "sequence", "changed_at"])


def _first_answer(client_uuid: UUID, citizen: Citizen) -> Appointment | None:
    rows = Appointment.objects.filter(client_uuid=client_uuid).select_related("slot", "schedule", "citizen")
    found = rows.first()
    if found and found.citizen_id != citizen.pk:
        raise errors.KeyBelongsToAnother
    return found


def _pick_online(slot: Slot, key: UUID, now: datetime) -> int:
    for attempt in range(TRIES):
        rows = places.run(places.TAKE_ONLINE, slot=slot.pk, hold=key, now=now)
        if rows:
            return int(rows[0][0])
        if not _pause_if_free(slot.pk, now, attempt):
            break
    check_bookable(slot.pk, timezone.now())
    raise errors.SlotFull


def check_bookable(slot_id: int, now: datetime) -> None:
    """Say why citizens may not book this session at `now`: the day first, fullness never. Raises BookingError."""
    slot = Slot.objects.select_related("schedule__draw").get(pk=slot_id)
    schedule = slot.schedule
    if schedule.state != Schedule.State.OPEN:
        raise errors.ScheduleClosed(schedule.close_reason)
    if slot.ends_at <= now:
        raise errors.SlotOver
    if schedule.draw is not None and schedule.draw.is_pending:
        raise errors.ToBeDrawn
    if schedule.release_at and not schedule.is_released(now):
        raise errors.NotReleasedYet(schedule.release_at)
    if schedule.is_walk_in_only(now):
        raise errors.WalkInOnly


def _pause_if_free(slot_id: int, now: datetime, attempt: int) -> bool:
    free = Place.objects.bookable(now).filter(slot=slot_id).exists()
    if free and attempt < TRIES - 1:
        time.sleep(0.004 * 2**attempt)
    return free


def _raise(error: errors.BookingError) -> Appointment:
    raise error
