"""One installation for all faults: each leaves it well, and the next finds it so."""

import os
from collections.abc import Iterator

import pytest

from tests import template_database
from tests.faults.town import Town

# `make test-faults` runs them in full size; CI in one that takes under three minutes.
FULL = os.environ.get("FAULTS") == "full"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A fault may take its time, a hang may not."""
    for item in items:
        if "faults" in item.path.parts:
            item.add_marker(pytest.mark.timeout(900 if FULL else 500))


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """PostgreSQL, Redis, gunicorn and people."""
    template_database.ensure()
    town = Town(tmp_path_factory.mktemp("faults"), 2500 if FULL else 260)
    yield town
    town.stop()
