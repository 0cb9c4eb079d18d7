"""A refused delivery leads to the very field that is wrong; saving it sends the dose again at once."""

from typing import Any

import pytest
from django.test import Client

from core import outbox
from core.models import ReadLog
from pcare_bridge import repair, sending
from pcare_bridge.errors import ERROR_CLASSES
from pcare_bridge.models import Delivery, FacilityAccount, SatusehatAccount, VaccineCode
from pcare_bridge.repair import Place
from pcare_bridge.simulator.server import Server
from tests.pcare_bridge.doses import add_profiles, make_citizen, make_dose, make_facility, make_vaccine
from tests.pcare_bridge.running import upstream_rows
from tests.staff import make_staff, sign_in_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("exchange")]


@pytest.fixture
def office(client: Client) -> Client:
    return sign_in_staff(client, make_staff("admin_dinkes", city=True))


def deliver() -> None:
    outbox.drain("pcare")
    sending.send_due(60)


def unknown_person(nik: str | None = "0000000101509007") -> Delivery:
    """A delivery whose NIK the service does not know, or that has none."""
    dose = make_dose(make_facility(), make_citizen("Warga Salah Ketik", nik=nik))
    deliver()
    return Delivery.objects.get(immunization=dose)


def entry(delivery: Delivery, **changes: Any) -> dict[str, Any]:
    citizen = delivery.immunization.citizen
    return {
        "nik": "", "full_name": citizen.full_name, "birth_date": citizen.birth_date.isoformat(), "sex": citizen.sex,
        "contact_phone": "", "seen": "on",
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("field", "error", "place"),
    [
        ("noBatch", "refused", ("dose", "lot_id")),
        ("tglVaksin", "refused", ("dose", "occurred_at")),
        ("Immunization.lotNumber", "refused", ("dose", "lot_id")),
        ("Immunization.performer.actor", "refused", ("account", "practitioner_nik")),
        ("skrining[suhu]", "refused", ("screening", "")),
        ("tglLahir", "refused", ("person", "birth_date")),
        ("kdPoli", "incomplete", ("account", "clinic_code")),
        ("vaccineCode", "incomplete", ("codes", "kfa_group")),
        ("", "not_found", ("person", "nik")),
        ("", "recorded_elsewhere", ("dose", "dose_code")),
        ("entahApa", "refused", ("", "")),
    ],
)
def test_every_field_a_service_names_has_its_place(field: str, error: str, place: tuple[str, str]) -> None:
    found = repair.place_of(Delivery(error_field=field, error_class=error))
    assert (found.kind, found.field) == place


def test_every_field_a_profile_requires_has_a_place() -> None:
    from pcare_bridge.profiles import kunjungan, satusehat, vaksinasi

    for module in (vaksinasi, kunjungan, satusehat):
        for name, *_rest in module._REQUIRED:
            assert repair.place_of(Delivery(error_field=name)).kind, name


def test_the_wrong_nik_is_asked_for_first_and_saving_sends_at_once(office: Client, simulator: Server) -> None:
    delivery = unknown_person()
    address = f"/petugas/kiriman/{delivery.pk}/"
    assert address in office.get(f"/dinkes/pcare/{delivery.pk}/").text
    page = office.get(address).text
    assert "Yang perlu dibetulkan: NIK" in page
    assert page.index('name="nik"') < page.index('name="full_name"')
    assert "0000000101509007" not in page, "the number is not shown whole"
    assert ReadLog.objects.filter(citizen_id=delivery.immunization.citizen_id, purpose="pcare").exists()
    assert office.post(address, entry(delivery, seen="")).status_code == 422
    assert office.post(address, entry(delivery, nik="123")).status_code == 422
    nothing = office.post(address, entry(delivery))
    assert nothing.status_code == 422
    assert "Tidak ada yang berubah" in nothing.text
    saved = office.post(address, entry(delivery, nik="9974010101509123"), follow=True)
    assert "1 kiriman dikirim ulang" in saved.text
    deliver()
    delivery.refresh_from_db()
    assert delivery.state == "sent"
    assert [row["nik"] for row in upstream_rows(simulator)] == ["9974010101509123"]


def test_a_nik_of_somebody_else_is_refused_with_the_way_out(office: Client) -> None:
    other = make_citizen()
    delivery = unknown_person()
    page = office.post(f"/petugas/kiriman/{delivery.pk}/", entry(delivery, nik=other.nik))
    assert page.status_code == 422
    assert "menu Identitas" in page.text
    delivery.refresh_from_db()
    assert delivery.state == "refused"


def test_the_desk_that_was_handed_a_delivery_mends_it_itself(client: Client) -> None:
    delivery = unknown_person(None)
    nurse = make_staff("petugas", facility=delivery.facility)
    Delivery.objects.update(assigned_to=nurse, note="Minta KK")
    sign_in_staff(client, nurse)
    address = f"/petugas/kiriman/{delivery.pk}/"
    assert address in client.get("/petugas/").text
    assert address in client.get(f"/petugas/warga/{delivery.immunization.citizen.public_id}/").text
    assert client.post(address, entry(delivery)).status_code == 422, "without a number nothing is mended"
    client.post(address, entry(delivery, nik="9974010101509124"))
    deliver()
    delivery.refresh_from_db()
    assert delivery.state == "sent"
    assert client.get(address).status_code == 302, "done is done"


def test_a_stranger_finds_nothing_and_a_keeper_may_not(client: Client) -> None:
    delivery = unknown_person()
    sign_in_staff(client, make_staff("vaksinator", facility=make_facility(8)))
    assert client.get(f"/petugas/kiriman/{delivery.pk}/").status_code == 404
    keeper = Client()
    sign_in_staff(keeper, make_staff("pengelola_stok", facility=delivery.facility))
    assert keeper.get(f"/petugas/kiriman/{delivery.pk}/").status_code == 403


def test_a_wrong_lot_leads_the_vaccinator_to_that_field_of_the_dose(client: Client) -> None:
    delivery = unknown_person()
    Delivery.objects.update(error_class="refused", error_field="noBatch", error_message="noBatch: tidak dikenal")
    dose_field = f"/petugas/dosis/{delivery.immunization.uuid}/perbaiki/?isian=lot_id#id_lot_id"
    sign_in_staff(client, make_staff("vaksinator", facility=delivery.facility))
    assert dose_field in client.get(f"/petugas/kiriman/{delivery.pk}/").text
    correct = client.get(dose_field.partition("#")[0])
    assert "autofocus" in correct.text[correct.text.index('name="lot_id"') :].partition(">")[0]
    office = Client()
    sign_in_staff(office, make_staff("admin_dinkes", city=True))
    told = office.get(f"/petugas/kiriman/{delivery.pk}/").text
    assert dose_field not in told
    assert "serahkan kepadanya" in told


def test_an_account_that_lacked_a_code_sends_what_waited_for_it(office: Client) -> None:
    facility = make_facility()
    add_profiles(facility, "vaksinasi", "satusehat")
    FacilityAccount.objects.update(practitioner_code="")
    SatusehatAccount.objects.update(location_id="")
    make_dose(facility)
    deliver()
    assert set(Delivery.objects.values_list("error_class", flat=True)) == {"incomplete"}
    ours = Delivery.objects.get(profile="vaksinasi")
    account = FacilityAccount.objects.get()
    link = f"/dinkes/pcare/akun/{account.pk}/"
    assert f"{link}#id_practitioner_code" in office.get(f"/petugas/kiriman/{ours.pk}/").text
    theirs = Delivery.objects.get(profile="satusehat")
    assert f"{link}satusehat/#id_location_id" in office.get(f"/petugas/kiriman/{theirs.pk}/").text
    form = {
        "provider_code": account.provider_code, "practitioner_code": "000001", "cons_id": account.cons_id,
        "username": account.username, "application_code": "095", "is_active": "on", "profiles": ["vaksinasi"],
    }  # fmt: skip
    office.post(link, form)
    deliver()
    assert dict(Delivery.objects.values_list("profile", "state")) == {"vaksinasi": "sent", "satusehat": "refused"}
    ministry = SatusehatAccount.objects.get()
    office.post(
        f"{link}satusehat/",
        {"organization_id": ministry.organization_id, "location_id": "00000000-0000-4000-8000-000000000007",
         "is_active": "on"},
    )  # fmt: skip
    deliver()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}


def test_codes_of_a_vaccine_are_filled_in_once_for_every_dose_that_lacked_them(office: Client) -> None:
    facility = make_facility()
    add_profiles(facility, "satusehat")
    vaccine = make_vaccine()
    vaccine.kfa_groups, vaccine.cvx_codes = [], []
    vaccine.save()
    FacilityAccount.objects.update(is_active=False)
    for _ in range(2):
        make_dose(facility)
    deliver()
    one = Delivery.objects.filter(error_class="incomplete", error_field="vaccineCode")[0]
    address = f"/petugas/kiriman/{one.pk}/"
    assert 'name="kfa_group"' in office.get(address).text
    assert office.post(address, {"code": ""}).status_code == 422
    codes = {"code": "93009999", "kfa_group": "VG123", "cvx_code": "213", "diagnosis_code": ""}
    assert "2 kiriman dikirim ulang" in office.post(address, codes, follow=True).text
    deliver()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
    assert VaccineCode.objects.get().is_sample is False


@pytest.mark.parametrize("key", sorted(ERROR_CLASSES))
def test_every_cause_has_a_list_an_owner_words_and_something_to_press(office: Client, key: str) -> None:
    delivery = unknown_person()
    error = ERROR_CLASSES[key]
    state = "paused" if error.handling == "pause" else "refused" if error.handling == "person" else "waiting"
    Delivery.objects.update(state=state, error_class=key, error_field="", error_message="")
    text = office.get("/dinkes/pcare/").text
    for words in (error.title, error.todo, error.owner, f"?galat={key}&amp;keadaan={state}"):
        assert words in text
    row = text[text.index(f"?galat={key}&amp;keadaan={state}") :].partition("</tr>")[0]
    assert ("Perbarui akun" if state == "paused" else "Kirim ulang semua") in row
    assert str(delivery.pk) in office.get(f"/dinkes/pcare/?galat={key}&keadaan={state}").text
    page = office.get(f"/dinkes/pcare/{delivery.pk}/").text
    for words in ("Betulkan dan kirim ulang", "Kirim ulang sekarang", "Serahkan", "Tandai dilaporkan", error.owner):
        assert words in page
    assert office.get(f"/petugas/kiriman/{delivery.pk}/").status_code == 200


def test_words_of_one_service_do_not_speak_of_another(office: Client) -> None:
    facility = make_facility()
    add_profiles(facility, "satusehat")
    FacilityAccount.objects.update(is_active=False)
    make_dose(facility)
    outbox.drain("pcare")
    Delivery.objects.filter(profile="satusehat").update(state="refused", error_class="not_found")
    text = office.get("/dinkes/pcare/?keadaan=refused").text
    assert "Data tidak ada di SATUSEHAT" in text
    assert "Data tidak ada di PCare" not in text.split("daftar-sebab")[0].split("<select")[0]


def test_a_place_says_what_it_is_called() -> None:
    assert all(isinstance(place, Place) and (place.label or not place.kind) for place in repair.PLACES.values())
