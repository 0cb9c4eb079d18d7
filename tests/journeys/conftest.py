"""One installation for all journeys, and visitors with their own browsers."""

import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.journeys.portal import Portal
from tests.journeys.visitor import DESKTOP, PHONE, Visitor


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Time for the first start on a busy machine."""
    for item in items:
        if "journeys" in item.path.parts:
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """The portal as `make run` starts it."""
    portal = Portal(tmp_path_factory.mktemp("journeys"))
    try:
        portal.start()
        yield portal
    finally:
        portal.stop()


@pytest.fixture
def visitor(browser: Browser, portal: Portal) -> Iterator[Callable[..., Visitor]]:
    """`visitor(screen="phone", scripts=False)` opens a new browser window."""
    contexts = []

    def make(*, screen: str = "phone", scripts: bool = True) -> Visitor:
        context = browser.new_context(
            viewport=PHONE if screen == "phone" else DESKTOP,
            java_script_enabled=scripts,
            locale="id-ID",
            timezone_id="Asia/Jakarta",
        )
        contexts.append(context)
        return Visitor(context, portal.url, scripts=scripts)

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait until something that a worker does in the background has come true."""

    def wait(check: Callable[[], bool], what: str, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not check():
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
            time.sleep(0.3)

    return wait


@pytest.fixture
def fetch(portal: Portal) -> Callable[[str], str]:
    """Body of a public address."""

    def get(path: str) -> str:
        with urllib.request.urlopen(f"{portal.url}{path}", timeout=60) as answer:
            return str(answer.read().decode())

    return get
