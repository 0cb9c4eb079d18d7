"""Every address of the project has a row in the table, and answers every role as its row says."""

import logging

import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver

from tests.access import city
from tests.access.table import TABLE

pytestmark = pytest.mark.django_db


def addresses() -> list[str]:
    """Every route as written in urls.py; the stock admin and allauth prove their own."""
    found = []

    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> None:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                if pattern.app_name != "admin":
                    walk(pattern.url_patterns, route)
            elif not pattern.callback.__module__.startswith("allauth."):
                found.append(route)

    walk(get_resolver().url_patterns, "")
    return found


def test_every_address_has_its_row_and_every_row_its_address():
    assert set(addresses()) == set(TABLE)


@pytest.mark.timeout(300)
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
