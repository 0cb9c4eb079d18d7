from datetime import date, timedelta

import pytest
from django.utils import timezone

from scheduling import capacity, demo
from scheduling.demo import FACILITIES, ensure_demo_schedules
from scheduling.models import Place, Schedule, StockFit
from scheduling.queries import OPEN, overview
from stock.demo import ANNOUNCED_DAYS, SCARCE, ensure_demo_stock
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


@pytest.mark.parametrize("weekday", range(7))
def test_on_any_day_of_the_week_there_is_a_day_that_waits_for_the_delivery(weekday):
    today, position = date(2026, 11, 23) + timedelta(days=weekday), FACILITIES.index(SCARCE[0])
    before = [demo._offers(position, ahead, today + timedelta(days=ahead)) for ahead in range(1, ANNOUNCED_DAYS)]
    assert SCARCE[1] in {vaccine for offers in before for vaccine, _doses in offers}


def test_the_next_day_gets_its_afternoon_when_it_becomes_today():
    make_city()
    ensure_demo_stock()
    today = timezone.localdate()
    ensure_demo_schedules(today)
    tomorrow = today + timedelta(days=1)

    ensure_demo_schedules(tomorrow)

    hours = Schedule.objects.filter(facility__code="pkm-poncol", vaccine="COV_AZ", date=tomorrow)
    assert {f"{row.open_time:%H}-{row.close_time:%H}" for row in hours} == {"08-12", "12-23"}
