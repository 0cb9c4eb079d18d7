"""The health office sets profiles, SATUSEHAT accounts and kill switches; what it sets decides what is sent."""

import pytest
from django.test import Client

from core import outbox
from pcare_bridge import planning, repair, sending
from pcare_bridge.models import Delivery, FacilityAccount, ProfileSwitch, SatusehatAccount
from pcare_bridge.simulator import defaults
from pcare_bridge.simulator.server import Server
from tests.pcare_bridge.doses import add_profiles, make_dose, make_facility
from tests.pcare_bridge.running import run, upstream_rows, violations
from tests.staff import make_staff, sign_in_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("exchange")]


@pytest.fixture
def office(client: Client) -> Client:
    return sign_in_staff(client, make_staff("admin_dinkes", city=True))


def form_of(account: FacilityAccount) -> dict[str, object]:
    names = ("provider_code", "practitioner_code", "clinic_code", "cons_id", "username", "application_code")
    return {name: getattr(account, name) for name in names} | {"is_active": "on", "profiles": account.profiles}


def test_a_profile_is_added_on_the_page_and_needs_its_clinic(office: Client, simulator: Server) -> None:
    facility = make_facility()
    add_profiles(facility, "vaksinasi")
    account = FacilityAccount.objects.get()
    address = f"/dinkes/pcare/akun/{account.pk}/"
    changes = form_of(account) | {"profiles": ["vaksinasi", "kunjungan"]}
    refused = office.post(address, changes | {"clinic_code": ""})
    assert refused.status_code == 422
    assert "Isi kode poli" in refused.text
    assert office.post(address, changes | {"profiles": []}).status_code == 422
    assert office.post(address, changes).status_code == 302
    make_dose(facility)
    run()
    assert (len(upstream_rows(simulator)), len(upstream_rows(simulator, "kunjungan"))) == (1, 1)
    assert violations() == {}


def test_a_satusehat_account_is_made_on_the_page_and_its_secrets_are_never_shown(
    office: Client, simulator: Server
) -> None:
    facility = make_facility()
    add_profiles(facility, "vaksinasi")
    address = f"/dinkes/pcare/akun/{facility.pcare_account.pk}/satusehat/"
    values = defaults.satusehat(7) | {"is_active": "on"}
    assert office.post(address, values | {"client_secret": ""}).status_code == 422
    assert office.post(address, values | {"practitioner_nik": "12"}).status_code == 422
    assert office.post(address, values).status_code == 302
    page = office.get(address).text
    assert values["client_secret"] not in page
    assert values["practitioner_nik"] not in page
    assert values["client_secret"].encode() not in bytes(
        SatusehatAccount.objects.extra(select={"raw": "client_secret"}).values_list("raw", flat=True)[0]
    )
    make_dose(facility)
    run()
    assert len(upstream_rows(simulator, "Immunization")) == 1
    kept = values | {"client_id": "", "client_secret": "", "practitioner_nik": ""}
    assert office.post(address, kept).status_code == 302
    assert SatusehatAccount.objects.get().client_secret == values["client_secret"]
    assert "SATUSEHAT" in office.get("/dinkes/pcare/akun/").text


@pytest.mark.parametrize("everywhere", [True, False])
def test_the_switch_on_the_page_stops_one_profile_and_lets_it_go_on(
    office: Client, simulator: Server, everywhere: bool
) -> None:
    facility = make_facility()
    place = "" if everywhere else str(facility.pk)
    office.post("/dinkes/pcare/sakelar/", {"profil": "vaksinasi", "di": place, "alasan": ""})
    assert not ProfileSwitch.objects.exists(), "no stop without a reason"
    office.post("/dinkes/pcare/sakelar/", {"profil": "vaksinasi", "di": place, "alasan": "Diminta BPJS"})
    make_dose(facility)
    outbox.drain("pcare")
    sending.send_due(60)
    assert Delivery.objects.get().state == "waiting"
    assert simulator.service.total == 0
    page = office.get("/dinkes/pcare/").text
    assert "Diminta BPJS" in page
    assert violations() == {}
    office.post("/dinkes/pcare/sakelar/", {"lanjutkan": ProfileSwitch.objects.get().pk})
    run()
    assert Delivery.objects.get().state == "sent"


def test_an_account_is_switched_on_together_with_the_doses_it_missed_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    facility = make_facility()
    FacilityAccount.objects.update(is_active=False)
    make_dose(facility)
    outbox.drain("pcare")
    account, person = FacilityAccount.objects.get(), make_staff("admin_dinkes", city=True)

    def save() -> FacilityAccount:
        account.is_active = True
        account.save()
        return account

    with monkeypatch.context() as patched:
        patched.setattr(planning, "_plan", lambda pk: 1 / 0)  # as when the process ends here
        with pytest.raises(ZeroDivisionError):
            repair.put_account(save, person)
    assert FacilityAccount.objects.get().is_active is False, "else nothing would ever look for that dose"
    assert repair.put_account(save, person) == 1
    assert Delivery.objects.count() == 1


def test_an_account_switched_on_in_the_admin_takes_up_what_it_missed(client: Client) -> None:
    facility = make_facility()
    FacilityAccount.objects.update(is_active=False)
    make_dose(facility)
    outbox.drain("pcare")
    chief = make_staff("admin_dinkes", city=True)
    chief.is_staff = chief.is_superuser = True
    chief.save()
    account = FacilityAccount.objects.get()
    answer = sign_in_staff(client, chief).post(
        f"/admin/pcare_bridge/facilityaccount/{account.pk}/change/", form_of(account) | {"facility": facility.pk}
    )
    assert answer.status_code == 302, answer.text[:2000]
    assert Delivery.objects.count() == 1
