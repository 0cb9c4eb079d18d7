"""PostgreSQL stands still and comes back: nothing piles up meanwhile, and nothing has to be started again."""

import signal
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from tests.deploy.running import HOST, Nginx
from tests.faults.conftest import FULL
from tests.faults.load import Load
from tests.faults.town import wait_until

FROZEN_SECONDS = 30 if FULL else 6
GATE = 30
CROWD = 150
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"


def turned_away(asked):
    """How many have been told by now that it is crowded."""
    return sum(one.result()[1] == 503 for one in asked if one.done())


def test_a_frozen_database_stops_bookings_and_nothing_else(town, requires, tmp_path):
    proxy = Nginx(
        requires("nginx"), tmp_path / "proxy", town.gunicorn.port, tmp_path, tmp_path, GATE_IN_FLIGHT=str(GATE)
    )
    cookie = f"warga={town.visitor().cookie}"

    def look(_=None):
        """Seconds and status of a page that needs the database."""
        begun = time.monotonic()
        answer = proxy.get("/janji/", Cookie=cookie, timeout=FROZEN_SECONDS + 60)
        answer.read()
        return time.monotonic() - begun, answer.status

    try:
        with Load(town, connect=lambda: proxy.connect(FROZEN_SECONDS + 60)) as load:
            load.wait_for(20)
            before = statistics.median(look()[0] for _ in range(9))
            workers = town.gunicorn.workers()
            proxy.get("/jadwal/").read()
            town.signal_postgres(signal.SIGSTOP)
            frozen = time.monotonic()
            try:
                with ThreadPoolExecutor(CROWD) as pool:
                    asked = [pool.submit(look) for _ in range(CROWD)]
                    # Who cannot be served is told so while it stands still, instead of waiting behind the others.
                    wait_until(lambda: turned_away(asked) >= CROWD - GATE, "everybody else is told", 60)
                    time.sleep(2)  # older than the second the application allows
                    public = proxy.get("/jadwal/", Host=HOST, timeout=60)
                    assert (public.status, public.headers["X-Cache"]) in {(200, "STALE"), (200, "UPDATING")}
                    time.sleep(max(0, FROZEN_SECONDS - (time.monotonic() - frozen)))
                    town.signal_postgres(signal.SIGCONT)
                    took = load.wait_for(1)
                    waited = [one.result()[1] for one in asked]
            finally:
                town.signal_postgres(signal.SIGCONT)
            assert took < 60, took  # sooner than nginx gives a page up, so nobody had to come anew
            # Of those let in, a thread that had to connect gives up after connect_timeout and says so; nobody hangs.
            assert set(waited) <= {200, 500, 503}, waited
            load.wait_for(12)
            wait_until(lambda: statistics.median(look()[0] for _ in range(9)) < max(3 * before, 0.5), "quick pages")
            assert town.gunicorn.workers() == workers, "no process had to be started again"
            wait_until(lambda: town.query(CONNECTIONS)[0][0] <= 2 * 4 + 2, "no connection is left behind")
        load.verify()
    finally:
        proxy.stop()
