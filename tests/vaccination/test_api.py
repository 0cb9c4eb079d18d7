"""A private hospital sends its doses: same rules, own keys, one result per row."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import partner
from core.models import ReadLog
from registration.models import Citizen
from tests.registration.people import nik_for
from tests.scheduling.world import ADULT, make_city
from tests.staff import make_staff
from tests.stock.shelf import facility, on_hand, stocked
from tests.vaccination.desk import give
from vaccination.models import Immunization

pytestmark = pytest.mark.django_db
URL = "/api/v1/immunizations/"


def make_token(code="pkm-poncol", scopes=("doses.write", "doses.read")):
    make_city()
    user = make_staff("mitra", facility=facility(code))
    _token, text = partner.create(
        name="RS Uji", facility=facility(code), user=user, scopes=list(scopes), rate_per_minute=1000
    )
    return text


@pytest.fixture
def hospital(client):
    """Sends batches with a token."""
    text = make_token()

    def send(*rows, token=text, body=None):
        return client.post(
            URL, body if body is not None else {"doses": list(rows)}, content_type="application/json",
            headers={"Authorization": f"Bearer {token}"},
        )  # fmt: skip

    send.token = text
    return send


def dose(lot, **changes):
    return {
        "uuid": str(uuid.uuid4()), "nik": nik_for(ADULT, "P"), "full_name": "Pasien Uji", "birth_date": str(ADULT),
        "sex": "P", "programme": "covid19", "vaccine": lot.vaccine_id, "dose_code": "primary1",
        "lot_number": lot.lot_number, "occurred_at": timezone.now().isoformat(), "screening_outcome": "lanjut",
        "kelurahan": "33.74.01.1007",
    } | changes  # fmt: skip


def test_a_batch_gets_one_result_per_row_and_bad_rows_stop_no_other(hospital):
    lot = stocked(10)
    rows = [dose(lot), dose(lot, dose_code="booster1"), dose(lot, sex="X"), dose(lot, lot_number="NOPE"), dose(lot)]
    answer = hospital(*rows)
    assert answer.status_code == 200
    body = answer.json()
    assert [row["status"] for row in body["results"]] == ["created", "refused", "invalid", "refused", "created"]
    assert [row["index"] for row in body["results"]] == [0, 1, 2, 3, 4]
    assert body["results"][3]["code"] == "lot_unknown"
    assert "sex" in body["results"][2]["problems"]
    assert (body["created"], body["refused"]) == (2, 3)
    assert on_hand(lot) == 8
    assert Citizen.objects.count() == 2  # a refused row leaves no person behind


def test_problems_are_told_in_the_language_of_the_portal(hospital):
    (row,) = hospital(dose(stocked(10), nik="123", kelurahan="x", vaccine="az")).json()["results"]
    assert row["problems"]["nik"] == ["NIK terdiri dari 16 angka."]
    assert all(texts[0].startswith("Tulis kode") for name, texts in row["problems"].items() if name != "nik")
    assert hospital().json() == {"doses": ["Kirim paling sedikit 1 dosis."]}


def test_sending_again_makes_no_double(hospital):
    lot = stocked(10)
    row = dose(lot)
    assert hospital(row).json()["created"] == 1
    again = hospital(row).json()
    assert (again["created"], again["duplicate"]) == (0, 1)
    assert on_hand(lot) == 9


def test_one_key_twice_in_one_batch_is_one_dose(hospital):
    lot = stocked(10)
    row = dose(lot)
    assert [r["status"] for r in hospital(row, row).json()["results"]] == ["created", "duplicate"]


def test_the_key_of_another_facility_says_nothing(hospital, client):
    key = uuid.uuid4()
    other = facility("pkm-miroto")
    lot = stocked(10, at=other)
    give_at = hospital(dose(lot, uuid=str(key)), token=make_token("pkm-miroto"))
    assert give_at.json()["created"] == 1
    assert client.get(f"{URL}{key}/", headers={"Authorization": f"Bearer {hospital.token}"}).status_code == 404
    mine = stocked(10)
    answer = hospital(dose(mine, uuid=str(key))).json()["results"][0]
    assert (answer["status"], answer["code"]) == ("refused", "key_reused")


def test_the_desk_guards_hold_here_too(hospital):
    row = give().immunization
    lot = stocked(10)
    twice = dose(lot, nik=row.citizen.nik, birth_date=str(row.citizen.birth_date))
    other_birth = dose(lot, nik=row.citizen.nik, birth_date="1940-01-01")
    future = dose(lot, occurred_at=(timezone.now() + timedelta(days=2)).isoformat())
    early = hospital(twice, other_birth, future).json()["results"]
    assert [r["status"] for r in early] == ["refused"] * 3
    assert [r["code"] for r in early][:2] == ["already_given", "identity_mismatch"]
    assert on_hand(lot) == 10


def test_reading_a_person_through_the_api_is_logged(hospital):
    hospital(dose(stocked(10)))
    log = ReadLog.objects.get(purpose="partner")
    assert log.citizen_id == Immunization.objects.get().citizen_id


def test_the_answer_holds_no_nik(hospital, client):
    row = dose(stocked(10))
    body = hospital(row).content.decode()
    detail = client.get(f"{URL}{row['uuid']}/", headers={"Authorization": f"Bearer {hospital.token}"})
    assert detail.json()["dose_number"] == 1
    assert row["nik"] not in body + detail.content.decode()


@pytest.mark.parametrize(
    "body",
    [
        {}, [], {"doses": []}, {"doses": "x"}, {"doses": [1]}, {"doses": [None]}, {"doses": [[]]}, "x",
        {"doses": [{}] * 501},
    ],
)  # fmt: skip
def test_a_wrong_shape_is_a_400(hospital, body):
    assert hospital(body=body).status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"uuid": "5"}, {"uuid": None}, {"full_name": "a\x00b"}, {"full_name": "x" * 101}, {"birth_date": "0001-01-01"},
        {"occurred_at": "0001-01-01T00:00:00Z"}, {"occurred_at": "9999-12-31T23:59:59Z"}, {"nik": "1" * 16},
        {"nik": "", "no_nik_reason": ""}, {"lot_number": "\x00"}, {"programme": "nope"}, {"dose_code": "x" * 21},
        {"kelurahan": "99.99.99.9999"}, {"phone": "abc"}, {"vaccine": "MR"}, {"screening_outcome": "tunda"},
    ],
)  # fmt: skip
def test_a_wrong_row_is_answered_in_its_result(hospital, change):
    answer = hospital(dose(stocked(10), **change))
    assert answer.status_code == 200
    assert answer.json()["results"][0]["status"] in ("invalid", "refused")
    assert not Immunization.objects.exists()


def test_no_token_wrong_token_or_missing_scope_is_refused(hospital, client):
    row = dose(stocked(10))
    assert client.post(URL, {"doses": [row]}, content_type="application/json").status_code in (401, 403)
    assert hospital(row, token="vmt_wrong").status_code == 401
    assert hospital(row, token=make_token(scopes=("doses.read",))).status_code == 403


def test_stock_is_open_data_with_the_age_of_each_number(client):
    from stock.api import stock_snapshot

    stock_snapshot.clear()
    stocked(20)
    body = client.get("/api/v1/stock/").json()
    assert body["results"][0]["doses"] == 20
    assert body["results"][0]["changed_at"]
    assert client.get("/api/v1/stock/?district=33.74.01&vaccine=COV_AZ").json()["count"] == 1
    for bad in ("district=x", "vaccine=%00", "vaccine=" + "A" * 30):
        assert client.get(f"/api/v1/stock/?{bad}").status_code == 400
    stock_snapshot.clear()


def test_reading_a_dose_without_a_token_is_a_401(client):
    assert client.get(f"{URL}{uuid.uuid4()}/").status_code == 401
