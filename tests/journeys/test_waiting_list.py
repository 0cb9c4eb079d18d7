"""A full day: somebody waits, another cancels, within seconds the place is offered and accepted in one tap."""

import pytest

from tests.journeys import steps

# One place at a centre where the demo publishes nothing, on a day it does not reach.
ONE_PLACE = """
from datetime import time, timedelta
from django.utils import timezone
from accounts.models import User
from programmes.models import Vaccine
from regions.models import Facility
from scheduling.publishing import publish_schedule
from stock.deliveries import Delivery, receive_many
from stock.services import find_lot
day = timezone.localdate() + timedelta(days={days})
facility, vaccine = Facility.objects.get(code="pkm-srondol"), Vaccine.objects.get(code="COV_SINOVAC")
lot = find_lot(vaccine.pk, "TUNGGU{days}", day + timedelta(days=300))
receive_many([Delivery(facility.pk, lot.pk, 100)], actor=User.objects.filter(is_active=True).first())
made = publish_schedule(facility=facility, vaccine=vaccine, dose_codes=["primary1"], day=day, open_time=time(8),
                        close_time=time(8, 30), places_per_slot=1, walk_in_percent=0)
print("JADWAL", made.pk)
"""


@pytest.mark.parametrize("scripts", [False, True], ids=["without JavaScript", "with JavaScript"])
def test_a_cancelled_place_is_offered_to_who_waits_and_accepted_in_one_tap(visitor, portal, eventually, scripts):
    number = next(steps.serials)
    output = portal.manage("shell", "-c", ONE_PLACE.format(days=25 + scripts))
    assert "JADWAL" in output, output
    schedule = output.split()[-1]
    # Given: the only place is taken
    holder = visitor(screen="phone")
    steps.citizen_signs_in(holder, f"0812 9902 9{number:03d}")
    steps.citizen_adds_member(holder, nik=f"9974015203312{number:03d}", name="Wati Uji", born="12-03-1931", sex="P")
    steps.citizen_books_session(holder, f"/jadwal/{schedule}/", who="Wati Uji")
    ticket = holder.page.url.partition("?")[0].removeprefix(holder.url)

    # When: somebody else joins the waiting list from the full day
    seeker = visitor(screen="phone", scripts=scripts)
    steps.citizen_signs_in(seeker, f"0812 9903 9{number:03d}")
    steps.citizen_adds_member(seeker, nik=f"9974015203322{number:03d}", name="Sri Uji", born="12-03-1932", sex="P")
    eventually(lambda: _full(seeker, schedule), "the public page says full")
    seeker.follow("Masuk daftar tunggu")
    seeker.page.locator('select[name="tempat"]').select_option("f:pkm-srondol")
    seeker.press("Masuk daftar tunggu")
    assert "Urutan ke-1" in seeker.text and "penuh" in seeker.text

    # And: the place is given back
    holder.visit(f"{ticket}batal/")
    holder.press("Ya, batalkan")

    # Then: within seconds it is offered to her and to nobody else, and one tap books it
    eventually(lambda: _offered(seeker), "the place is offered")
    seeker.follow("Lihat dan jawab")
    seeker.arrives("Ada tempat untuk Anda")
    holder.visit(f"/jadwal/{schedule}/")
    assert "Penuh" in holder.text
    seeker.press("Terima tempat ini")
    seeker.arrives("Janji sudah tercatat")
    seeker.visit("/janji/")
    assert "Urutan ke" not in seeker.text


def _full(visitor, schedule: str) -> bool:
    visitor.visit(f"/jadwal/{schedule}/")
    return visitor.page.get_by_role("link", name="Masuk daftar tunggu").count() > 0


def _offered(visitor) -> bool:
    visitor.visit("/janji/")
    return visitor.page.get_by_role("link", name="Lihat dan jawab").count() > 0
