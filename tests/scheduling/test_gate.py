"""What the public pages say about coming without an appointment, hour by hour on the day itself."""

import re
import uuid
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest
import time_machine

from scheduling import queries
from scheduling.models import Slot
from scheduling.publishing import at, close_schedule
from scheduling.services import take_walk_in
from scheduling.views import public
from tests.scheduling.world import booked, make_adult, make_schedule

pytestmark = pytest.mark.django_db
DAY = datetime(2026, 11, 24, tzinfo=ZoneInfo("Asia/Jakarta"))


def words(client, url):
    """The words of a page, a second later."""
    queries.forget()
    public.SCHEDULES.clear()
    public.SCHEDULE.clear()
    return " ".join(re.sub("<[^>]+>", " ", client.get(url).content.decode()).split())


@pytest.fixture
def day_with_gate():
    """Four sessions of five places from 13.00 to 15.00, one place of each for the gate; online leftovers at 14.00."""
    with time_machine.travel(DAY.replace(hour=7), tick=False):
        return make_schedule(
            day=DAY.date(),
            open_time=time(13),
            close_time=time(15),
            walk_in_percent=20,
            walk_in_at=at(DAY.date(), time(14)),
        )


def test_before_the_hour_the_gate_has_its_share_and_the_hour_is_told(client, day_with_gate):
    with time_machine.travel(DAY.replace(hour=8), tick=False):
        for url in ("/jadwal/", f"/jadwal/{day_with_gate.pk}/"):
            page = words(client, url)
            assert "4 tempat untuk datang langsung hari ini; mulai 14.00 sisa daring juga dibuka." in page
            assert "16 tempat" in page


def test_who_was_let_in_at_the_gate_is_no_longer_counted(client, day_with_gate):
    with time_machine.travel(DAY.replace(hour=13, minute=5), tick=False):
        for _ in range(4):
            take_walk_in(
                schedule_id=day_with_gate.pk, citizen=make_adult(), dose_code="primary1", client_uuid=uuid.uuid4()
            )
        assert "Tempat untuk datang langsung hari ini sudah habis; mulai 14.00 sisa daring juga dibuka." in words(
            client, "/jadwal/"
        )


def test_at_the_hour_what_nobody_booked_online_is_counted_at_the_gate_without_any_worker(client, day_with_gate):
    with time_machine.travel(DAY.replace(hour=8), tick=False):
        for slot in Slot.objects.filter(schedule=day_with_gate):
            booked(slot)
    with time_machine.travel(DAY.replace(hour=13, minute=59, second=59), tick=False):
        assert "4 tempat untuk datang langsung hari ini; mulai 14.00" in words(client, "/jadwal/")
    with time_machine.travel(DAY.replace(hour=14), tick=False):
        for url in ("/jadwal/", f"/jadwal/{day_with_gate.pk}/"):
            page = words(client, url)
            assert "16 tempat di lokasi" in page and "mulai 14.00 sisa" not in page


def test_the_day_before_the_share_is_told_as_kept_and_not_as_of_today(client, day_with_gate):
    with time_machine.travel(DAY.replace(day=23, hour=8), tick=False):
        page = words(client, "/jadwal/")
    assert "4 tempat disisihkan untuk datang langsung; mulai 14.00 sisa daring juga dibuka." in page
    assert "hari ini" not in page.partition("disisihkan")[0][-80:]


def test_after_closing_time_and_on_a_closed_day_nobody_is_sent_to_the_gate(client, day_with_gate):
    with time_machine.travel(DAY.replace(hour=15, minute=1), tick=False):
        page = words(client, f"/jadwal/{day_with_gate.pk}/")
        assert "Sudah lewat" in page and "tempat untuk datang langsung" not in page and "daftar tunggu" not in page
    with time_machine.travel(DAY.replace(hour=9), tick=False):
        close_schedule(day_with_gate.pk, "listrik padam")
        page = words(client, "/jadwal/")
        assert "listrik padam" in page and "tempat untuk datang langsung" not in page


def test_a_day_without_a_share_says_nothing_of_a_gate(client):
    with time_machine.travel(DAY.replace(hour=8), tick=False):
        make_schedule(day=DAY.date(), open_time=time(13), close_time=time(15), walk_in_percent=0)
        assert "datang langsung" not in words(client, "/jadwal/")
