"""Real servers for the tests, and fixtures every app may use.

PostgreSQL and Redis start once, before Django reads its settings, in a temporary folder; the workers of pytest-xdist
find them through the environment, with a database each. They end with pytest, even when it is killed.
"""

import atexit
import base64
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import django
import hypothesis
import pytest
from django.utils import translation

from victori import embedded
from victori.translations import compile_all

ROOT = Path(__file__).resolve().parent.parent
HOW_TO_GET = {
    "chromium": "pasang Chromium (Debian: apt-get install chromium) atau isi CHROMIUM dengan alamat programnya",
    "nginx": "pasang nginx (Debian: apt-get install nginx-light)",
    "openssl": "pasang openssl",
}


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _start_servers() -> None:
    """Start both servers and put the whole environment that the settings read in place."""
    for stale in Path(tempfile.gettempdir()).glob("victori-test-*"):
        owner = stale.name.rpartition("-")[2]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():  # its pytest was killed
            shutil.rmtree(stale, ignore_errors=True)
    folder = Path(tempfile.gettempdir()) / f"victori-test-{secrets.token_hex(4)}-{os.getpid()}"
    folder.mkdir(mode=0o700)
    sockets = embedded.socket_folder(folder)
    postgres = embedded.Postgres(folder / "postgres", sockets, folder / "postgres.log", durable=False)
    redis = embedded.Redis(folder / "redis", sockets, folder / "redis.log", durable=False)

    def stop() -> None:
        redis.stop()
        postgres.stop()
        shutil.rmtree(sockets, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    # pytest answers Ctrl-C by itself; a plain `kill` must end it as politely, so that `stop` runs.
    signal.signal(signal.SIGTERM, _interrupt)
    postgres.start()
    redis.start()
    os.environ |= {
        "DATABASE_URL": os.environ.get("TEST_DATABASE_URL", postgres.url),
        "REDIS_URL": redis.url,
        "STATE_DIR": str(folder / "state"),
        "DEMO": "1",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FIELD_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "INDEX_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "PCARE_BASE_URL": "",
        "STATICFILES_BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage",
        # Playwright keeps an event loop in the main thread; the ORM calls of such a test are still synchronous.
        "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
        "VICTORI_TEST_REDIS": redis.url,
        "VICTORI_TEST_FOLDER": str(folder),
    }
    (folder / "state" / "static").mkdir(parents=True)


_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
if not _worker:
    compile_all(ROOT)
    _start_servers()
else:
    os.environ["STATE_DIR"] += f"-{_worker}"  # signing keys are files: each process has its own
    Path(os.environ["STATE_DIR"], "static").mkdir(parents=True)
_database_number = int(_worker.removeprefix("gw") or 0) % 16
# The portal gives Redis up after half a second and does without it for five; a machine that stands still for seconds is
# no dead Redis. A test that wants a dead one brings its own.
PATIENT = "socket_timeout=60&socket_connect_timeout=60"
os.environ["REDIS_URL"] = f"{os.environ['VICTORI_TEST_REDIS']}?db={_database_number}&{PATIENT}"
os.environ["DJANGO_SETTINGS_MODULE"] = "victori.settings"
django.setup()  # pytest-django looked for settings before this file could name them


# CI repeats the same cases; at a desk every run tries new ones. How long a case takes says nothing on a machine that
# may stand still for seconds.
hypothesis.settings.register_profile("desk", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("ci", hypothesis.settings.get_profile("desk"), derandomize=True)
asked_by_ci = os.environ.get("CI") or os.environ.get("REQUIRE_ALL")
hypothesis.settings.load_profile("ci" if asked_by_ci else "desk")

# Tests below these paths share something costly or ordered (one installation, one nginx): one process runs them all.
TOGETHER = (
    "tests/journeys/", "tests/victori/test_launcher.py", "tests/deploy/test_nginx", "tests/faults/", "tests/bench/",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Workers of pytest-xdist must name the settings themselves, after they know their own Redis database."""
    if not _worker and config.getoption("numprocesses", None):
        os.environ.pop("DJANGO_SETTINGS_MODULE", None)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Spread single tests over the processes, and keep those of TOGETHER in one."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((path for path in TOGETHER if nodeid.startswith(path)), nodeid)

    return Scheduling(config, log)


def unavailable(reason: str) -> None:
    """Skip with one line; under REQUIRE_ALL=1 fail instead."""
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"REQUIRE_ALL=1: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Each worker's database is a copy of one migrated template."""
    if not os.environ.get("TEST_DATABASE_URL"):
        from django.db import connection

        from tests import template_database

        connection.settings_dict["TEST"]["TEMPLATE"] = template_database.ensure()


@pytest.fixture(autouse=True)
def _speak_indonesian() -> None:
    """A request to an English page leaves its language to the thread; the next test starts from the default."""
    translation.deactivate()


@pytest.fixture(autouse=True)
def _remember_nothing() -> None:
    """What a process knows for a second or more of schedules must not outlive the database of one test."""
    from scheduling import queries

    queries.forget()


@pytest.fixture
def kept_fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is kept for a second stays fresh until the test is over, however long the machine stands still."""
    from core.snapshot import Page
    from scheduling import queries

    made, build = [], Page.of

    def lasting(body: bytes, content_type: str, max_age: float) -> Page:
        made.append(build(body, content_type, max_age * 600))
        return made[-1]

    monkeypatch.setattr(Page, "of", lasting)
    monkeypatch.setattr(queries, "MAX_AGE_SECONDS", queries.MAX_AGE_SECONDS * 600)
    yield
    for page in made:
        page.fresh_until = 0.0
    queries.forget()


@pytest.fixture(scope="session")
def requires() -> Callable[[str], str]:
    """`requires("nginx")` gives the program's path, or skips (fails under REQUIRE_ALL=1) saying how to get it."""

    def find(tool: str) -> str:
        path = os.environ.get(tool.upper()) or shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin")
        if not path:
            unavailable(f"{tool} tidak ada: {HOW_TO_GET.get(tool, f'pasang {tool}')}")
        return str(path)

    return find


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of specifications and example data beside the clone; SHARED_DIR names another place."""
    folder = Path(os.environ.get("SHARED_DIR") or ROOT.parent / "shared")
    if not (folder / "domain").is_dir():
        unavailable(f"data acuan tidak ada di {folder}: isi SHARED_DIR dengan alamatnya")
    return folder


@pytest.fixture
def redis_client() -> Iterator[Any]:
    """A client of this worker's Redis database, emptied before and after."""
    import redis

    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture
def process_env(request: pytest.FixtureRequest) -> dict[str, str]:
    """Environment for a child process that must see this test's database; use with `transactional_db`."""
    from django.db import connection

    request.getfixturevalue("transactional_db")
    base = os.environ["DATABASE_URL"].rpartition("/")[0]
    return os.environ | {"DATABASE_URL": f"{base}/{connection.settings_dict['NAME']}", "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type_launch_args: dict[str, Any], requires: Callable[[str], str]
) -> dict[str, Any]:
    """The distribution's Chromium; without the flags it looks for hosts of its maker at each start."""
    from playwright.sync_api import expect

    expect.set_options(timeout=60_000)  # what is waited for comes, also on a machine that stands still for seconds
    flags = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    flags += " --disable-component-update --disable-sync"
    return browser_type_launch_args | {
        "executable_path": requires("chromium"), "args": flags.split(), "timeout": 120_000,
    }  # fmt: skip


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """A visitor from Semarang."""
    return browser_context_args | {"locale": "id-ID", "timezone_id": "Asia/Jakarta"}
