"""Signal 9 to each process in turn while people book: what was shown to somebody is there, once."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from tests.deploy.running import ROOT
from tests.faults.conftest import FULL
from tests.faults.load import Load
from tests.faults.town import Town, kill, wait_until, worker_of
from tests.faults.visitor import Visitor

ENOUGH = 40 if FULL else 9
TIMES = 5 if FULL else 1
PAUSE = """
CREATE FUNCTION pause_commit() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER pause_commit AFTER INSERT ON scheduling_appointment
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pause_commit()"""
UNPAUSE = "DROP TRIGGER pause_commit ON scheduling_appointment; DROP FUNCTION pause_commit()"


@contextlib.contextmanager
def commits_paused(town: Town) -> Iterator[tuple[object, object]]:
    """Each booking stops inside its COMMIT until `go()`; `paused()` gives the server process that does.

    A deferred trigger runs when the transaction commits, before the commit counts: there it waits for a lock of ours.
    """
    with town.database() as cursor:
        cursor.execute(PAUSE)
        cursor.execute("SELECT pg_advisory_lock(42)")

        def paused() -> int:
            rows = town.query("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            return rows[0][0] if rows else 0

        def go() -> None:
            cursor.execute("SELECT pg_advisory_unlock_all()")

        try:
            yield paused, go
        finally:
            go()
            town.query(UNPAUSE)


class Sent:
    """A confirmation on its way, on a connection whose port is known."""

    def __init__(self, town: Town, visitor: Visitor, path: str, form: dict[str, str]) -> None:
        connection = town.connect()
        connection.connect()
        self.port: int = connection.sock.getsockname()[1]
        self.outcome: object = None

        def send() -> None:
            try:
                body = form | {"csrfmiddlewaretoken": visitor.token}
                self.outcome = visitor.once("POST", path, body, connect=lambda: connection)
            except (OSError, http.client.HTTPException) as error:
                self.outcome = error

        self.thread = threading.Thread(target=send)
        self.thread.start()

    def broke(self) -> bool:
        """Whether the answer never came."""
        self.thread.join(150)
        return isinstance(self.outcome, Exception)


def rows_of(town: Town, visitor: Visitor) -> list[str]:
    statement = "SELECT public_id::text FROM scheduling_appointment WHERE client_uuid = %s"
    return [row[0] for row in town.query(statement, visitor.key)]


@pytest.fixture
def confirming(town):
    """A person one tap before the ticket, while others book."""
    visitor = town.visitor()
    return visitor, visitor.come_to_confirm(town.schedule, town.next_slot())


def test_a_web_worker_killed_before_the_commit_leaves_nothing_and_asking_again_books(town, confirming):
    visitor, (path, form) = confirming
    with commits_paused(town) as (paused, go):
        sent = Sent(town, visitor, path, form)
        backend = wait_until(paused, "a booking inside its commit")
        os.kill(worker_of(town, sent.port), signal.SIGKILL)
        assert sent.broke()
        # What the server does when it notices that the other end is gone (the closed socket, at the latest).
        town.query("SELECT pg_terminate_backend(%s, 60000)", backend)
        assert rows_of(town, visitor) == []
        go()
    with Load(town) as load:
        ticket = visitor.send_confirm(path, form)
        load.wait_for(ENOUGH)
    assert rows_of(town, visitor) == [ticket]
    load.shown.append((visitor, ticket))
    load.verify()


def test_a_web_worker_killed_while_the_server_commits_for_nobody_books_once(town, confirming):
    visitor, (path, form) = confirming
    with commits_paused(town) as (paused, go):
        sent = Sent(town, visitor, path, form)
        wait_until(paused, "a booking inside its commit")
        os.kill(worker_of(town, sent.port), signal.SIGKILL)
        assert sent.broke()
        go()
        [made] = wait_until(lambda: rows_of(town, visitor), "the commit nobody waits for")
    assert visitor.send_confirm(path, form) == made
    assert rows_of(town, visitor) == [made]
    town.audit()


def test_a_web_worker_killed_after_the_commit_and_before_the_answer_shows_the_same_ticket_again(town, confirming):
    visitor, (path, form) = confirming
    with commits_paused(town) as (paused, go):
        sent = Sent(town, visitor, path, form)
        wait_until(paused, "a booking inside its commit")
        # After the commit comes the wake-up through Redis: with Redis frozen the worker stands between the two.
        town.redis.process.send_signal(signal.SIGSTOP)
        try:
            go()
            [made] = wait_until(lambda: rows_of(town, visitor), "the commit")
            os.kill(worker_of(town, sent.port), signal.SIGKILL)
            assert sent.broke(), sent.outcome
        finally:
            town.redis.process.send_signal(signal.SIGCONT)
    assert visitor.send_confirm(path, form) == made
    with Load(town) as load:
        load.wait_for(ENOUGH)
    load.shown.append((visitor, made))
    load.verify()


def test_web_workers_killed_at_any_moment_lose_and_double_nothing(town):
    with Load(town) as load:
        for kills in range(20 * TIMES):
            load.wait_for(ENOUGH // 3)
            if kills >= 3 * TIMES and load.troubles:
                break
            os.kill(town.gunicorn.workers()[0], signal.SIGKILL)
        load.wait_for(ENOUGH)
    assert load.troubles, "nobody was in the way of the kills"
    load.verify()


def test_postgres_killed_under_load_keeps_every_ticket_that_was_shown(town):
    with Load(town) as load:
        for _ in range(TIMES):
            load.wait_for(ENOUGH)
            workers = town.gunicorn.workers()
            kill(town.postgres.process)
            time.sleep(0.3)
            town.start_postgres()
            took = load.wait_for(ENOUGH)
            assert took < 90, took
            assert town.gunicorn.workers() == workers, "the web found its way back by itself"
    assert load.troubles
    load.verify()


def test_redis_killed_and_started_empty_is_not_noticed_by_anybody_who_books(town):
    with Load(town) as load:
        for _ in range(TIMES):
            load.wait_for(ENOUGH)
            kill(town.redis.process)
            load.wait_for(ENOUGH)  # without Redis
            town.redis.start()
            load.wait_for(ENOUGH)
    assert load.troubles == []
    load.verify()


@pytest.fixture
def celery(town):
    """Worker and beat; calling it starts them again."""
    log = (town.folder / "celery.log").open("ab")
    running: list[subprocess.Popen[bytes]] = []
    base = [sys.executable, "-m", "celery", "-A"]
    worker = ["victori.celery:app", "worker", "-c", "2", "--without-gossip", "--without-mingle"]
    beat = ["victori.beat:app", "beat", "-s", str(town.folder / "beat"), "--pidfile="]

    def start(what: str) -> "subprocess.Popen[bytes]":
        command = [*base, *(worker if what == "worker" else beat)]
        process = subprocess.Popen(command, cwd=ROOT, env=town.env, stdout=log, stderr=log, start_new_session=True)
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    log.close()


def test_a_celery_worker_killed_under_load_tells_everybody_once(town, celery):
    open_rows = "SELECT count(*) FROM core_outboxmessage WHERE state IN ('waiting', 'in_flight')"
    done = "SELECT count(*) FROM core_outboxmessage WHERE state = 'done'"
    celery("beat")
    with Load(town, pause=0.2) as load:
        for _ in range(TIMES):
            worker = celery("worker")
            before = town.query(done)[0][0]
            wait_until(lambda before=before: town.query(done)[0][0] > before, "the worker works", 180)
            load.wait_for(ENOUGH)
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
            load.wait_for(ENOUGH)  # nobody who books notices
    assert load.troubles == []
    # What it had taken comes due again when its lease of a minute is over; the test does not wait that long.
    town.query("UPDATE core_outboxmessage SET lease_until = now() - interval '1 second' WHERE state = 'in_flight'")
    celery("worker")
    wait_until(lambda: town.query(open_rows)[0][0] == 0, "everything worked off", 240)
    keys = [visitor.key for visitor, _ in load.shown]
    told = town.query(
        "SELECT a.id, count(m.id) FROM scheduling_appointment a LEFT JOIN messaging_message m"
        " ON m.dedupe_key = 'appointment_booked:' || a.id || ':0' WHERE a.client_uuid::text = ANY(%s) GROUP BY a.id",
        keys,
    )
    assert {number for _, number in told} == {1}
    load.verify()
