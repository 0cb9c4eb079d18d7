"""The express lane: fresh public pages without the other middleware, and a short word instead of a long wait."""

import time

import brotli
import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from core import express
from core import snapshot as snapshots
from core.snapshot import Snapshot, snapshot_response

factory = RequestFactory()


@pytest.fixture
def crowd(monkeypatch):
    """Sets how many requests wait for a thread."""
    return lambda waiting: monkeypatch.setattr(express, "queue_length", lambda: waiting)


def lane(body=b"isi", max_age=60.0):
    """A lane in front of one snapshot page, and the list of requests that went the whole way."""
    whole_way = []
    bodies = iter(body) if isinstance(body, list) else iter(lambda: body, None)
    snapshot = Snapshot("t", lambda request: next(bodies), max_age=max_age)

    def view(request):
        whole_way.append(request)
        response = snapshot_response(request, snapshot)
        response.headers["X-Frame-Options"] = "DENY"
        return response

    return express.ExpressMiddleware(view), whole_way, snapshot


def test_a_fresh_page_goes_out_with_the_headers_of_the_whole_chain():
    middleware, whole_way, _ = lane()
    first = middleware(factory.get("/jadwal/"))
    again = middleware(factory.get("/jadwal/", headers={"Accept-Encoding": "gzip, br"}))
    assert len(whole_way) == 1
    assert brotli.decompress(again.content) == first.content == b"isi"
    assert again["Content-Encoding"] == "br" and again["X-Frame-Options"] == "DENY" and again["ETag"] == first["ETag"]
    assert "max-age=60" in again["Cache-Control"] and "Accept-Encoding" in again["Vary"]
    known = middleware(factory.get("/jadwal/", headers={"If-None-Match": first["ETag"]}))
    assert (known.status_code, known.content, len(whole_way)) == (304, b"", 1)


def test_another_query_or_somebody_signed_in_or_a_form_goes_the_whole_way():
    middleware, whole_way, _ = lane()
    middleware(factory.get("/jadwal/"))
    middleware(factory.get("/jadwal/", {"halaman": "2"}))
    middleware(factory.get("/jadwal/", headers={"Cookie": "x=1; warga=abc"}))
    middleware(factory.post("/jadwal/"))
    assert len(whole_way) == 4


def test_an_answer_for_one_person_is_never_kept():
    snapshot = Snapshot("t", lambda request: b"isi", max_age=60)

    def view(request):
        response = snapshot_response(request, snapshot)
        response.headers["Cache-Control"] = "private, max-age=1"
        return response

    middleware = express.ExpressMiddleware(view)
    middleware(factory.get("/jadwal/"))
    assert not middleware.answers


def test_one_visitor_renews_a_stale_page_and_the_others_get_the_previous_one(monkeypatch):
    monkeypatch.setattr(express, "RENEWAL_SECONDS", 600.0)
    monkeypatch.setattr(snapshots, "STALE_SECONDS", 600.0)
    middleware, whole_way, _ = lane([b"lama", b"baru"], max_age=0.02)
    middleware(factory.get("/jadwal/"))
    time.sleep(0.03)
    kept = middleware.answers["/jadwal/?"]
    assert not middleware._may_serve(kept)  # the visitor who renews
    assert middleware(factory.get("/jadwal/")).content == b"lama" and len(whole_way) == 1
    kept.renewing_until = 0.0
    assert middleware(factory.get("/jadwal/")).content == b"baru" and len(whole_way) == 2


def test_an_old_page_is_no_answer_while_it_is_renewed(monkeypatch):
    monkeypatch.setattr(snapshots, "STALE_SECONDS", 0.0)
    middleware, _, _ = lane([b"lama", b"baru"], max_age=0.02)
    middleware(factory.get("/jadwal/"))
    time.sleep(0.03)
    assert not middleware._may_serve(middleware.answers["/jadwal/?"])  # the visitor who renews
    assert middleware(factory.get("/jadwal/")).content == b"baru"


def test_a_snapshot_that_is_told_to_forget_is_forgotten_here_too():
    middleware, _, snapshot = lane([b"lama", b"baru"])
    middleware(factory.get("/jadwal/"))
    snapshot.clear()
    assert middleware(factory.get("/jadwal/")).content == b"baru"


def test_odd_queries_do_not_fill_the_memory():
    middleware, _, _ = lane()
    for n in range(express.ANSWERS_KEPT + 10):
        middleware(factory.get("/jadwal/", {"n": n}))
    assert len(middleware.answers) <= express.ANSWERS_KEPT


def test_in_a_crowd_a_look_is_answered_at_once_and_a_form_is_let_in_longer(crowd, settings):
    settings.QUEUE_LIMIT = 10
    middleware, whole_way, _ = lane()
    crowd(11)
    answer = middleware(factory.get("/janji/"))
    assert (answer.status_code, answer["Retry-After"], answer["Cache-Control"]) == (503, "5", "no-store")
    assert b"Sedang ramai" in answer.content and b'http-equiv="refresh"' in answer.content
    assert len(answer.content) < 3000 and not answer.cookies
    assert b"Very busy" in middleware(factory.get("/en/janji/")).content
    assert middleware(factory.post("/janji/baru/")).status_code == 200
    crowd(41)
    answer = middleware(factory.post("/janji/baru/"))
    assert answer.status_code == 503 and b"belum kami terima" in answer.content
    assert b"refresh" not in answer.content
    assert len(whole_way) == 1


def test_the_desk_and_the_health_check_are_never_turned_away(crowd):
    middleware, whole_way, _ = lane()
    crowd(10_000)
    for path in ("/petugas/", "/dinkes/", "/admin/", "/healthz"):
        assert middleware(factory.get(path)).status_code == 200
    assert len(whole_way) == 4


def test_a_known_page_is_still_served_and_renewed_in_a_crowd(crowd):
    middleware, _, snapshot = lane([b"lama", b"baru"])
    middleware(factory.get("/jadwal/"))
    crowd(10_000)
    assert middleware(factory.get("/jadwal/")).content == b"lama"
    snapshot.clear()
    assert middleware(factory.get("/jadwal/")).content == b"baru"


def test_a_registered_address_is_answered_before_everything_else(monkeypatch, crowd):
    monkeypatch.setattr(express, "_handlers", {})
    express.register("/antrean/posisi/", lambda request: HttpResponse(b"7") if "n" in request.GET else None)
    middleware, whole_way, _ = lane()
    crowd(10_000)
    assert middleware(factory.get("/antrean/posisi/", {"n": 1})).content == b"7"
    assert middleware(factory.get("/en/antrean/posisi/", {"n": 1})).content == b"7"
    assert not whole_way
    assert middleware(factory.get("/antrean/posisi/")).status_code == 503
