"""A worker killed with signal 9 while it serves numbers: the next one goes on, nobody gets two places."""

import signal
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction

from core import audit
from scheduling.draws import files as draw_files
from scheduling.draws import run as draw_run
from scheduling.draws import services as draws
from scheduling.models import Appointment, DrawEntry, Place
from tests.locks import somebody_waits_for_us
from tests.scheduling.lots import by_outcome, enter, let_time_pass, make_draw
from tests.scheduling.world import at_once, make_adult

PEOPLE, PLACES = 40, 20
WORKER = """
import django, sys, time
django.setup()
from scheduling.draws import run as draw_run
draw_run.BATCH = 1
where, calls = sys.argv[2], 0
act = getattr(draw_run, where)

def stand_still_in_the_fifth(*arguments):
    global calls
    calls, result = calls + 1, act(*arguments)
    if calls == 5:
        print("siap", flush=True)
        time.sleep(3600)
    return result

setattr(draw_run, where, stand_still_in_the_fifth)
draw_run.run(int(sys.argv[1]))
"""


def settled(draw):
    return DrawEntry.objects.filter(draw=draw).exclude(outcome="waiting").count()


def kill_a_worker_at_work(draw, environment, where):
    """Start a real worker process, wait until it has served four numbers and is at the fifth, and kill it."""
    before = settled(draw)
    command = [sys.executable, "-c", WORKER, str(draw.pk), where]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout.readline() == "siap\n"
        worker.kill()
        assert worker.wait() == -signal.SIGKILL
    assert settled(draw) == before + 4


@pytest.mark.django_db(transaction=True)
def test_kill_9_in_the_middle_then_resume_gives_the_same_result_and_no_double(process_env):
    draw = make_draw(places=PLACES)
    for _ in range(PEOPLE):
        enter(draw)
    let_time_pass(draw)
    order = draw_files.drawn_order(draw.seed, draw.list_hash, draw_run.tickets_of(draw))
    for where in ("_book", "_settle", "_allocate"):
        kill_a_worker_at_work(draw, process_env, where)
        draw.refresh_from_db()
        assert draw.state == "drawing"
        assert 0 < settled(draw) < PEOPLE
    draw_run.run(draw.pk)
    draw.refresh_from_db()
    assert draw.state == "drawn"
    assert by_outcome(draw) == {"won": order[:PLACES], "lost": order[PLACES:]}
    assert Appointment.objects.count() == PLACES == Place.objects.filter(state="taken").count()
    assert not [check.title for check, count in audit.run() if count and check.id in ("I1", "I2", "I3")]


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_hold_one_draw(monkeypatch):
    monkeypatch.setattr(draw_run, "BATCH", 2)
    draw = make_draw(places=8)
    for _ in range(20):
        enter(draw)
    let_time_pass(draw)
    order = draw_files.drawn_order(draw.seed, draw.list_hash, draw_run.tickets_of(draw))
    for _ in range(5):
        answers = at_once(draw_run.run, [draw.pk] * 6, threads=6)
        assert all(isinstance(answer, int) for answer in answers), answers
    connection.close()
    assert by_outcome(draw) == {"won": order[:8], "lost": order[8:]}
    assert Appointment.objects.count() == 8


@pytest.mark.django_db(transaction=True)
def test_whoever_passed_the_door_is_in_the_list(monkeypatch):
    """Freezing waits for a form that was let in before the hour and is still being written."""
    draw, citizen = make_draw(), make_adult()
    inside, go_on = threading.Event(), threading.Event()
    allowed_wishes = draws._allowed_wishes

    def slowly(*arguments):
        inside.set()
        go_on.wait(120)
        return allowed_wishes(*arguments)

    def at_the_door(_):
        monkeypatch.setattr(draws, "_allowed_wishes", slowly)
        return enter(draw, citizen)

    def at_the_hour(_):
        inside.wait(120)
        let_time_pass(draw, frozen=False)
        steps = draw_run.run(draw.pk)
        go_on.set()
        return steps

    entry, steps = at_once(lambda part: part(None), [at_the_door, at_the_hour], threads=2)
    assert steps == 0
    let_time_pass(draw)
    assert [one.number for one in draw_run.tickets_of(draw)] == [entry.ticket]


@pytest.mark.django_db(transaction=True)
def test_a_draw_called_off_in_its_last_second_is_not_frozen_over():
    draw = make_draw()
    called_off, looked = threading.Event(), threading.Event()

    def office(_):
        with transaction.atomic():
            draws.cancel(draw.pk, "vaksin belum tiba")
            called_off.set()
            while not looked.is_set() and not somebody_waits_for_us(0.2):
                continue  # the list's hour comes meanwhile

    def worker(_):
        assert called_off.wait(120)
        try:
            with time_machine.travel(draw.closes_at + timedelta(seconds=1)):
                return draw_run.run(draw.pk)
        finally:
            looked.set()

    _, steps = at_once(lambda part: part(None), [office, worker], threads=2)
    draw.refresh_from_db()
    assert (draw.state, steps) == ("cancelled", 0)
    with time_machine.travel(draw.closes_at + timedelta(seconds=1)):
        assert draw_run.run(draw.pk) == 0
