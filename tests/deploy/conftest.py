"""One nginx in front of one gunicorn for the tests of a file."""

import os
from collections.abc import Callable, Iterator

import pytest

from tests.deploy.running import Site, collect_static, production, unused_port


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, requires: Callable[[str], str]
) -> Iterator[Site]:
    """The portal with production settings, on the database of this test process, which is empty."""
    from django.db import connection

    folder = tmp_path_factory.mktemp("site")
    base = os.environ["DATABASE_URL"].rpartition("/")[0]
    env = production(folder, unused_port(), DATABASE_URL=f"{base}/{connection.settings_dict['NAME']}")
    collect_static(env)
    site = Site(requires("nginx"), folder, env)
    yield site
    site.stop()
