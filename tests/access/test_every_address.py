"""Every address of the project has a row in the table, and answers every role as its row says."""

import logging
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver

from tests.access import city
from tests.access.table import TABLE
from tests.factories.reference import load_reference

pytestmark = pytest.mark.django_db


def views() -> dict[str, Callable[..., Any]]:
    """Every route as written in urls.py with its view; the stock admin and allauth prove their own."""
    found = {}

    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> None:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                if pattern.app_name != "admin":
                    walk(pattern.url_patterns, route)
            elif not pattern.callback.__module__.startswith("allauth."):
                found[route] = pattern.callback

    walk(get_resolver().url_patterns, "")
    return found


def test_every_address_has_its_row_and_every_row_its_address():
    assert set(views()) == set(TABLE)


def test_every_page_of_the_staff_asks_who_is_there():
    redirects = {"petugas/masuk/daftar/", "petugas/akun/surel/", "petugas/akun/kata-sandi/atur/"}
    staff = {route: view for route, view in views().items() if route.lstrip("^").startswith(("petugas/", "dinkes/"))}
    assert len(staff) > 60
    unguarded = {route for route, view in staff.items() if not hasattr(view, "capabilities")}
    assert unguarded <= redirects


def test_every_page_of_a_family_asks_who_is_there():
    by_link = {"sertifikat/berkas/", "sertifikat/<slug:token>/"}  # opened by a signed key or a code to the phone
    private = {
        route: view
        for route, view in views().items()
        if route.lstrip("^").startswith(("keluarga/", "janji/", "sertifikat/")) and not route.startswith(tuple(by_link))
    }
    assert len(private) > 15
    assert not {route for route, view in private.items() if not hasattr(view, "citizen_required")}


def test_whoever_signs_in_on_the_way_of_a_form_is_led_to_its_page(rf):
    values = {"int": 1, "uuid": uuid4()}
    forms = [
        route for route, row in TABLE.items() if row.method == "POST" and hasattr(views()[route], "citizen_required")
    ]
    assert len(forms) >= 4
    for route in forms:
        request = rf.get(f"/{route}")
        request.citizen_account = None
        named = {name: values[kind] for kind, name in re.findall(r"<(\w+):(\w+)>", route)}
        answer = views()[route](request, **named)
        assert answer.status_code == 302 and answer.url != request.path, route


PUBLIC_PAGES = ["/", "/jadwal/", "/stok/", "/cakupan/", "/verifikasi/", "/status/"]


@pytest.mark.parametrize("address", [*PUBLIC_PAGES, *(f"/en{page}" for page in PUBLIC_PAGES)])
def test_a_public_page_sets_no_cookie_and_writes_nothing(client, address):
    load_reference()
    first = client.get(address)
    assert first.status_code == 200
    assert not first.cookies
    with CaptureQueriesContext(connection) as queries:
        client.get(address)
    assert not [query for query in queries.captured_queries if not query["sql"].lstrip().startswith("SELECT")]


@pytest.mark.timeout(900)
def test_every_role_gets_the_answer_of_the_table():
    logging.disable(logging.WARNING)  # hundreds of refusals are the point here
    try:
        wrong = list(_differences(city.build()))
    finally:
        logging.disable(logging.NOTSET)
    assert not wrong, "\n".join(wrong)


def _differences(day: city.City):
    for route, row in TABLE.items():
        address = "/" + (row.example or route).format(**day.names)
        for role, expected in row.by_role().items():
            if row.method == "POST" and expected in (200, 302) and role != "tamu":
                continue  # let in: what the button does is another test's story
            with transaction.atomic():
                answer = day.clients[role].generic(row.method, address)
                transaction.set_rollback(True)
            if answer.status_code != expected:
                yield f"{row.method} {address} as {role}: {answer.status_code}, the table says {expected}"
