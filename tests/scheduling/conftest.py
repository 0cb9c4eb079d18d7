from datetime import time

import pytest
import time_machine
from django.utils import timezone, translation

from programmes import catalogue
from scheduling import queries, sweeps
from scheduling.publishing import at
from scheduling.waiting import offers
from tests.scheduling.world import make_city


@pytest.fixture(autouse=True)
def _fresh_memory():
    """What a process remembers for a second must not outlive the database of one test."""
    from scheduling.views import public

    translation.activate("id")
    queries.forget()
    queries._known_centres.clear()
    catalogue.forget()
    sweeps._hour_ended = None
    public.SCHEDULES.clear()
    public.SCHEDULE.clear()


@pytest.fixture
def by_day(db):
    """Ten in the morning in a city that has its reference data: nobody sleeps, so an offer is told and runs at once."""
    make_city()
    offers.forget()
    with time_machine.travel(at(timezone.localdate(), time(10)), tick=True):
        yield
