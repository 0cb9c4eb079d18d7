"""PCare away for eight hours of a day at the desk: nobody waits, every certificate is there, the backlog drains.

The clock is moved for the whole process (time-machine), so breaker, leases, pauses, deadlines and signatures run their
own code on simulated hours; only sleeping takes real time.
"""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from certificates import authority
from certificates.models import Certificate
from core import outbox
from pcare_bridge import sending
from pcare_bridge.demo import ensure_accounts
from pcare_bridge.models import Delivery, FacilityAccount, Incident, SatusehatAccount, Upstream
from pcare_bridge.simulator.server import Server
from tests.pcare_bridge.running import upstream_rows, violations
from tests.registration.people import nik_for
from tests.scheduling.world import ADULT, make_adult
from tests.stock.shelf import stocked
from tests.vaccination.desk import arrived, give, nurse, screened, today_schedule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("exchange"), pytest.mark.timeout(600)]
STEPS, STEP_SECONDS = 32, 900  # eight hours
WEATHER = {
    "closes": {"kind": "close_before"},
    "hangs": {"kind": "hang", "seconds": 0.4},
}


@pytest.mark.parametrize("weather", list(WEATHER))
def test_eight_hours_without_pcare_keep_no_certificate_back_and_drain_afterwards(
    simulator: Server, settings: Any, weather: str
) -> None:
    settings.PCARE_BREAKER_SECONDS = [60, 900]
    settings.PCARE_RETRY_PAUSES = [60, 120, 300, 900]
    settings.PCARE_READ_TIMEOUT = 0.2
    authority.ensure()  # before the clock moves: a key is not used before the moment it was made
    nine = timezone.localtime().replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1)
    with time_machine.travel(nine, tick=True) as clock:
        schedule, lot, staff = today_schedule(places_per_slot=60, walk_in_percent=0), stocked(60), nurse()
        ensure_accounts()
        FacilityAccount.objects.update(profiles=["vaksinasi"])
        SatusehatAccount.objects.update(is_active=False)
        simulator.service.weather.add(WEATHER[weather])
        for step in range(STEPS):
            citizen = make_adult(nik=nik_for(ADULT, "P", serial=9200 + step))
            assert give(screened(arrived(citizen, schedule=schedule, actor=staff), actor=staff), lot, actor=staff)
            _sweep()
            assert Certificate.objects.count() == step + 1, "proof does not wait for PCare"
            clock.shift(timedelta(seconds=STEP_SECONDS))
        assert not Delivery.objects.filter(state="sent").exists()
        assert Upstream.objects.get(base_url=simulator.base_url).is_down
        # The breaker kept the dead service in peace: a handful at first, then a probe at most every 15 minutes.
        assert simulator.service.total <= 5 * 4 + STEPS + 5
        assert Incident.objects.get(ended_at=None).began_at < nine + timedelta(hours=3)

        simulator.service.weather.clear()
        settings.PCARE_READ_TIMEOUT = 60
        clock.shift(timedelta(seconds=STEP_SECONDS))
        for _ in range(40):
            _sweep()
            if not Delivery.objects.exclude(state="sent").exists():
                break
            clock.shift(timedelta(seconds=60))
        assert set(Delivery.objects.values_list("state", "outcome_unknown")) == {("sent", False)}
        assert len(upstream_rows(simulator)) == STEPS
        assert {row["idPengirim"] for row in upstream_rows(simulator)} == {
            str(row.sender_id) for row in Delivery.objects.all()
        }
        assert not Incident.objects.filter(ended_at=None).exists()
        assert violations() == {}


def _sweep() -> None:
    for consumer in ("certificates", "pcare"):
        while outbox.drain(consumer):
            pass
    sending.send_due(1, "pcare")
