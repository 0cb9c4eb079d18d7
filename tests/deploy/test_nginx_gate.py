"""The gate: so many requests in gunicorn and no more; the others are told the truth at once."""

import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.deploy.running import Gunicorn, Nginx, collect_static, production, unused_port

# The mark makes pytest-django create the database that gunicorn then uses.
pytestmark = [pytest.mark.timeout(600), pytest.mark.django_db]
LIMIT = 100


class Crowd:
    """nginx and a gunicorn that keeps everybody at /janji/ waiting until `let_go`."""

    def __init__(self, program, folder, env):
        self.file = folder / "hold"
        self.file.touch()
        collect_static(env)
        self.gunicorn = Gunicorn(env | {"HOLD_FILE": str(self.file)}, folder / "gunicorn.log", "tests.deploy.held")
        self.gunicorn.start()
        static, copy = folder / "static", folder / "copy"
        self.nginx = Nginx(program, folder / "proxy", self.gunicorn.port, static, copy)

    def let_go(self):
        self.file.unlink(missing_ok=True)

    def hold(self):
        self.file.touch()

    def stop(self):
        self.let_go()
        self.nginx.stop()
        self.gunicorn.stop()


@pytest.fixture(scope="module")
def crowd(tmp_path_factory, django_db_setup, requires):
    from django.db import connection

    folder = tmp_path_factory.mktemp("gate")
    base = os.environ["DATABASE_URL"].rpartition("/")[0]
    env = production(folder, unused_port(), DATABASE_URL=f"{base}/{connection.settings_dict['NAME']}")
    crowd = Crowd(requires("nginx"), folder, env)
    yield crowd
    crowd.stop()


@pytest.fixture
def full(crowd):
    """Exactly as many requests as the gate lets in are in gunicorn and stay there until `let_go`."""
    crowd.hold()
    refused = threading.Semaphore(0)

    def one(_):
        status = crowd.nginx.get("/janji/", timeout=90).status
        if status == 503:
            refused.release()
        return status

    with ThreadPoolExecutor(LIMIT + 10) as pool:
        answers = pool.map(one, range(LIMIT + 10))
        for _ in range(10):
            assert refused.acquire(timeout=60)
        yield
        crowd.let_go()
        assert Counter(answers) == {302: LIMIT, 503: 10}


def test_of_two_hundred_at_once_a_hundred_are_let_in_and_the_others_answered_at_once(crowd):
    crowd.hold()
    ready = threading.Barrier(2 * LIMIT)
    told = []

    def one(_):
        connection = crowd.nginx.connect(timeout=90)
        connection.connect()
        ready.wait(60)
        connection.request("GET", "/janji/", headers={"Host": "vaksin.example.go.id"})
        answer = connection.getresponse()
        answer.read()
        if answer.status == 503:
            told.append(None)
            if len(told) == LIMIT:  # everybody who is not let in has been told, before anybody inside was served
                crowd.let_go()
        connection.close()
        return answer.status

    with ThreadPoolExecutor(2 * LIMIT) as pool:
        statuses = Counter(pool.map(one, range(2 * LIMIT)))

    assert statuses == {302: LIMIT, 503: LIMIT}


def test_the_waiting_page_tells_the_truth_and_comes_back_by_itself(crowd, full):
    answer = crowd.nginx.get("/janji/baru/")
    body = answer.read().decode()
    seconds = answer.headers["Retry-After"]
    assert answer.status == 503
    assert len(body) < 5000
    assert "Sedang ramai" in body
    assert "Anda tidak kehilangan apa pun" in body
    assert f'http-equiv="refresh" content="{seconds}"' in body
    assert f"mencoba lagi sendiri dalam {seconds} detik" in body
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers.get_all("Set-Cookie") is None
    waits = {crowd.nginx.get("/janji/").headers["Retry-After"] for _ in range(40)}
    assert len(waits) > 2, "everybody would come back in the same second"


def test_a_form_that_was_not_sent_says_so_and_keeps_the_way_back(crowd, full):
    referer = "https://vaksin.example.go.id/janji/baru/1/sesi/2/periksa/?kunci=abc"
    answer = crowd.nginx.get("/janji/baru/1/sesi/2/periksa/", "POST", b"kunci=abc", Referer=referer)
    body = answer.read().decode()
    assert (answer.status, "formulir belum terkirim" in body) == (503, True)
    assert 'href="/janji/baru/1/sesi/2/periksa/?kunci=abc"' in body
    assert "refresh" not in body
    for foreign in ("https://jahat.example//jahat.example/", "javascript:alert(1)", 'https://a/"><script>x</script>'):
        assert 'href="/"' in crowd.nginx.get("/janji/x/", "POST", b"", Referer=foreign).read().decode()


def test_programs_are_told_in_their_own_language(crowd, full):
    answer = crowd.nginx.get("/api/v1/certificates/verify/", "POST", b"{}")
    assert answer.status == 503
    assert answer.headers["Content-Type"].startswith("application/json")


def test_the_desk_the_polls_and_the_public_pages_have_lanes_of_their_own(crowd, full):
    paths = ("/petugas/masuk/", "/antrean/", "/healthz", "/jadwal/", "/")
    with ThreadPoolExecutor(len(paths)) as pool:
        asked = {path: pool.submit(crowd.nginx.get, path) for path in paths}
        time.sleep(0.5)  # who is refused is refused at once
        refused = [path for path, one in asked.items() if one.done()]
        crowd.let_go()
        statuses = {path: one.result().status for path, one in asked.items()}
    assert refused == []
    assert 503 not in statuses.values(), statuses
    assert statuses["/petugas/masuk/"] == statuses["/healthz"] == statuses["/"] == 200


def test_who_is_slow_to_send_takes_no_room_from_anybody(crowd):
    crowd.let_go()
    lazy = []
    try:
        for _ in range(LIMIT + 20):  # each has announced a form and sends nothing of it
            connection = crowd.nginx.connect()
            connection.putrequest("POST", "/janji/")
            connection.putheader("Content-Length", "1000")
            connection.endheaders()
            lazy.append(connection)
        assert crowd.nginx.get("/janji/").status == 302
    finally:
        for connection in lazy:
            connection.close()
