"""The load generator against a server that misbehaves in known ways: what it counts must be what happened."""

import socket
import threading
import time
from types import SimpleNamespace

import pytest

from bench import client, load
from bench.client import Crowd, parse
from bench.result import Figure, against, from_json, table

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers each connection's requests with the given steps in turn: bytes, a call that gives them, seconds to wait
    before, or None to close."""

    def __init__(self, *steps):
        self.steps, self.requests, self.answered = steps, 0, threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = self.socket.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            for step in self.steps:
                if step is None:
                    return
                if isinstance(step, float):
                    time.sleep(step)
                    continue
                if not connection.recv(65536):
                    return
                self.requests += 1
                connection.sendall(step() if callable(step) else step)
                self.answered.set()


@pytest.fixture
def clock(monkeypatch):
    """The clock of the load generator, which only the test moves."""
    clock = SimpleNamespace(now=1000.0, perf_counter=lambda: clock.now, time=time.time, process_time=time.process_time)
    monkeypatch.setattr(client, "time", clock)

    def later(seconds, answer):
        """A step of the server: so much later it answers."""

        def step():
            clock.now += seconds
            return answer

        return step

    clock.later = later
    return clock


@pytest.fixture
def serve():
    servers = []

    def start(*steps):
        servers.append(Server(*steps))
        return servers[-1]

    yield start
    for server in servers:
        server.socket.shutdown(socket.SHUT_RDWR)  # closed alone, the number would be the next server's, and its thread
        server.socket.close()  # might go on accepting there


def ask(times, found):
    for _ in range(times):
        found.append((yield load.get("/", "x")))


def run(server, times=1, *, timeout=60.0, seconds=60.0):
    found = []
    tally = Crowd(server.address, timeout=timeout).run([ask(times, found)], seconds=seconds)
    return tally, found


def test_every_answer_is_counted_once_with_its_latency(serve):
    server = serve(*[PAGE] * 3)
    tally, found = run(server, 3)
    assert (tally.answers[200], server.requests, tally.failed) == (3, 3, 0)
    assert [answer.body for answer in found] == [b"ok"] * 3
    assert 0 < tally.percentile(0.5) <= tally.percentile(0.99) <= tally.seconds


def test_an_answer_in_pieces_and_in_chunks_is_put_together():
    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert parse(bytearray(whole)) == (200, whole.partition(b"\r\n\r\n")[0], b"abcde")
    assert all(parse(bytearray(whole[:size])) is None for size in range(len(whole) - 5))


def test_a_cut_answer_is_an_error_and_not_an_answer(serve):
    tally, found = run(serve(PAGE[:-1], None))
    assert dict(tally.errors) == {"answer cut short": 1}
    assert not tally.answers and found[0].status == 0


def test_a_kept_connection_closed_while_idle_is_opened_again_without_an_error(serve):
    server = serve(PAGE, None)
    tally, _found = run(server, 3)
    assert (tally.answers[200], tally.reopened, tally.failed) == (3, 2, 0)


def test_a_fresh_connection_closed_without_an_answer_is_an_error(serve):
    tally, _found = run(serve(None))
    assert sum(tally.errors.values()) == tally.failed == 1


def test_a_server_that_is_silent_is_a_time_out(serve):
    tally, _found = run(serve(600.0), timeout=0.3)
    assert dict(tally.errors) == {"time-out": 1}


def test_a_refused_connection_is_an_error():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        tally = Crowd(probe.getsockname()).run([ask(1, [])], seconds=2)
    assert dict(tally.errors) == {"connect: ECONNREFUSED": 1}


def test_only_what_was_answered_in_the_window_is_counted(serve, clock):
    tally, found = run(serve(PAGE, clock.later(0.6, PAGE)), 2, seconds=0.3)
    assert (tally.answers[200], tally.counts["after the window"]) == (1, 1)
    assert len(found) == 2 and tally.seconds == pytest.approx(0.3)


def test_what_was_answered_while_the_scenarios_settle_is_not_counted(serve, clock):
    server = serve(*[clock.later(0.1, PAGE)] * 6)
    found = []
    tally = Crowd(server.address).run([ask(6, found)], seconds=5.0, settle=0.35)
    assert tally.counts["before the window"] == 3
    assert len(found) == 6
    assert tally.answers[200] == len(tally.latencies["200"]) == 3
    assert tally.seconds == pytest.approx(0.25)  # from then on until all had ended


def test_an_error_while_they_settle_is_an_error(serve):
    tally = Crowd(serve(PAGE[:-1], None).address).run([ask(1, [])], seconds=1.0, settle=0.5)
    assert dict(tally.errors) == {"answer cut short": 1}


def test_an_answer_that_lies_there_unread_has_arrived(serve):
    at_work = threading.Event()

    def answer():
        assert at_work.wait(60)
        return PAGE

    server = serve(answer, 600.0)

    def busy_generator():
        while not server.requests:  # until the other one has asked
            yield 0.01
        at_work.set()
        assert server.answered.wait(60)
        time.sleep(0.4)  # a generator with too much to do

    found = []
    tally = Crowd(server.address, stamps=True).run([ask(1, found), busy_generator()], seconds=60)
    assert 0 < found[0].arrived < found[0].seconds - 0.3
    assert tally.percentile(0.5) - tally.percentile(0.5, arrived=True) > 0.3


def test_processes_send_each_request_once_and_add_up(serve):
    server = serve(*[PAGE] * 50)
    requests = [load.get(f"/{number}", "x") for number in range(40)]
    tally = load.run(server.address, load.each_once(requests, 4), seconds=60, processes=2)
    assert tally.answers[200] == server.requests == 40


def test_a_process_that_fails_fails_the_run(serve):
    def broken(_number, _processes):
        raise ValueError("broken on purpose")

    with pytest.raises(load.LoadFailed, match="broken on purpose"):
        load.run(serve(PAGE).address, broken, seconds=1)


@pytest.mark.parametrize(
    ("value", "most", "verdict"),
    [(0.3, False, "aim"), (0.2, False, "asked"), (0.1, False, "below"), (0.1, True, "aim"), (0.3, True, "below")],
)
def test_the_verdict_follows_the_bounds(value, most, verdict):
    asked, aim = (0.25, 0.15) if most else (0.15, 0.25)
    assert Figure("x", "x", value, asked, aim, most=most).verdict == verdict


def test_a_ratio_is_the_median_of_the_rounds_and_shows_its_spread():
    figure = against("x", "x", [10, 20, 90], [100, 100, 100], "limit", asked=0.15, aim=0.25)
    assert (figure.value, figure.low, figure.high, figure.verdict) == (0.2, 0.1, 0.9, "asked")
    assert from_json(figure.as_json()) == figure
    assert "| ✔" in table([figure]) and "0.1–0.9" in table([figure])
