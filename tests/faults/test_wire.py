"""What lies between: a connection cut at any byte of the answer, and nginx reloaded, under booking load."""

import http.client
import random
import time

import pytest

from tests.deploy.running import Nginx
from tests.faults.conftest import FULL
from tests.faults.cutter import Cutter
from tests.faults.load import Load
from tests.faults.visitor import reference

CUTS = 200 if FULL else 14


@pytest.fixture
def wire(town):
    cutter = Cutter(town.gunicorn.port)
    yield cutter
    cutter.close()


def test_an_answer_cut_at_any_byte_is_followed_by_the_same_ticket(town, wire):
    chance = random.Random(20261122)
    whole = town.visitor(connect=wire.connect)
    whole.book(town.schedule, town.next_slot())
    length = wire.passed  # of the last answer: the one that says where the ticket is
    assert length > 200
    where = [0, length - 1, *(chance.randrange(length) for _ in range(CUTS - 2))]
    broken = 0
    with Load(town, threads=1, pause=0.5) as load:
        for cut in where:
            visitor = town.visitor()
            path, form = visitor.come_to_confirm(town.schedule, town.next_slot())
            wire.allow, seen = cut, set()
            for _ in range(2):  # the phone asks again over the same bad wire, then over a good one
                try:
                    answer = visitor.once("POST", path, form | {"csrfmiddlewaretoken": visitor.token}, wire.connect)
                    seen.add(reference(answer))
                except (OSError, http.client.HTTPException):
                    broken += 1
            ticket = visitor.send_confirm(path, form)
            assert seen <= {ticket}, cut
            load.shown.append((visitor, ticket))
    assert broken > CUTS, "the wire broke in nearly every case"
    load.verify()


def test_a_wire_that_breaks_on_every_page_only_costs_patience(town, wire):
    chance = random.Random(7)

    def connect():
        wire.allow = chance.choice([None, None, chance.randrange(3000)])
        return wire.connect()

    with Load(town, threads=1, connect=connect) as load:
        load.wait_for(40 if FULL else 4)
    assert load.troubles
    wire.allow = None
    for visitor, _ in load.shown:
        visitor.connect = town.connect
    load.verify()


def test_nginx_is_reloaded_under_load_and_nobody_notices(town, requires, tmp_path):
    nginx = Nginx(requires("nginx"), tmp_path / "proxy", town.gunicorn.port, tmp_path, tmp_path)
    try:
        with Load(town, connect=nginx.connect) as load:
            for _ in range(20 if FULL else 4):
                load.wait_for(6)
                nginx.reload()
                time.sleep(0.2)
            load.wait_for(6)
        assert load.troubles == []
        load.verify()
    finally:
        nginx.stop()
