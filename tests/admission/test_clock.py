"""What moves a room: measured load, the clock, the places that are left. The clock is the test's."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.utils import timezone

from admission import board, clock, guard, load, pace, rooms, turns
from admission.models import Room, Turn
from scheduling.services import hold_place
from tests.admission.rush import crowd, make_room, release_now
from tests.scheduling.world import at_once, booked, make_city, make_slot

BOUNDS = pace.Bounds(least=30, most=6000, target_p95_ms=1000, target_in_flight=64)
FAST, FAIR, SLOW = pace.Load(p95_ms=100, per_second=50), pace.Load(p95_ms=800), pace.Load(p95_ms=3000)


def test_the_rate_falls_at_once_and_rises_with_care():
    assert pace.next_rate(600, SLOW, BOUNDS, waiting=9000) == 420
    assert pace.next_rate(600, FAIR, BOUNDS, waiting=9000) == 600
    assert pace.next_rate(600, FAST, BOUNDS, waiting=9000) == 630
    assert pace.next_rate(600, FAST, BOUNDS, waiting=0) == 600  # unused, a rate says nothing about capacity
    assert pace.next_rate(600, pace.Load(p95_ms=10, in_flight=100), BOUNDS, waiting=9000) == 420
    assert pace.next_rate(31, SLOW, BOUNDS, waiting=1) == 30
    assert pace.next_rate(5900, FAST, BOUNDS, waiting=1) == 6000


def test_the_rate_settles_where_the_portal_can_bear_it():
    """A portal that bears 900 people a minute and grows slow above: the rate ends around it, from either side."""
    for start in (60, 5000):
        rate = start
        for _ in range(100):
            p95 = 100 if rate <= 900 else 100 + (rate - 900) * 10
            rate = pace.next_rate(rate, pace.Load(p95_ms=p95), BOUNDS, waiting=10_000)
        assert 600 <= rate <= 1000, start


def test_a_quiet_hour_does_not_end_in_a_stampede():
    credit = 0.0
    for _ in range(3600):
        people, credit = pace.advance(credit, 600, 1.0, waiting=0, room_inside=10_000)
        assert people == 0
    assert pace.advance(credit, 600, 1.0, waiting=9000, room_inside=10_000)[0] <= 11
    assert pace.advance(0.0, 600, 3600.0, waiting=9000, room_inside=10_000)[0] == 50  # the controller slept


def test_each_minute_lets_in_what_the_rate_says():
    credit, total = 0.0, 0
    for _ in range(600):
        people, credit = pace.advance(credit, 47, 0.1, waiting=10_000, room_inside=10_000)
        total += people
    assert total in (46, 47)


def test_all_who_wait_together_ask_no_more_than_the_portal_bears():
    waiting, rate = 25_000, 600
    polls = sum(
        1 / pace.interval(ahead=n, waiting=waiting, rate=rate, seconds_to_release=0, polls_per_second=500)
        for n in range(waiting)
    )
    assert polls < 1000
    near = pace.interval(ahead=5, waiting=waiting, rate=rate, seconds_to_release=0, polls_per_second=500)
    far = pace.interval(ahead=20_000, waiting=waiting, rate=rate, seconds_to_release=0, polls_per_second=500)
    assert near <= 7 and 40 <= far <= 120


def test_the_range_of_minutes_holds_the_truth_at_that_rate():
    for ahead in (1, 50, 1240, 30_000):
        low, high = pace.minutes_to_go(ahead, 100)
        assert low <= ahead / 100 <= high


@pytest.mark.django_db
def test_numbers_are_called_at_the_rate_and_passes_begin_to_run(settings):
    make_slot(places=500)
    room = make_room(minutes=None, rate=600)
    crowd(room, 60)
    start = timezone.now()
    for second in range(1, 4):
        clock.tick(room.pk, start + timedelta(seconds=second), FAIR)
    room.refresh_from_db()
    assert 29 <= room.served_number <= 31
    called = Turn.objects.filter(room=room, pass_until__isnull=False)
    assert called.count() == room.served_number
    assert max(called.values_list("number", flat=True)) == room.served_number


@pytest.mark.django_db
def test_the_controller_reacts_to_what_is_measured(settings):
    make_slot(places=500)
    room = make_room(minutes=None, rate=600)
    crowd(room, 40)
    start = timezone.now()
    clock.tick(room.pk, start + timedelta(seconds=1), SLOW)
    room.refresh_from_db()
    assert room.rate == 420
    clock.tick(room.pk, start + timedelta(seconds=2), SLOW)  # decisions take five seconds to show
    room.refresh_from_db()
    assert room.rate == 420
    clock.tick(room.pk, start + timedelta(seconds=7), FAST)
    room.refresh_from_db()
    assert room.rate == 441


@pytest.mark.django_db(transaction=True)
def test_two_steps_in_one_second_are_one():
    make_slot(places=500)
    room = make_room(minutes=None, rate=600)
    crowd(room, 60)
    now = timezone.now() + timedelta(seconds=1)
    at_once(lambda _: clock.tick(room.pk, now, FAIR), range(16))
    room.refresh_from_db()
    assert room.served_number == 10


@pytest.mark.django_db
def test_nobody_is_called_while_paused_or_while_no_place_is_free():
    slot = make_slot(places=1)
    room = make_room(minutes=None, rate=600)
    crowd(room, 20)
    start = timezone.now()
    Room.objects.filter(pk=room.pk).update(paused=True)
    clock.tick(room.pk, start + timedelta(seconds=1), FAST)
    room.refresh_from_db()
    assert room.served_number == 0
    Room.objects.filter(pk=room.pk).update(paused=False)
    hold_place(slot.pk, uuid4())
    clock.tick(room.pk, start + timedelta(seconds=2), FAST)
    room.refresh_from_db()
    assert (room.served_number, room.places_held, room.gone_at) == (0, 1, None)  # it may come back


@pytest.mark.django_db
def test_no_more_people_are_inside_than_could_find_a_place(settings):
    settings.ADMISSION_OVERSHOOT = 1.5
    make_slot(places=4)
    room = make_room(minutes=None, rate=6000)
    people = crowd(room, 30)
    start = timezone.now()
    for second in range(1, 5):
        clock.tick(room.pk, start + timedelta(seconds=second), FAIR)
    room.refresh_from_db()
    assert room.served_number == 6  # 4 places x 1.5

    # Who booked makes room, and so does who was called and did not come.
    turns.used([people[0].public_id.hex])
    clock.tick(room.pk, start + timedelta(seconds=5), FAIR)
    room.refresh_from_db()
    assert room.served_number == 7
    late = start + timedelta(minutes=settings.ADMISSION_CLAIM_MINUTES, seconds=8)
    clock.tick(room.pk, late, FAIR)
    room.refresh_from_db()
    assert room.served_number == 13


@pytest.mark.django_db
def test_when_the_last_place_is_taken_the_next_poll_of_everybody_says_so():
    room = make_room(minutes=10)
    slot = make_slot(places=1, release_at=room.release_at)
    waiting = crowd(room, 30)
    release_now(room)
    slot.schedule.refresh_from_db()
    start = timezone.now()
    clock.tick(room.pk, start + timedelta(seconds=1), FAIR)
    booked(slot)
    clock.tick(room.pk, start + timedelta(seconds=2), FAIR)
    assert all(board.look(room.pk, turn.public_id.hex).status.gone for turn in waiting)
    # A day at another place keeps the order going; with nothing anywhere the room ends after a while.
    clock.tick(room.pk, start + timedelta(minutes=clock.GONE_MINUTES + 1), FAIR)
    room.refresh_from_db()
    assert room.state == "closed"


@pytest.mark.django_db
def test_a_big_release_announces_its_room_once_and_a_small_one_none(settings):
    settings.ADMISSION_MIN_PLACES = 50
    soon, later = timezone.now() + timedelta(hours=2), timezone.now() + timedelta(hours=3)
    make_slot(places=40, days=3, release_at=soon)
    make_slot(places=40, days=4, release_at=soon)
    make_slot(places=40, days=5, release_at=later)
    assert [rooms.announce_due(), rooms.announce_due()] == [1, 0]
    room = Room.objects.get()
    assert (room.release_at, room.reason, room.state) == (soon, "schedule", "waiting")
    assert room.opens_at == soon - timedelta(minutes=settings.ADMISSION_OPEN_MINUTES)
    assert not list(rooms.on_now(timezone.now())) and list(rooms.on_now(soon))
    assert room.seed not in str(list(Room.objects.defer("seed").values("seed_hash", "name")))


def crowded(now, seconds, took):
    """Every one of the last seconds saw ten requests that took so long."""
    for second in range(seconds + 1):
        for _ in range(10):
            load.meter.begin()
            load.meter.end(took, now - seconds + second)


@pytest.mark.django_db
def test_a_room_opens_by_load_and_ends_when_it_is_calm(settings):
    make_slot(places=50)
    now = timezone.now()
    crowded(now.timestamp(), settings.ADMISSION_ON_SECONDS, 0.4)
    assert clock.watch(now) is None
    load.meter = load.Meter()
    board.client().flushdb()
    crowded(now.timestamp(), settings.ADMISSION_ON_SECONDS, 6.0)
    room = clock.watch(now)
    assert room.reason == "load" and room.state == "admitting"
    assert clock.watch(now) is None  # one is enough
    for second in (1, 60, settings.ADMISSION_CALM_SECONDS + 2):
        clock.tick(room.pk, now + timedelta(seconds=second), FAST)
    room.refresh_from_db()
    assert room.state == "closed"


@pytest.mark.django_db
def test_load_is_added_up_over_processes_and_known_without_redis(settings):
    now = 1_800_000_000.0
    first, second = load.Meter(), load.Meter()
    for meter, took in ((first, 0.01), (second, 4.0)):
        load.meter = meter
        crowded(now, 3, took)
    rows = load.measured(now, 2)
    assert [row.per_second for row in rows] == [20.0, 20.0]
    assert {row.p95_ms for row in rows} == {5000.0}
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    assert [row.per_second for row in load.measured(now, 2)] == [10.0, 10.0]


@pytest.mark.django_db
def test_the_sweeper_moves_rooms_even_when_nobody_polls():
    make_slot(places=50)
    room = release_now(make_room())
    crowd(room, 5)
    clock.sweep()
    room.refresh_from_db()
    assert room.state == "admitting" and room.last_number == 5


@pytest.mark.django_db
def test_commands_switch_a_room(capsys):
    make_city()
    call_command("waiting_room", "on")
    room = Room.objects.get()
    call_command("waiting_room", "list")
    call_command("waiting_room", "off", str(room.pk))
    room.refresh_from_db()
    assert room.state == "closed"
    assert '"state": "admitting"' in capsys.readouterr().out


def test_time_in_the_proxy_counts_as_waiting(rf, settings):
    settings.BEHIND_PROXY = True
    request = rf.get("/janji/baru/", headers={"X-Request-Start": "t=1000.5"})
    assert guard._arrived(request, 1002.0) == 1000.5
    settings.BEHIND_PROXY = False
    assert guard._arrived(request, 1002.0) == 1002.0
