"""Public snapshots: one build for everybody, no cookie, known copies answered with 304."""

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection
from django.test import RequestFactory

from core import snapshot as snapshots
from core.snapshot import Snapshot, snapshot_response

factory = RequestFactory()


def test_a_fresh_snapshot_is_built_once_for_a_crowd():
    builds = []
    release = threading.Event()

    def build(request):
        builds.append(1)
        release.wait(60)
        return b"isi"

    snapshot = Snapshot("t", build, max_age=60)
    with ThreadPoolExecutor(16) as pool:
        answers = [pool.submit(snapshot_response, factory.get("/x/"), snapshot) for _ in range(16)]
        release.set()
        assert {bytes(answer.result().content) for answer in answers} == {b"isi"}
    assert len(builds) == 1


def renewed_when_told():
    """A snapshot of b"lama", old at once, whose renewal b"baru" says that it began and waits for a word to end."""
    now_building, release = threading.Event(), threading.Event()

    def build(request):
        if not snapshot._pages:
            return b"lama"
        now_building.set()
        release.wait(60)
        return b"baru"

    snapshot = Snapshot("t", build, max_age=0)
    snapshot_response(factory.get("/x/"), snapshot)
    return snapshot, now_building, release


def test_while_one_rebuilds_the_others_get_the_previous_one():
    snapshot, now_building, release = renewed_when_told()
    with ThreadPoolExecutor(1) as pool:
        rebuilding = pool.submit(snapshot_response, factory.get("/x/"), snapshot)
        assert now_building.wait(60)
        assert snapshot_response(factory.get("/x/"), snapshot).content == b"lama"
        release.set()
        assert rebuilding.result().content == b"baru"


def test_a_known_copy_costs_no_body():
    snapshot = Snapshot("t", lambda request: b"isi", max_age=60)
    first = snapshot_response(factory.get("/x/"), snapshot)
    again = snapshot_response(factory.get("/x/", headers={"If-None-Match": first["ETag"]}), snapshot)
    assert (again.status_code, again.content) == (304, b"")
    assert "max-age=60" in again["Cache-Control"]
    assert not first.cookies


def test_a_browser_that_takes_gzip_gets_the_ready_packed_body():
    snapshot = Snapshot("t", lambda request: b"isi" * 1000, max_age=60)
    packed = snapshot_response(factory.get("/x/", headers={"Accept-Encoding": "gzip"}), snapshot)
    assert gzip.decompress(packed.content) == b"isi" * 1000
    assert "Accept-Encoding" in packed["Vary"]


def test_queries_and_languages_have_snapshots_of_their_own_but_not_without_end():
    snapshot = Snapshot("t", lambda request: request.META["QUERY_STRING"].encode(), max_age=60, max_variants=4)
    for n in range(50):
        assert snapshot_response(factory.get("/x/", {"n": n}), snapshot).content == f"n={n}".encode()
    assert len(snapshot._pages) <= 5


def test_a_failing_build_is_not_remembered():
    outcomes = iter([ValueError("once"), b"isi"])

    def build(request):
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    snapshot = Snapshot("t", build, max_age=60)
    with pytest.raises(ValueError, match="once"):
        snapshot_response(factory.get("/x/"), snapshot)
    assert snapshot_response(factory.get("/x/"), snapshot).content == b"isi"


def test_who_comes_after_a_quiet_hour_gets_no_old_page_while_another_rebuilds(monkeypatch):
    monkeypatch.setattr(snapshots, "STALE_SECONDS", 0.0)
    snapshot, now_building, release = renewed_when_told()
    with ThreadPoolExecutor(2) as pool:
        rebuilding = pool.submit(snapshot_response, factory.get("/x/"), snapshot)
        assert now_building.wait(60)
        waiting = pool.submit(snapshot_response, factory.get("/x/"), snapshot)
        release.set()
        assert rebuilding.result().content == waiting.result().content == b"baru"


@pytest.mark.django_db(transaction=True)
def test_the_previous_page_stands_for_a_while_when_the_database_is_lost(monkeypatch):
    ask = ["SELECT 'isi'"]

    def build(request):
        with connection.cursor() as cursor:
            cursor.execute(ask[0])
            return cursor.fetchone()[0].encode()

    snapshot = Snapshot("t", build, max_age=0)
    first = snapshot_response(factory.get("/x/"), snapshot)
    ask[0] = "SELECT pg_terminate_backend(pg_backend_pid())"
    again = snapshot_response(factory.get("/x/"), snapshot)
    assert (again.status_code, again.content, again["ETag"]) == (200, b"isi", first["ETag"])
    connection.close()
    monkeypatch.setattr(snapshots, "STALE_SECONDS", 0.0)
    with pytest.raises(OperationalError):
        snapshot_response(factory.get("/x/"), snapshot)
    connection.close()
