"""The office looks for the schedules of a new draw among all that may be drawn."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from scheduling.models import Draw
from tests.scheduling.lots import announce_form
from tests.scheduling.world import make_slot
from tests.staff import make_staff, sign_in_staff


@pytest.mark.django_db
def test_a_draw_is_made_of_the_schedules_looked_for():
    release = timezone.now() + timedelta(hours=3)
    here, there = (make_slot(days=days, release_at=release).schedule for days in (20, 21))
    office = sign_in_staff(Client(), make_staff("admin_dinkes", city=True))
    page = "/dinkes/undian/baru/"

    def offered(query):
        text = office.get(page + query).content.decode()
        return [f'value="{one.pk}"' in text for one in (here, there)]

    assert offered("") == [True, True]
    assert offered(f"?mulai={there.date}") == [False, True]
    assert offered(f"?sampai={here.date}") == [True, False]
    assert offered("?mulai=besok") == [True, True]  # named beside the field, and nothing is hidden for it
    assert offered(f"?program={here.programme_id}") == [True, True]
    assert "Ubah saringan" in office.get(f"{page}?sampai={here.date - timedelta(days=1)}").content.decode()
    answer = office.post(f"{page}?sampai={here.date}", announce_form(there))
    assert answer.status_code == 422
    assert not Draw.objects.exists()
    assert office.post(f"{page}?sampai={here.date}", announce_form(here)).status_code == 302
