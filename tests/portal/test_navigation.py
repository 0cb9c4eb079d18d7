"""Menus lead only to pages that exist, and the language switch to the same page."""

import pytest
from django.urls import resolve
from django.utils.translation import override

from portal import navigation


def test_every_menu_link_answers_in_both_languages():
    staff = tuple((path, label) for path, label, _capability in navigation.STAFF)
    for code in ("id", "en"):
        with override(code):
            for table in (navigation.PUBLIC, navigation.CITIZEN, navigation.FOOTER, staff):
                for entry in navigation.entries(table, "/"):
                    assert callable(resolve(entry.path).func), entry.path


@pytest.mark.parametrize(("here", "there"), [("/", "/en/"), ("/en/", "/"), ("/en/?x=1", "/?x=1")])
def test_the_language_switch_leads_to_the_same_page(here, there):
    switch = navigation.other_language(here)
    assert switch is not None and switch["url"] == there


@pytest.mark.parametrize("path", ["/petugas/", "/dinkes/jadwal/", "/admin/", "/api/v1/openapi.json"])
def test_pages_with_one_language_offer_no_switch(path):
    assert navigation.other_language(path) is None


def test_the_section_one_is_in_is_marked():
    marked = [
        entry.path
        for entry in navigation.entries((("/", "Beranda"), ("/healthz", "Sehat")), "/healthz")
        if entry.current
    ]
    assert "/healthz" in marked
