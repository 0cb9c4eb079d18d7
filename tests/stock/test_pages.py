"""Stock pages: the keeper's forms, the public shelf, and the borders between facilities."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from stock import services, views
from stock.models import Lot, StockBalance, StockMovement, Transfer
from tests.staff import make_staff, sign_in_staff
from tests.stock.shelf import expire, facility, keeper, on_hand, stocked

pytestmark = pytest.mark.django_db


@pytest.fixture
def store(client):
    """A stock keeper of Poncol at the keyboard."""
    user = keeper()
    sign_in_staff(client, user)
    client.user = user
    views.public_snapshot.clear()
    yield client
    views.public_snapshot.clear()


def public(client, path="/stok/"):
    views.public_snapshot.clear()
    return client.get(path)


def box(**changes):
    return {
        "client_uuid": str(uuid.uuid4()), "vaccine": "COV_AZ", "lot_number": "ab 12", "doses": "50", "vvm_stage": "A",
        "expiration_date": str(timezone.localdate() + timedelta(days=90)), "document": "SBBK/01",
    } | changes  # fmt: skip


def test_a_box_received_twice_by_the_same_form_counts_once(store):
    facility()
    form = box()
    for _twice in range(2):
        assert store.post(reverse("stock:receive"), form).url == reverse("stock:shelf")
    assert on_hand(Lot.objects.get(lot_number="AB 12")) == 50
    assert "AB 12" in store.get(reverse("stock:shelf")).content.decode()


def test_an_expired_box_is_refused_and_the_form_keeps_its_input(store):
    facility()
    page = store.post(reverse("stock:receive"), box(expiration_date="2020-01-01"))
    html = page.content.decode()
    assert "kedaluwarsa" in html
    assert "ab 12" in html
    assert not StockMovement.objects.exists()


@pytest.mark.parametrize("name", ["receive", "waste", "send", "count", "open_vial", "vvm", "ledger"])
def test_every_page_of_the_keeper_opens(store, name):
    stocked(20)
    assert store.get(reverse(f"stock:{name}")).status_code == 200


def test_waste_count_vial_and_monitor_by_forms(store):
    lot = stocked(20)

    def key():
        return {"client_uuid": str(uuid.uuid4()), "lot": lot.pk}

    store.post(reverse("stock:waste"), key() | {"doses": 2, "reason": "Vial pecah atau bocor"})
    assert on_hand(lot) == 18
    page = store.post(reverse("stock:count"), key() | {"doses": 17})
    assert "alasan selisihnya" in page.content.decode()
    store.post(reverse("stock:count"), key() | {"doses": 17, "reason": "Hilang"})
    assert on_hand(lot) == 17
    form = key()
    for _twice in range(2):
        store.post(reverse("stock:open_vial"), form)
    html = store.get(reverse("stock:shelf")).content.decode()
    assert "10 dari 10" in html
    vial = lot.vials.get()
    store.post(reverse("stock:discard", args=[vial.pk]))
    assert on_hand(lot) == 7
    store.post(reverse("stock:vvm"), key() | {"stage": "C"})
    assert "Jangan dipakai" in store.get(reverse("stock:shelf")).content.decode()


def test_a_transfer_is_sent_here_and_signed_for_there(store, client):
    lot, there = stocked(20), facility("pkm-miroto")
    sent = {"client_uuid": str(uuid.uuid4()), "lot": lot.pk, "doses": 8, "to_facility": there.pk}
    store.post(reverse("stock:send"), sent)
    transfer = Transfer.objects.get()
    assert on_hand(lot) == 12
    receive = reverse("stock:receive_transfer", args=[transfer.public_code])
    assert store.get(receive).status_code == 404  # only the receiver signs
    other = type(store)()
    sign_in_staff(other, keeper(there))
    assert transfer.public_code in other.get(reverse("stock:shelf")).content.decode()
    assert other.get(reverse("stock:cancel_transfer", args=[transfer.public_code])).status_code == 404
    other.post(receive, {"doses": 8, "vvm_stage": "A"})
    assert on_hand(lot, there) == 8


def test_a_vial_of_another_facility_is_a_404(store):
    there = facility("pkm-miroto")
    lot = stocked(10, at=there)
    vial = services.open_vial(facility_id=there.pk, lot_id=lot.pk, actor=keeper(there))
    assert store.post(reverse("stock:discard", args=[vial.pk])).status_code == 404
    assert on_hand(lot, there) == 10


def test_a_foreign_facility_cannot_be_chosen(store):
    there = facility("pkm-miroto")
    assert store.post(reverse("desk:facility"), {"facility": there.pk}).status_code == 404
    assert store.post(reverse("desk:facility"), {"facility": "9" * 30}).status_code == 404


def test_the_ledger_downloads_as_csv_without_formulas(store):
    lot = stocked(20, lot_number="=1+1")
    services.waste(facility_id=facility().pk, lot_id=lot.pk, doses=1, reason="@SUM(A1)", actor=store.user)
    body = b"".join(store.get(reverse("stock:ledger_csv")).streaming_content).decode("utf-8-sig")
    lines = body.strip().splitlines()
    assert len(lines) == 3
    assert "'=1+1" in body
    assert "'@SUM" in body


def test_a_vaccinator_may_open_a_vial_but_not_receive(client):
    stocked(10)
    sign_in_staff(client, make_staff("vaksinator", facility=facility()))
    assert client.get(reverse("stock:open_vial")).status_code == 200
    assert client.get(reverse("stock:receive")).status_code == 403
    assert client.get(reverse("stock:overview")).status_code == 403


def test_the_public_page_shows_each_number_with_its_age_and_sets_no_cookie(store):
    lot = stocked(20)
    StockBalance.objects.filter(lot=lot).update(updated_at=timezone.now() - timedelta(hours=3))
    spoilt = stocked(30, vaccine="COV_MODERNA")
    expire(spoilt)
    anybody = type(store)()
    page = public(anybody)
    html = page.content.decode()
    assert "3 jam lalu" in html
    assert "Puskesmas Poncol" in html
    assert "Habis" in html  # an expired lot is no stock
    assert page.cookies == {}
    assert "public" in page.headers["Cache-Control"]
    assert anybody.get("/stok/", headers={"If-None-Match": page.headers["ETag"]}).status_code == 304


def test_the_public_page_filters_and_survives_nonsense(store):
    stocked(20)
    assert "Puskesmas Poncol" in public(store, "/stok/?vaksin=COV_AZ&kecamatan=33.74.01").content.decode()
    for query in ("vaksin=%00", "kecamatan=%27", "vaksin=" + "x" * 500, "page=99999999999999999"):
        assert public(store, f"/stok/?{query}").status_code == 200


def test_a_band_follows_the_pace_of_the_last_two_weeks(store):
    lot, here = stocked(60, vaccine="COV_SINOVAC"), facility()
    for _dose in range(42):  # three a day over fourteen days
        services.take_dose(
            facility_id=here.pk, lot_id=lot.pk, at=timezone.now(), actor=store.user, immunization_uuid=uuid.uuid4()
        )
    assert "Kurang dari 7 hari" in public(store).content.decode()


def test_the_public_page_costs_the_same_for_one_facility_and_for_four(store):
    def queries():
        views.public_snapshot.clear()
        with CaptureQueriesContext(connection) as captured:
            store.get("/stok/")
        return len(captured)

    stocked(10)
    few = queries()
    for code in ("pkm-miroto", "pkm-bandarharjo", "pkm-bulu-lor"):
        stocked(10, at=facility(code))
        stocked(10, at=facility(code), vaccine="COV_PFIZER")
    assert queries() == few


def test_the_city_sees_all_shelves_and_what_needs_somebody(client):
    stocked(10)
    stocked(10, at=facility("pkm-miroto"), days=20, lot_number="SOON")
    expire(stocked(10, lot_number="OLD"))
    sign_in_staff(client, make_staff("admin_dinkes", city=True))
    html = client.get(reverse("stock:overview")).content.decode()
    assert "SOON" in html
    assert "OLD" in html
    assert "Puskesmas Miroto" in html


def test_the_public_page_folds_each_facility_until_somebody_asks_for_it(client):
    stocked(50)
    stocked(50, at=facility("pkm-genuk"))
    assert "<details open>" not in public(client).content.decode()
    assert "<details open>" in public(client, "/stok/?kecamatan=33.74.01").content.decode()
