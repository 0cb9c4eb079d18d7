"""The home page: one snapshot for everybody, no cookie, no query while fresh, small."""

import gzip
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from portal import views
from portal.models import NewsItem


@pytest.fixture(autouse=True)
def _fresh_snapshot():
    views.HOME.clear()
    yield
    views.HOME.clear()


@pytest.mark.django_db
def test_the_home_page_answers_in_both_languages_and_links_to_the_other(client):
    indonesian = client.get("/")
    english = client.get("/en/")
    assert indonesian.status_code == english.status_code == 200
    assert 'lang="id"' in indonesian.text and 'href="/en/"' in indonesian.text
    assert 'lang="en"' in english.text and 'href="/"' in english.text


@pytest.mark.django_db
def test_the_home_page_sets_no_cookie_and_costs_no_query_while_fresh(client, django_assert_num_queries, monkeypatch):
    monkeypatch.setattr(views.HOME, "max_age", 600.0)
    client.get("/")
    with django_assert_num_queries(0):
        response = client.get("/")
    assert not response.cookies
    assert "public" in response.headers["Cache-Control"]
    assert client.get("/", headers={"if-none-match": response.headers["ETag"]}).status_code == 304


@pytest.mark.django_db
def test_news_appears_between_its_two_times_only(client):
    now = timezone.now()
    NewsItem.objects.create(
        title="Pos baru di Mijen", body="Buka besok.", title_en="New post in Mijen", body_en="Opens."
    )
    NewsItem.objects.create(title="Belum terbit", body="x", published_at=now + timedelta(hours=1))
    NewsItem.objects.create(
        title="Sudah lewat", body="x", published_at=now - timedelta(days=2), expires_at=now - timedelta(days=1)
    )
    page, english = client.get("/").text, client.get("/en/").text
    assert "Pos baru di Mijen" in page and "New post in Mijen" in english
    assert "Belum terbit" not in page and "Sudah lewat" not in page


@pytest.mark.django_db
def test_the_first_visit_stays_under_fifty_kilobytes_and_names_no_other_host(client):
    body = client.get("/").content
    files = [
        Path(settings.BASE_DIR, "static", name)
        for name in ("css/siap.css", "js/siap.js", "img/logo.svg", "img/kawung.svg", "img/kota.svg")
    ]
    assert len(gzip.compress(files[0].read_bytes())) < 15_000
    assert len(gzip.compress(body)) + sum(len(gzip.compress(file.read_bytes())) for file in files) < 50_000
    assert len(gzip.compress(body)) < 20_000
    assert b"http://" not in body and b"https://" not in body
