from datetime import timedelta

import pytest
from django.utils import timezone

from scheduling import capacity
from scheduling.demo import ensure_demo_schedules
from scheduling.models import Place, Schedule, StockFit
from scheduling.queries import OPEN, overview
from stock.demo import SCARCE, ensure_demo_stock
from tests.scheduling.world import make_city

pytestmark = pytest.mark.django_db


def test_a_newcomer_finds_places_today_at_poncol_at_any_hour():
    make_city()
    ensure_demo_stock()
    today = timezone.localdate()

    assert ensure_demo_schedules(today) > 100
    assert ensure_demo_schedules(today) == 0  # every start calls it

    last_minute = timezone.localtime().replace(hour=23, minute=58)
    left = Place.objects.bookable(last_minute).filter(slot__schedule__facility__code="pkm-poncol")
    vaccines = set(left.filter(slot__schedule__date=today).values_list("slot__schedule__vaccine", flat=True))
    assert {"COV_AZ", "PENTA", "MR"} <= vaccines
    assert len({row.schedule.facility_id for row in overview() if row.state == OPEN}) == 12
    waiting = set(
        StockFit.objects.filter(unstocked__gt=0).values_list("facility__code", "vaccine_id")
    )  # the shelf bears the two weeks everywhere but where the demo shows what it is like when it does not
    assert waiting == {SCARCE}
    assert capacity.bookable_beyond_stock() == 0


def test_the_next_day_gets_its_afternoon_when_it_becomes_today():
    make_city()
    ensure_demo_stock()
    today = timezone.localdate()
    ensure_demo_schedules(today)
    tomorrow = today + timedelta(days=1)

    ensure_demo_schedules(tomorrow)

    hours = Schedule.objects.filter(facility__code="pkm-poncol", vaccine="COV_AZ", date=tomorrow)
    assert {f"{row.open_time:%H}-{row.close_time:%H}" for row in hours} == {"08-12", "12-23"}
