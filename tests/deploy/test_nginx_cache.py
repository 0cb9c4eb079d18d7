"""The micro-cache: public pages are fetched once a second for everybody, pages of persons never kept."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from registration.session import COOKIE
from tests.deploy.running import Gunicorn, Nginx, unused_port
from tests.registration.people import make_account, make_citizen, sign_in_citizen
from tests.scheduling.world import make_city, make_schedule

pytestmark = [pytest.mark.timeout(240), pytest.mark.django_db(transaction=True)]
FOR_EVERYBODY = ("/", "/en/", "/stok/", "/cakupan/", "/status/", "/api/v1/schedules/", "/api/v1/stock/")
OF_PERSONS = ("/keluarga/", "/janji/", "/masuk/", "/petugas/masuk/", "/jadwal/")


def cache_state(answer):
    answer.read()
    return answer.headers["X-Cache"]


def cookie_of(client, account):
    return f"{COOKIE}={sign_in_citizen(client, account).cookies[COOKIE].value}"


@pytest.fixture
def cookies(client):
    """The cookies of two people of two families, in a city that has its reference data."""
    make_city()
    accounts = [make_account(), make_account()]
    for account, name in zip(accounts, ("Suparti Uji", "Bambang Uji"), strict=True):
        make_citizen(account, full_name=name)
    return [cookie_of(client, account) for account in accounts]


def test_a_page_is_fetched_once_and_then_answered_by_nginx(site):
    path = f"/jadwal/?halaman={time.time()}"
    assert cache_state(site.get(path)) == "MISS"
    assert cache_state(site.get(path)) == "HIT"
    assert cache_state(site.get(path, **{"Accept-Encoding": "gzip"})) == "MISS"
    assert cache_state(site.get(path, **{"Accept-Encoding": "gzip, deflate"})) == "HIT"
    time.sleep(2.1)  # nginx counts whole seconds
    # Older than a second: this one still gets the previous page, while a new one is fetched behind its back.
    assert cache_state(site.get(path)) in ("STALE", "UPDATING")
    time.sleep(0.3)
    assert cache_state(site.get(path)) == "HIT"
    answer = site.get(path)
    again = site.get(path, **{"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.read()) == (304, b"")


def test_a_page_nobody_asked_for_in_a_while_is_fetched_anew(site):
    path = f"/stok/?x={time.time()}"
    assert cache_state(site.get(path)) == "MISS"
    time.sleep(7)  # a second plus the five that the application allows
    assert cache_state(site.get(path)) == "EXPIRED"


def test_a_hundred_visitors_at_once_cost_one_request(site):
    path = f"/status/?x={time.time()}"
    ready = threading.Barrier(100)

    def one(_):
        ready.wait(30)
        return cache_state(site.get(path))

    with ThreadPoolExecutor(100) as pool:
        states = list(pool.map(one, range(100)))
    assert states.count("MISS") == 1, states


def test_brotli_and_gzip_of_the_application_pass_through(site):
    import gzip

    plain = site.get("/").read()
    packed = site.get("/", **{"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.read())[:200] == plain[:200]
    assert site.get("/", **{"Accept-Encoding": "gzip, br"}).headers["Content-Encoding"] == "br"


@pytest.mark.parametrize("path", [*FOR_EVERYBODY, "schedule"])
def test_pages_that_lose_the_cookie_are_the_same_for_everybody(site, cookies, path):
    if path == "schedule":
        path = f"/jadwal/{make_schedule().pk}/"
        time.sleep(1.1)
    for _ in range(3):  # a minute or a figure may change between two looks, a person's page would differ each time
        bodies = {site.direct(path, Cookie=cookie).read() for cookie in ("", *cookies)}
        if len(bodies) == 1:
            break
        time.sleep(0.6)  # one of the two processes still had the page of a second ago
    assert len(bodies) == 1
    site.get(path).read()
    assert cache_state(site.get(path, Cookie=cookies[0])) in ("HIT", "STALE", "UPDATING")


@pytest.mark.parametrize("path", OF_PERSONS)
def test_what_one_person_sees_is_never_kept(site, cookies, path):
    first = site.get(path, Cookie=cookies[0]).read().decode()
    second = site.get(path, Cookie=cookies[1])
    assert second.headers["X-Cache"] in (None, "BYPASS")
    assert "Suparti" not in second.read().decode()
    stranger = site.get(path).read().decode()
    assert "Suparti" not in stranger
    if path == "/keluarga/":
        assert "Suparti" in first


def test_nothing_with_a_cookie_or_a_private_mark_is_on_the_disk(site, cookies):
    for path in (*OF_PERSONS, *FOR_EVERYBODY):
        for cookie in ("", *cookies):
            site.get(path, Cookie=cookie).read()
    kept = [file.read_bytes() for file in (site.nginx.folder / "cache").rglob("*") if file.is_file()]
    assert kept
    for page in kept:
        head = page.partition(b"\r\n\r\n")[0].lower()
        assert b"set-cookie" not in head
        assert b"cache-control: public" in head
        assert b"suparti" not in page.lower()
        assert cookies[0].encode() not in page


FAULTY = '''
def application(environ, start_response):
    """Answers that contradict themselves, on public addresses."""
    headers = [("Cache-Control", "public, max-age=60"), ("Content-Type", "text/plain")]
    extra = {
        "/status/": ("Set-Cookie", "warga=rahasia"),
        "/stok/": ("Vary", "Cookie"),
        "/cakupan/": ("Cache-Control", "private"),
    }
    headers.append(extra.get(environ["PATH_INFO"], ("X-Fine", "1")))
    start_response("200 OK", headers)
    return [environ.get("HTTP_COOKIE", "").encode()]
'''


def test_a_mistake_of_the_application_does_not_put_a_person_into_the_cache(site, requires, tmp_path):
    (tmp_path / "faulty.py").write_text(FAULTY)
    env = site.env | {"BIND": f"127.0.0.1:{unused_port()}", "PYTHONPATH": f"{site.env['PYTHONPATH']}:{tmp_path}"}
    gunicorn = Gunicorn(env, tmp_path / "log", "faulty:application")
    gunicorn.start()
    nginx = Nginx(requires("nginx"), tmp_path / "proxy", gunicorn.port, site.static, site.copy)
    try:
        for path in ("/status/", "/stok/", "/cakupan/"):
            assert [cache_state(nginx.get(path)) for _ in range(3)] == ["MISS"] * 3, path
        assert nginx.get("/stok/", Cookie="warga=saya").read() == b"", "no page of everybody sees a cookie"
        for cookie in ("warga=saya", "", "warga=lain"):  # nobody gets the page of the one before
            assert nginx.get("/jadwal/", **({"Cookie": cookie} if cookie else {})).read() == cookie.encode()
        assert [cache_state(nginx.get("/jadwal/", Authorization="Bearer x")) for _ in range(2)] == ["BYPASS"] * 2
        assert [cache_state(nginx.get("/")) for _ in range(3)] == ["MISS", "HIT", "HIT"]
        assert [cache_state(nginx.get("/keluarga/")) for _ in range(2)] == [None, None]
    finally:
        nginx.stop()
        gunicorn.stop()
