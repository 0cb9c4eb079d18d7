import pytest
from django.utils import translation

from programmes import catalogue
from scheduling import queries, sweeps


@pytest.fixture(autouse=True)
def _fresh_memory():
    """What a process remembers for a second must not outlive the database of one test."""
    from scheduling.views import public

    translation.activate("id")
    queries.forget()
    queries._known_centres.clear()
    catalogue.forget()
    sweeps._day_ended_for = None
    public.SCHEDULES.clear()
    public.SCHEDULE.clear()
