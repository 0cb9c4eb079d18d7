"""A worker killed with signal 9 while it serves numbers: the next one goes on, nobody gets two places."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from core import audit
from scheduling.draws import files as draw_files
from scheduling.draws import run as draw_run
from scheduling.draws import services as draws
from scheduling.models import Appointment, Draw, DrawEntry, Place
from tests.scheduling.lots import by_outcome, enter, let_time_pass, make_draw
from tests.scheduling.world import at_once, make_adult

PEOPLE, PLACES = 40, 20
WORKER = """
import django, sys
django.setup()
from scheduling.draws import run as draw_run
draw_run.BATCH = 1
draw_run.run(int(sys.argv[1]))
"""


def settled(draw):
    return DrawEntry.objects.filter(draw=draw).exclude(outcome="waiting").count()


def kill_a_worker_at_work(draw, environment):
    """Start a real worker process, wait until it has served some numbers, and kill it."""
    before = settled(draw)
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(draw.pk)], env=environment)
    deadline = time.monotonic() + 60
    while settled(draw) < before + 4 and worker.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    os.kill(worker.pid, signal.SIGKILL)
    assert worker.wait(10) == -signal.SIGKILL, "it was done before it could be killed"


@pytest.mark.django_db(transaction=True)
def test_kill_9_in_the_middle_then_resume_gives_the_same_result_and_no_double(process_env):
    draw = make_draw(places=PLACES)
    for _ in range(PEOPLE):
        enter(draw)
    let_time_pass(draw)
    order = draw_files.drawn_order(draw.seed, draw.list_hash, draw_run.tickets_of(draw))
    for _ in range(3):
        kill_a_worker_at_work(draw, process_env)
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
        go_on.wait(20)
        return allowed_wishes(*arguments)

    def at_the_door(_):
        monkeypatch.setattr(draws, "_allowed_wishes", slowly)
        return enter(draw, citizen)

    def at_the_hour(_):
        inside.wait(20)
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
    called_off = threading.Event()

    def office(_):
        closes_at = timezone.now() + timedelta(seconds=4)
        Draw.objects.filter(pk=draw.pk).update(closes_at=closes_at, rest_at=closes_at + timedelta(hours=1))
        with transaction.atomic():
            draws.cancel(draw.pk, "vaksin belum tiba")
            called_off.set()
            time.sleep((closes_at - timezone.now()).total_seconds() + 2.5)  # the list's hour comes meanwhile

    def worker(_):
        assert called_off.wait(20)
        draw.refresh_from_db()
        time.sleep((draw.closes_at - timezone.now()).total_seconds() + 0.5)
        return draw_run.run(draw.pk)

    _, steps = at_once(lambda part: part(None), [office, worker], threads=2)
    draw.refresh_from_db()
    assert (draw.state, steps) == ("cancelled", 0)
