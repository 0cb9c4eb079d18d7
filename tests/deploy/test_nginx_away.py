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
from tests.scheduling.world import make_schedule

pytestmark = [pytest.mark.timeout(240), pytest.mark.django_db(transaction=True)]


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


BRIEF = """
def application(environ, start_response):
    ages = "public, max-age=1, stale-while-revalidate=1, stale-if-error=7"
    start_response("200 OK", [("Cache-Control", ages), ("Content-Type", "text/html")])
    return [b"segar"]
"""


def _sleep_until(moment):
    time.sleep(max(0, moment - time.monotonic()))


def test_the_last_page_is_shown_for_a_moment_and_never_longer_than_the_application_allows(
    site, alive, requires, tmp_path
):
    assert "stale-if-error=30" in site.get("/jadwal/").headers["Cache-Control"]
    (tmp_path / "brief.py").write_text(BRIEF)
    env = site.env | {"BIND": f"127.0.0.1:{unused_port()}", "PYTHONPATH": f"{site.env['PYTHONPATH']}:{tmp_path}"}
    gunicorn = Gunicorn(env, tmp_path / "log", "brief:application")
    gunicorn.start()
    nginx = Nginx(requires("nginx"), tmp_path / "proxy", gunicorn.port, site.static, site.copy)
    try:
        assert nginx.get("/jadwal/").read() == b"segar"
        kept_at = time.monotonic()
        gunicorn.stop(signal.SIGKILL)
        _sleep_until(kept_at + 2.2)
        soon = nginx.get("/jadwal/")
        assert (soon.headers["X-Cache"], soon.read()) == ("STALE", b"segar")
        _sleep_until(kept_at + 9)
        later = nginx.get("/jadwal/")
        assert later.headers["X-Cache"] == "COPY"
        assert f"Salinan per {alive}" in later.read().decode()
    finally:
        nginx.stop()
        gunicorn.stop()


def test_an_application_that_hangs_is_away_too(site, alive):
    pids = [site.gunicorn.process.pid, *site.gunicorn.workers()]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        answer = site.get(fresh("/jadwal/"), timeout=30)
        assert answer.headers["X-Cache"] == "COPY"
        assert time.monotonic() - begun < 12
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    assert site.get(fresh("/jadwal/")).headers["X-Cache"] == "MISS"


def test_a_reload_under_load_loses_no_request(site, alive):
    over = threading.Event()
    failed = []

    def visit(number):
        done = 0
        while not over.is_set():
            path = ("/healthz", fresh("/jadwal/"), "/petugas/masuk/")[(number + done) % 3]
            try:
                answer = site.get(path)
                answer.read()
                if answer.status != 200:
                    failed.append((path, answer.status))
            except Exception as error:
                failed.append((path, repr(error)))
            done += 1
        return done

    def workers():
        children = Path(f"/proc/{site.nginx.process.pid}/task/{site.nginx.process.pid}/children")
        return set(children.read_text().split())

    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(visit, number) for number in range(12)]
        with contextlib.ExitStack() as stack:
            stack.callback(over.set)
            for _ in range(4):
                before = workers()
                time.sleep(0.7)
                site.nginx.reload()
                deadline = time.monotonic() + 20
                while workers() <= before:  # new processes have taken over
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            time.sleep(0.7)
    assert failed == []
    assert sum(one.result() for one in asked) > 50


@pytest.mark.parametrize("path", ["/verifikasi/kunci.json", "/.well-known/revocations.jws"])
def test_without_the_application_the_verifier_still_finds_its_keys(site, killed, path):
    answer = site.get(path)
    assert (answer.status, answer.headers["X-Cache"]) == (200, "COPY")
    assert answer.read()


@pytest.mark.parametrize("path", ["/", "/jadwal/", "/stok/", "/en/jadwal/", "/jadwal/17/"])
def test_without_the_application_people_see_the_copy_with_its_time(site, killed, path):
    answer = site.get(fresh(path))
    body = answer.read().decode()
    assert (answer.status, answer.headers["X-Cache"], answer.headers["Cache-Control"]) == (200, "COPY", "no-store")
    assert re.search(rf"(Salinan per|Copy as of) {killed}", body)
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
    deadline = time.monotonic() + 20
    while (answer := site.get(fresh("/jadwal/"))).status == 200:  # nginx looks for a new copy every few seconds
        assert time.monotonic() < deadline
        time.sleep(0.5)
    body = answer.read().decode()
    assert (answer.status, answer.headers["Retry-After"]) == (503, "15")
    assert "Layanan sedang tidak dapat dihubungi" in body
    assert "salinan" not in body
    assert 'http-equiv="refresh"' in body


def test_the_page_for_everything_else_names_what_still_works(site, killed):
    answer = site.get("/janji/")
    body = answer.read().decode()
    assert answer.status == 503
    assert f"per {killed}" in body
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
