"""The application is away, hangs, or comes back: what nginx says meanwhile is true."""

import contextlib
import os
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from certificates import authority
from portal import public_copy
from tests.deploy.running import HOST, Gunicorn, Nginx, unused_port
from tests.patience import until
from tests.scheduling.world import make_schedule

pytestmark = [pytest.mark.timeout(600), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def copied(site, settings):
    """The worker has written its copy; gives the time it shows."""
    authority.ensure()
    settings.DEMO = False
    make_schedule()
    folder = public_copy.write(site.copy)
    return (folder / "jam.txt").read_text()


@pytest.fixture
def killed(site, copied):
    """Gunicorn was killed; it stays away until a test needs it."""
    site.gunicorn.stop(signal.SIGKILL)
    return copied


@pytest.fixture
def alive(site, copied):
    """Gunicorn runs."""
    if site.gunicorn.process is None:
        site.gunicorn.start()
    return copied


def fresh(path):
    """The same page under an address that is in no cache."""
    return f"{path}?x={time.time()}"


def shown(site, path, words):
    """An answer and its text, once it says `words`: nginx looks for a new copy every few seconds."""
    found = []

    def said():
        answer = site.get(path)
        found[:] = answer, answer.read().decode()
        return re.search(words, found[1])

    until(said, words)
    return found


AGED = """
AGES = {
    "/jadwal/": "stale-while-revalidate=600, stale-if-error=600",
    "/cakupan/": "stale-if-error=600",
    "/stok/": "stale-if-error=1",
}


def application(environ, start_response):
    ages = "public, max-age=1, " + AGES[environ["PATH_INFO"]]
    start_response("200 OK", [("Cache-Control", ages), ("Content-Type", "text/html")])
    return [b"segar"]
"""


@pytest.fixture
def aged(site, alive, requires, tmp_path):
    """nginx of its own and the application above, whose pages were all fetched some seconds ago."""
    (tmp_path / "aged.py").write_text(AGED)
    env = site.env | {"BIND": f"127.0.0.1:{unused_port()}", "PYTHONPATH": f"{site.env['PYTHONPATH']}:{tmp_path}"}
    gunicorn = Gunicorn(env, tmp_path / "log", "aged:application")
    gunicorn.start()
    nginx = Nginx(requires("nginx"), tmp_path / "proxy", gunicorn.port, site.static, site.copy)
    try:
        assert [nginx.get(path).read() for path in ("/jadwal/", "/cakupan/", "/stok/")] == [b"segar"] * 3
        time.sleep(4)  # older than the second, and /stok/ than the second more that it may be shown
        yield nginx, gunicorn
    finally:
        nginx.stop()
        gunicorn.stop()


def _kept(answer):
    return answer.headers["X-Cache"], answer.read() == b"segar"


def test_the_last_page_is_shown_for_a_moment_and_never_longer_than_the_application_allows(site, aged, alive):
    nginx, gunicorn = aged
    assert "stale-if-error=30" in site.get("/jadwal/").headers["Cache-Control"]
    gunicorn.stop(signal.SIGKILL)
    assert _kept(nginx.get("/jadwal/")) == ("STALE", True)
    gone = nginx.get("/stok/")
    assert gone.headers["X-Cache"] == "COPY"
    assert f"Salinan per {alive}" in gone.read().decode()


@contextlib.contextmanager
def hanging(gunicorn):
    """It accepts, and says nothing."""
    pids = [gunicorn.process.pid, *gunicorn.workers()]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_so_is_the_last_page_of_one_that_hangs(aged):
    nginx, gunicorn = aged
    with hanging(gunicorn), ThreadPoolExecutor(2) as pool:
        kept, gone = pool.map(nginx.once, ("/cakupan/", "/stok/"))
        assert (_kept(kept), _kept(gone)) == (("STALE", True), ("COPY", False))


def test_an_application_that_hangs_is_away_too(site, alive):
    with hanging(site.gunicorn):
        # Nobody waits for it as long as for a page of one's own, which nginx gives up after a minute.
        assert site.nginx.once(fresh("/jadwal/"), timeout=45).headers["X-Cache"] == "COPY"
    assert site.get(fresh("/jadwal/")).headers["X-Cache"] == "MISS"


def test_a_reload_under_load_loses_no_request(site, alive):
    over = threading.Event()
    failed, answered = [], [0] * 12

    def visit(number):
        while not over.is_set():
            path = ("/healthz", fresh("/jadwal/"), "/petugas/masuk/")[(number + answered[number]) % 3]
            try:
                answer = site.nginx.once(path)
                answer.read()
                if answer.status != 200:
                    failed.append((path, answer.status))
            except Exception as error:
                failed.append((path, repr(error)))
            answered[number] += 1

    def visits_go_on():
        before = sum(answered)
        until(lambda: sum(answered) > before + 36, "visits")

    def workers():
        children = Path(f"/proc/{site.nginx.process.pid}/task/{site.nginx.process.pid}/children")
        return set(children.read_text().split())

    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(visit, number) for number in range(12)]
        with contextlib.ExitStack() as stack:
            stack.callback(over.set)
            for _ in range(4):
                before = workers()
                visits_go_on()
                site.nginx.reload()
                until(lambda before=before: not workers() <= before, "new processes have taken over")
            visits_go_on()
    assert [one.result() for one in asked] == [None] * 12
    assert failed == []


@pytest.mark.parametrize("path", ["/verifikasi/kunci.json", "/.well-known/revocations.jws"])
def test_without_the_application_the_verifier_still_finds_its_keys(site, killed, path):
    answer = site.get(path)
    assert (answer.status, answer.headers["X-Cache"]) == (200, "COPY")
    assert answer.read()


@pytest.mark.parametrize("path", ["/", "/jadwal/", "/stok/", "/en/jadwal/", "/jadwal/17/"])
def test_without_the_application_people_see_the_copy_with_its_time(site, killed, path):
    answer, body = shown(site, fresh(path), rf"(Salinan per|Copy as of) {killed}")
    assert (answer.status, answer.headers["X-Cache"], answer.headers["Cache-Control"]) == (200, "COPY", "no-store")
    # Nothing in it promises what does not work now: only the copies themselves, and static files.
    links = set(re.findall(r'href="([^"]+)"', body))
    allowed = r"(/en)?/((jadwal|stok|verifikasi)/)?|/static/.+|#isi"
    assert {link for link in links if not re.fullmatch(allowed, link)} == set()
    assert "<form" not in body
    for link in links:
        if link.startswith("/") and not link.startswith("/static/"):
            assert site.get(link).status == 200, link


def test_without_a_copy_the_page_says_what_is_known(site, killed):
    for file in site.copy.rglob("*.*"):
        file.unlink()
    answer, body = shown(site, fresh("/jadwal/"), "Layanan sedang tidak dapat dihubungi")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "15")
    assert "salinan" not in body
    assert 'http-equiv="refresh"' in body


def test_the_page_for_everything_else_names_what_still_works(site, killed):
    answer, body = shown(site, "/janji/", f"per {killed}")
    assert answer.status == 503
    for link in re.findall(r'href="([^"]+)"', body):
        assert site.get(link).status == 200, link


def test_a_form_sent_meanwhile_is_called_uncertain_and_not_lost(site, killed):
    answer = site.get("/janji/baru/x/", "POST", b"kunci=1", Referer=f"https://{HOST}/janji/baru/x/?kunci=1")
    body = answer.read().decode()
    assert answer.status == 503
    assert "Mungkin sudah tersimpan, mungkin belum" in body
    assert 'href="/janji/baru/x/?kunci=1"' in body
    program = site.get("/api/v1/certificates/verify/", "POST", b"{}")
    assert (program.status, program.headers["Content-Type"]) == (503, "application/json; charset=utf-8")


def test_when_it_is_back_everybody_sees_the_fresh_page(site, killed):
    path = fresh("/stok/")
    assert site.get(path).headers["X-Cache"] == "COPY"
    site.gunicorn.start()
    answer = site.get(path)
    assert (answer.headers["X-Cache"], "Salinan per" in answer.read().decode()) == ("MISS", False)
