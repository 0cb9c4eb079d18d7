"""How many requests wait for a thread, as a real gunicorn with the portal's settings tells it."""

import http.client
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.deploy.running import ROOT, Gunicorn, unused_port
from victori.web_worker import CountingPool

SLOW = '''
import time

from core import express

all_have_come = []


def application(environ, start_response):
    """Keeps the thread until five wait, for a minute at most, then tells how many wait."""
    until = time.monotonic() + 60
    while not all_have_come and express.queue_length() < 5 and time.monotonic() < until:
        time.sleep(0.01)
    all_have_come.append(True)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(express.queue_length()).encode()]
'''


@pytest.fixture
def slow(tmp_path):
    """One process of one thread that answers nobody until six have come."""
    (tmp_path / "slow.py").write_text(SLOW)
    more = {
        "BIND": f"127.0.0.1:{unused_port()}",
        "WEB_WORKERS": "1",
        "WEB_THREADS": "1",
        "PYTHONPATH": f"{ROOT}:{tmp_path}",
    }
    gunicorn = Gunicorn(os.environ | more, tmp_path / "log", "slow:application")
    gunicorn.start()
    yield gunicorn
    gunicorn.stop()


def test_gunicorn_tells_how_many_requests_wait_for_a_thread(slow):
    def ask(_):
        connection = http.client.HTTPConnection("127.0.0.1", slow.port, timeout=120)
        connection.request("GET", "/", headers={"Connection": "close"})
        return int(connection.getresponse().read())

    with ThreadPoolExecutor(6) as pool:  # one is held, five wait
        assert sorted(pool.map(ask, range(6))) == [0, 1, 2, 3, 4, 5]


def test_what_fails_has_waited_too():
    pool = CountingPool(1)
    failed = pool.submit(lambda: 1 // 0)
    assert isinstance(failed.exception(60), ZeroDivisionError)
    assert pool.submit(lambda a, b: a + b, 2, b=3).result(60) == 5
    assert pool.waiting == 0
    pool.shutdown()
