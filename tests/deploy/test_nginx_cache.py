"""The micro-cache: public pages are fetched once a second for everybody, pages of persons never kept."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from registration.session import COOKIE
from tests.deploy.running import Gunicorn, Nginx, unused_port
from tests.patience import until
from tests.registration.people import make_account, make_citizen, sign_in_citizen
from tests.scheduling.world import make_city, make_schedule

pytestmark = [pytest.mark.timeout(600), pytest.mark.django_db(transaction=True)]
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


@pytest.fixture
def in_front_of(site, requires, tmp_path):
    """Call with the text of an application: gives an nginx of its own in front of one process that runs it."""
    with contextlib.ExitStack() as started:

        def start(text):
            (tmp_path / "little.py").write_text(text)
            more = {"PYTHONPATH": f"{site.env['PYTHONPATH']}:{tmp_path}", "WEB_WORKERS": "1"}
            env = site.env | more | {"BIND": f"127.0.0.1:{unused_port()}"}
            gunicorn = Gunicorn(env, tmp_path / "log", "little:application")
            gunicorn.start()
            started.callback(gunicorn.stop)
            nginx = Nginx(requires("nginx"), tmp_path / "proxy", gunicorn.port, site.static, site.copy)
            started.callback(nginx.stop)
            return nginx

        yield start


LASTING, BRIEF = "/jadwal/", "/stok/"
NUMBERED = '''
import itertools

AGES = {"/jadwal/": "max-age=600", "/stok/": "max-age=1, stale-while-revalidate=600"}
numbers = itertools.count(1)


def application(environ, start_response):
    """Each answer is a new number."""
    start_response("200 OK", [("Cache-Control", "public, " + AGES[environ["PATH_INFO"]])])
    return [b"%d" % next(numbers)]
'''


def test_a_page_is_fetched_once_and_then_answered_by_nginx(in_front_of):
    nginx = in_front_of(NUMBERED)
    asked = ("", "", "gzip", "gzip, deflate")
    states = [cache_state(nginx.get(LASTING, **({"Accept-Encoding": one} if one else {}))) for one in asked]
    assert states == ["MISS", "HIT", "MISS", "HIT"]
    first = nginx.get(BRIEF)
    assert first.headers["X-Cache"] == "MISS"
    number = first.read()
    time.sleep(2.1)  # nginx counts whole seconds
    # Older than a second: this one still gets the previous page, while a new one is fetched behind its back.
    previous = nginx.get(BRIEF)
    assert (previous.headers["X-Cache"] in ("STALE", "UPDATING"), previous.read()) == (True, number)
    until(lambda: nginx.get(BRIEF).read() != number, "the new page")


def test_pages_of_the_portal_are_kept_for_a_second_and_known_by_their_tag(site):
    path = f"/jadwal/?halaman={time.time()}"
    answer = site.get(path)
    assert answer.headers["X-Cache"] == "MISS"
    assert answer.headers["Cache-Control"] == "public, max-age=1, stale-while-revalidate=5, stale-if-error=30"
    until(lambda: cache_state(site.get(path)) == "HIT", "two looks within the second")

    def look_again():
        again = site.get(path, **{"If-None-Match": site.get(path).headers["ETag"]})
        return (again.status, again.read()) == (304, b"")

    until(look_again, "a page that has not changed meanwhile")


def test_a_page_nobody_asked_for_in_a_while_is_fetched_anew(site):
    path = f"/stok/?x={time.time()}"
    assert cache_state(site.get(path)) == "MISS"
    time.sleep(7)  # a second plus the five that the application allows
    assert cache_state(site.get(path)) == "EXPIRED"


LOCK_SECONDS = 3  # proxy_cache_lock_timeout: who has waited longer for the one who fetches is let through


def test_a_hundred_visitors_at_once_cost_one_request(site):
    def all_at_once():
        path, ready = f"/status/?x={time.time()}", threading.Barrier(100)

        def one(_):
            ready.wait(60)
            begun = time.monotonic()
            return cache_state(site.nginx.once(path)), time.monotonic() - begun

        with ThreadPoolExecutor(100) as pool:
            states, took = zip(*pool.map(one, range(100)), strict=True)
        return states if max(took) < LOCK_SECONDS else None

    states = until(all_at_once, "a hundred answers before nginx lets who waits through", 120)
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

    def same():  # a minute, a figure or the process may change between two looks; a person's page differs each time
        return len({site.direct(path, Cookie=cookie).read() for cookie in ("", *cookies)}) == 1

    def shared():
        site.get(path).read()
        return cache_state(site.get(path, Cookie=cookies[0])) in ("HIT", "STALE", "UPDATING")

    assert until(same, "one page for everybody")
    assert until(shared, "what was fetched without a cookie is answered to who has one")


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
    headers = [("Cache-Control", "public, max-age=600"), ("Content-Type", "text/plain")]
    extra = {
        "/status/": ("Set-Cookie", "warga=rahasia"),
        "/stok/": ("Vary", "Cookie"),
        "/cakupan/": ("Cache-Control", "private"),
    }
    headers.append(extra.get(environ["PATH_INFO"], ("X-Fine", "1")))
    start_response("200 OK", headers)
    return [environ.get("HTTP_COOKIE", "").encode()]
'''


def test_a_mistake_of_the_application_does_not_put_a_person_into_the_cache(in_front_of):
    nginx = in_front_of(FAULTY)
    for path in ("/status/", "/stok/", "/cakupan/"):
        assert [cache_state(nginx.get(path)) for _ in range(3)] == ["MISS"] * 3, path
    assert nginx.get("/stok/", Cookie="warga=saya").read() == b"", "no page of everybody sees a cookie"
    for cookie in ("warga=saya", "", "warga=lain"):  # nobody gets the page of the one before
        assert nginx.get("/jadwal/", **({"Cookie": cookie} if cookie else {})).read() == cookie.encode()
    assert [cache_state(nginx.get("/jadwal/", Authorization="Bearer x")) for _ in range(2)] == ["BYPASS"] * 2
    assert [cache_state(nginx.get("/")) for _ in range(3)] == ["MISS", "HIT", "HIT"]
    assert [cache_state(nginx.get("/keluarga/")) for _ in range(2)] == [None, None]
