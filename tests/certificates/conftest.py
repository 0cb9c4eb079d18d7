"""Keys are files and outlive the rolled-back database: every test gets a folder of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.certificates.inbrowser import InBrowser


@pytest.fixture(autouse=True)
def _own_keys(settings: Any, tmp_path: Path) -> None:
    settings.STATE_DIR = tmp_path / "state"


@pytest.fixture(scope="module")
def in_browser(browser: Any) -> Iterator[InBrowser]:
    """The verifier of the page, in Chromium."""
    opened = InBrowser(browser)
    yield opened
    opened.context.close()
