"""One person one turn, one number each, an order anybody can check; whatever Redis, threads and phones do."""

import csv
import io
import json
import os
import signal
import threading
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from admission import board, clock, rooms, turns
from admission.models import Room, Turn
from core.crypto import blind_index
from scheduling.fair_order import commitment, fair_order
from tests.admission.conftest import forget_everything
from tests.admission.rush import crowd, make_room, release_now, somebody
from tests.factories.reference import load_reference
from tests.registration.people import make_account, make_citizen
from tests.scheduling.world import at_once
from victori import embedded

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_same_person_from_two_phones_at_once_has_one_turn():
    room, person = make_room(), somebody()
    behind = make_room(minutes=None)

    for place in (room, behind):
        found = at_once(lambda _, place=place: turns.join(place.pk, person), range(16))
        assert len({turn.public_id for turn in found}) == 1
        assert Turn.objects.filter(room=place).count() == 1
    behind.refresh_from_db()
    assert behind.last_number == 1  # fifteen joins that found a turn burnt no number


def test_a_nik_has_one_turn_whatever_account_it_is_in():
    load_reference()
    room, account, other = make_room(), make_account(), make_account()
    person = make_citizen(account)
    first = turns.join(room.pk, *turns.person_keys(room.pk, account))
    person.account = other
    person.save(update_fields=["account"])

    assert turns.join(room.pk, *turns.person_keys(room.pk, other)).pk == first.pk
    with pytest.raises(turns.NobodyToBook):
        turns.person_keys(room.pk, account)


def test_a_key_of_one_room_says_nothing_in_another():
    load_reference()
    account = make_account()
    nik = make_citizen(account).nik_index
    keys = {*turns.person_keys(1, account), *turns.person_keys(2, account)}
    assert len(keys) == 4 and nik not in keys  # of the person and of the phone


def test_an_account_whose_family_changes_has_no_second_turn():
    load_reference()
    room, account = make_room(), make_account()
    make_citizen(account, no_nik_reason="bayi")  # the turn stands under the phone
    first = turns.join(room.pk, *turns.person_keys(room.pk, account))
    make_citizen(account)
    assert turns.join(room.pk, *turns.person_keys(room.pk, account)).pk == first.pk
    assert turns.of_account(room.pk, account) == first


def test_the_shuffle_gives_every_number_once_in_the_order_of_the_seed():
    room = make_room()
    waiting = [turn.public_id for turn in crowd(room, 40)]
    promised = room.seed_hash

    assert rooms.release(room.pk) is False  # not before its hour
    assert rooms.release(release_now(room).pk) is True
    assert rooms.release(room.pk) is False  # and once

    room.refresh_from_db()
    expected = fair_order(room.seed, [(str(public_id), 1) for public_id in waiting])
    numbered = Turn.objects.filter(room=room).order_by("number").values_list("number", "public_id")
    assert [(number, str(public_id)) for number, public_id in numbered] == list(enumerate(expected, 1))
    assert commitment(room.seed) == promised
    assert room.seed_revealed_at is not None


def test_joins_during_the_shuffle_are_in_it_or_behind_it_and_never_without_a_number():
    room = release_now(make_room())
    crowd_before = 200
    Turn.objects.bulk_create(Turn(room=room, person=somebody()) for _ in range(crowd_before))

    def act(number):
        return rooms.release(room.pk) if number == 10 else turns.join(room.pk, somebody())

    at_once(act, range(60))

    room.refresh_from_db()
    numbers = sorted(Turn.objects.filter(room=room).values_list("number", flat=True), key=lambda n: n or 0)
    assert numbers == list(range(1, crowd_before + 59 + 1))
    assert room.last_number == numbers[-1]
    assert room.shuffled_count == Turn.objects.filter(drawn_number__isnull=False).count()


def test_sixteen_threads_joining_after_the_release_get_unique_numbers():
    room = make_room(minutes=None)
    found = at_once(lambda _: turns.join(room.pk, somebody()), range(160))
    assert sorted(turn.number for turn in found) == list(range(1, 161))


def test_anybody_can_replay_the_published_order(client, capsys, tmp_path):
    room = make_room()
    crowd(room, 25)
    assert client.get(f"/antrean/{room.pk}/urutan.csv").status_code == 404  # the seed is still sealed
    with pytest.raises(CommandError):
        call_command("waiting_room", "replay", str(room.pk))
    rooms.release(release_now(room).pk)
    turns.join(room.pk, somebody())  # came later: not part of the shuffle

    published = b"".join(client.get(f"/antrean/{room.pk}/urutan.csv").streaming_content).decode()
    rows = list(csv.DictReader(io.StringIO(published)))
    room.refresh_from_db()
    assert [row["giliran"] for row in rows] == fair_order(room.seed, [(row["giliran"], 1) for row in rows])
    call_command("waiting_room", "replay", str(room.pk))
    assert json.loads(capsys.readouterr().out)["turns"] == len(rows) == 25
    (tmp_path / "urutan.csv").write_text(published)
    call_command("waiting_room", "check-file", str(tmp_path / "urutan.csv"), room.seed, room.seed_hash)

    first, second = Turn.objects.filter(room=room, drawn_number__in=(1, 2))
    Turn.objects.filter(pk=first.pk).update(drawn_number=None)
    Turn.objects.filter(pk=second.pk).update(drawn_number=first.drawn_number)
    Turn.objects.filter(pk=first.pk).update(drawn_number=second.drawn_number)
    with pytest.raises(CommandError):  # somebody let a friend pass
        call_command("waiting_room", "replay", str(room.pk))


def test_fifty_thousand_are_shuffled_in_a_few_statements():
    room = release_now(make_room())
    Turn.objects.bulk_create(
        (Turn(room=room, person=blind_index(str(n), "many")) for n in range(50_000)), batch_size=5000
    )
    with CaptureQueriesContext(connection) as queries:
        assert rooms.release(room.pk)
    assert len(queries) < 30
    assert Turn.objects.filter(room=room, number__isnull=True).count() == 0
    assert Turn.objects.filter(room=room).order_by("-number").first().number == 50_000


@pytest.fixture
def mortal_redis(tmp_path, settings):
    """A Redis of this test alone, to be killed."""
    sockets = embedded.socket_folder(tmp_path)
    server = embedded.Redis(tmp_path / "redis", sockets, tmp_path / "redis.log", durable=False)
    server.start()
    settings.REDIS_URL = f"{server.url}?socket_timeout=60&socket_connect_timeout=60"
    board.forget()
    yield server
    server.stop()


def kill_and_start_empty(server):
    os.kill(board.client().info("server")["process_id"], signal.SIGKILL)
    server.stop()
    board._client.cache_clear()
    server.start()
    assert board.client().dbsize() == 0


def test_redis_killed_and_started_empty_keeps_every_turn(mortal_redis):
    room = make_room()
    people = {somebody(): None for _ in range(30)}
    for person in people:
        people[person] = turns.join(room.pk, person).public_id
    rooms.release(release_now(room).pk)
    before = dict(Turn.objects.filter(room=room).values_list("public_id", "number"))

    kill_and_start_empty(mortal_redis)
    forget_everything()  # and the web was restarted too

    late = [turns.join(room.pk, somebody()) for _ in range(5)]
    assert [turn.number for turn in late] == [31, 32, 33, 34, 35]
    for person, public_id in people.items():
        assert turns.join(room.pk, person).public_id == public_id
        assert board.look(room.pk, public_id.hex).number == before[public_id]
    again = board.look(room.pk, next(iter(before)).hex)
    assert again.from_redis  # the board is back


def test_while_redis_is_dead_polls_are_answered_and_turns_are_given(mortal_redis, monkeypatch):
    room = make_room(minutes=None)
    first = turns.join(room.pk, somebody())
    mortal_redis.stop()
    second = turns.join(room.pk, somebody())
    assert (first.number, second.number) == (1, 2)
    for turn in (first, second):
        seen = board.look(room.pk, turn.public_id.hex)
        assert (seen.number, seen.from_redis) == (turn.number, False)
    monkeypatch.setattr(board, "MEMORY_SECONDS", 600.0)  # within the second
    with CaptureQueriesContext(connection) as queries:
        for _ in range(50):
            board.look(room.pk, first.public_id.hex)
    assert len(queries) == 0


def test_an_empty_redis_is_filled_by_one_process_however_many_ask(monkeypatch):
    room = make_room(minutes=None)
    turn = crowd(room, 50)[0]
    board.client().flushdb()
    board.forget()
    fills, refused = [], threading.Semaphore(0)
    read, fill = board._chunks, board.fill

    def counted(room_id):
        fills.append(threading.get_ident())
        if len(fills) == 1:  # it goes on when everybody else has found it at work
            assert all(refused.acquire(timeout=60) for _ in range(15))
        return read(room_id)

    def tried(room_id, **named):
        done = fill(room_id, **named)
        if not done:
            refused.release()
        return done

    monkeypatch.setattr(board, "_chunks", counted)
    monkeypatch.setattr(board, "fill", tried)
    seen = at_once(lambda _: board.look(room.pk, turn.public_id.hex), range(16))
    assert {one.number for one in seen} == {turn.number}
    assert len(fills) == 1


def test_a_number_written_before_the_board_is_filled_does_not_pass_for_a_board():
    room = make_room(minutes=None)
    early = crowd(room, 3)[0]
    board.client().flushdb()
    late = turns.join(room.pk, somebody())  # its line alone is now in Redis
    forget_everything()
    assert board.look(room.pk, early.public_id.hex).number == early.number
    assert board.look(room.pk, late.public_id.hex).number == late.number == 4


def test_a_poll_is_one_look_into_redis_and_no_query(asked):
    room = make_room(minutes=None)
    turn = crowd(room, 3)[2]
    clock.tick(room.pk)
    asked.clear()
    with CaptureQueriesContext(connection) as queries:
        seen = board.look(room.pk, turn.public_id.hex)
    assert seen.from_redis and not queries.captured_queries
    assert len(asked) == 1 and b"HMGET" in asked[0]


def test_who_missed_the_call_goes_in_at_once_and_the_second_time_gets_a_new_number(settings):
    room = make_room(minutes=None)
    first, _second = crowd(room, 2)
    now = timezone.now()
    Room.objects.filter(pk=room.pk).update(served_number=2)
    turns.called(room.pk, 0, 2, now)
    late = now + timedelta(minutes=settings.ADMISSION_MINUTES + 1)

    entry = turns.enter(room.pk, first.public_id, late)
    assert entry.until > late
    later = late + timedelta(minutes=settings.ADMISSION_MINUTES + 1)
    entry = turns.enter(room.pk, first.public_id, later)
    assert entry.until is None and entry.turn.number == 3
    assert board.look(room.pk, first.public_id.hex).number == 3


def test_nobody_enters_before_the_call():
    room = make_room(minutes=None)
    turn = crowd(room, 1)[0]
    assert turns.enter(room.pk, turn.public_id).until is None
    rooms.close(room.pk, "uji")
    with pytest.raises(turns.RoomClosed):
        turns.enter(room.pk, turn.public_id)
    with pytest.raises(turns.RoomClosed):
        turns.join(room.pk, somebody())
