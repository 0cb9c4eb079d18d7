from datetime import date, time, timedelta

import pytest
from django.utils import timezone

from core import outbox
from core.models import OutboxMessage
from messaging.models import Message
from programmes.models import Vaccine
from regions.models import Facility
from scheduling import audits, errors, publishing, reports
from scheduling.models import Appointment, Place, Schedule, ScheduleTemplate
from scheduling.publishing import close_schedule, plan, publish_from_template, reopen_schedule, walk_in_share, windows
from scheduling.services import arrive, cancel, move
from tests.registration.people import make_account
from tests.scheduling.world import booked, ensure_stock, free_places, make_adult, make_city, make_schedule, make_slot

pytestmark = pytest.mark.django_db


def deliver():
    """What the worker does."""
    while outbox.drain():
        pass


def texts():
    """All messages so far, oldest first."""
    return [(row.kind, row.body) for row in Message.objects.order_by("created_at")]


def test_each_change_is_told_once_with_code_place_and_time():
    appointment = booked(make_slot(), make_adult(make_account(), full_name="Ani Uji"))
    deliver()
    move(appointment.pk, make_slot(facility="pkm-genuk", days=2).pk)
    deliver()
    cancel(appointment.pk)
    deliver()
    OutboxMessage.objects.update(state="waiting", available_at=timezone.now())  # everything is handled a second time
    deliver()

    kinds = [kind for kind, _ in texts()]
    assert kinds == ["appointment_booked", "appointment_moved", "appointment_cancelled"]
    first, second, third = (body for _, body in texts())
    assert "Ani Uji" in first and "Puskesmas Poncol" in first and "08.00 WIB" in first and appointment.code in first
    assert f"/janji/{appointment.public_id}/" in first
    assert "dipindahkan" in second and "Puskesmas Genuk" in second and "dibatalkan" in third


def test_news_overtaken_by_a_later_change_is_not_told():
    appointment = booked(make_slot(), make_adult(make_account()))
    move(appointment.pk, make_slot(days=2).pk)
    deliver()
    assert [kind for kind, _ in texts()] == ["appointment_moved"]


def test_a_person_without_any_phone_costs_no_error():
    booked(make_slot())
    deliver()
    assert not texts() and not OutboxMessage.objects.exclude(state="done").exists()


def test_messages_speak_the_language_of_the_account():
    account = make_account()
    account.language = "en"
    account.save()
    booked(make_slot(), make_adult(account))
    deliver()
    assert Message.objects.get().language == "en"


def test_closing_tells_everybody_booked_in_batches_and_shows_progress(monkeypatch):
    monkeypatch.setattr(publishing, "CLOSE_BATCH", 3)
    slot = make_slot(places=10)
    people = [booked(slot, make_adult(make_account())) for _ in range(7)]
    arrive(people[0].pk)
    deliver()

    close_schedule(slot.schedule_id, "petugas sakit")
    schedule = Schedule.objects.get()
    before = reports.closing(schedule)
    outbox.drain(consumer="scheduling.close")
    halfway = reports.closing(schedule)
    deliver()
    after = reports.closing(schedule)

    assert (before.total, before.told, before.remaining) == (6, 0, 6)
    assert (halfway.told, halfway.remaining) == (3, 3)
    assert (after.told, after.remaining, after.waiting, after.unreachable) == (6, 0, 6, 0)
    assert Appointment.objects.filter(status="arrived").count() == 1  # who is at the desk is served
    told = Message.objects.filter(kind="appointment_cancelled")
    assert told.count() == 6 and all("ditutup: petugas sakit" in row.body for row in told)
    with pytest.raises(errors.ScheduleClosed, match="petugas sakit"):
        booked(slot)
    assert audits.taken_without_appointment() == audits.active_without_place() == 0


def test_reopening_restores_the_shares_and_stops_a_closing_under_way():
    schedule = make_schedule(places_per_slot=5, walk_in_percent=20)
    slot = schedule.slots.first()
    kept = booked(slot)
    pools = list(Place.objects.filter(slot__schedule=schedule).order_by("pk").values_list("pool", flat=True))

    close_schedule(schedule.pk, "banjir")
    assert free_places(slot) == 0
    reopen_schedule(schedule.pk)
    deliver()

    again = list(Place.objects.filter(slot__schedule=schedule).order_by("pk").values_list("pool", flat=True))
    kept.refresh_from_db()
    assert again == pools and kept.status == "booked"
    assert booked(slot).status == "booked"


def make_template(**changes):
    """Monday to Saturday, eight to twelve."""
    make_city()
    values = {
        "name": "Pagi",
        "facility": Facility.objects.get(code="pkm-poncol"),
        "programme_id": "covid19",
        "vaccine": Vaccine.objects.get(code="COV_AZ"),
        "dose_codes": ["booster1"],
        "weekdays": [0, 1, 2, 3, 4, 5],
        "open_time": time(8),
        "close_time": time(12),
        "slot_minutes": 30,
        "places_per_slot": 4,
        "walk_in_percent": 20,
        "walk_in_hour": time(11),
        "release_days_before": 1,
        "release_time": time(15),
    }
    values |= changes
    ensure_stock(values["facility"], values["vaccine"])
    return ScheduleTemplate.objects.create(**values)


def test_a_template_publishes_its_weekdays_and_repeating_skips_them():
    template = make_template()
    monday = timezone.localdate() + timedelta(days=7 - timezone.localdate().weekday())
    sunday = monday + timedelta(days=6)

    planned = plan(template, monday, sunday)
    done = publish_from_template(template, monday, sunday)
    again = publish_from_template(template, monday, sunday)

    assert len(planned) == len(done.created) == 6 and all(row.places == 32 for row in planned)
    assert (len(again.created), len(again.skipped)) == (0, 6)
    schedule = done.created[0]
    assert timezone.localtime(schedule.release_at).strftime("%w %H.%M") == "0 15.00"
    assert timezone.localtime(schedule.walk_in_at).strftime("%H.%M") == "11.00"
    pools = Place.objects.filter(slot__schedule=schedule)
    assert (pools.count(), pools.filter(pool="walk_in").count()) == (32, planned[0].walk_in) == (32, 6)


def test_a_day_that_is_over_is_not_published():
    template = make_template(weekdays=list(range(7)))
    yesterday = timezone.localdate() - timedelta(days=1)
    assert [row.obstacle for row in plan(template, yesterday, yesterday)] == ["sudah lewat"]


@pytest.mark.parametrize(
    ("places", "percent", "sessions"), [(10, 20, 8), (4, 20, 8), (3, 10, 20), (5, 0, 4), (5, 100, 4), (1, 33, 9)]
)
def test_the_walk_in_share_meets_the_percentage_over_the_day(places, percent, sessions):
    shares = [walk_in_share(position, places, percent) for position in range(sessions)]
    assert abs(sum(shares) - sessions * places * percent / 100) <= 0.5
    assert all(0 <= share <= places for share in shares)


def test_sessions_cover_the_day_without_a_crumb_at_the_end():
    day = date(2030, 1, 7)
    found = windows(day, time(8), time(12, 10), 60)
    assert len(found) == 4 and found[-1][1].strftime("%H.%M") == "12.10"
    assert len(windows(day, time(8), time(12, 40), 60)) == 5
    assert [pair[1] for pair in found[:-1]] == [pair[0] for pair in found[1:]]
