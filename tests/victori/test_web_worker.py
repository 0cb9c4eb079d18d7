"""How many requests wait for a thread, as a real gunicorn with the portal's settings tells it."""

import http.client
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.deploy.running import ROOT, Gunicorn, unused_port
from victori.web_worker import CountingPool

SLOW = '''
import os, time

from core import express


def application(environ, start_response):
    """Waits while a file is there, then tells how many wait."""
    while os.path.exists(os.environ["HOLD_FILE"]):
        time.sleep(0.01)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(express.queue_length()).encode()]
'''


@pytest.fixture
def slow(tmp_path):
    """One process of one thread that answers nobody until the file `hold` is gone."""
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "hold").touch()
    more = {
        "BIND": f"127.0.0.1:{unused_port()}",
        "WEB_WORKERS": "1",
        "WEB_THREADS": "1",
        "HOLD_FILE": str(tmp_path / "hold"),
        "PYTHONPATH": f"{ROOT}:{tmp_path}",
    }
    gunicorn = Gunicorn(os.environ | more, tmp_path / "log", "slow:application")
    gunicorn.start()
    yield gunicorn
    gunicorn.stop()


def test_gunicorn_tells_how_many_requests_wait_for_a_thread(slow, tmp_path):
    def ask(_):
        connection = http.client.HTTPConnection("127.0.0.1", slow.port, timeout=30)
        connection.request("GET", "/", headers={"Connection": "close"})
        return int(connection.getresponse().read())

    with ThreadPoolExecutor(6) as pool:
        asked = pool.map(ask, range(6))
        time.sleep(1)  # all six have come: one is held, five wait
        (tmp_path / "hold").unlink()
        assert sorted(asked) == [0, 1, 2, 3, 4, 5]


def test_what_fails_has_waited_too():
    pool = CountingPool(1)
    failed = pool.submit(lambda: 1 // 0)
    assert isinstance(failed.exception(5), ZeroDivisionError)
    assert pool.submit(lambda a, b: a + b, 2, b=3).result(5) == 5
    assert pool.waiting == 0
    pool.shutdown()
