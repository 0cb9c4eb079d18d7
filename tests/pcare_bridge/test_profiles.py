"""The profiles kunjungan and satusehat on a real socket: create, correct, withdraw, lost answers, switches."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from fhir.resources.R4B.encounter import Encounter
from fhir.resources.R4B.immunization import Immunization

from accounts.models import User
from core import outbox
from pcare_bridge import fhir_client, planning, sending, services
from pcare_bridge.models import Delivery, DeliveryAttempt, FacilityAccount, ProfileSwitch, SatusehatAccount
from pcare_bridge.simulator.server import Server
from pcare_bridge.simulator.visits import add_participant
from regions.models import Facility
from tests.pcare_bridge.doses import add_profiles, correct, make_citizen, make_dose, make_facility, make_vaccine
from tests.pcare_bridge.running import run, upstream_rows, violations
from vaccination.models import Visit

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("exchange")]
TABLE = {"kunjungan": "kunjungan", "satusehat": "Immunization", "vaksinasi": "vaksinasi"}
both = pytest.mark.parametrize("profile", ["kunjungan", "satusehat"])


def facility_with(*profiles: str) -> Facility:
    facility = make_facility()
    add_profiles(facility, *profiles)
    return facility


def living(simulator: Server, profile: str) -> list[dict[str, Any]]:
    """What stands upstream; an Immunization entered in error is gone."""
    rows = upstream_rows(simulator, TABLE[profile])
    return [row for row in rows if row.get("status") != "entered-in-error"]


def lot(row: dict[str, Any]) -> str:
    return row["lotNumber"] if "lotNumber" in row else row["anamnesa"].split("BATCH=")[1].split(";")[0]


def test_three_profiles_each_deliver_the_same_dose_once(simulator: Server) -> None:
    facility = facility_with("vaksinasi", "kunjungan", "satusehat")
    doses = [make_dose(facility) for _ in range(3)]
    run()
    assert Delivery.objects.filter(state="sent").count() == 9
    for profile, table in TABLE.items():
        assert len(upstream_rows(simulator, table)) == 3, profile
    assert set(Delivery.objects.filter(immunization=doses[0]).values_list("profile", flat=True)) == set(TABLE)
    assert violations() == {}


@both
def test_a_correction_changes_the_record_and_a_withdrawal_takes_it_back(simulator: Server, profile: str) -> None:
    facility = facility_with(profile)
    dose = make_dose(facility)
    run()
    number = Delivery.objects.get().upstream_number
    (row,) = living(simulator, profile)
    assert lot(row) == "UJI-01"
    new = correct(dose)
    run()
    (row,) = living(simulator, profile)
    assert lot(row) == "UJI-02"
    assert Delivery.objects.get(immunization=new).upstream_number == number
    assert violations() == {}
    correct(new, withdraw=True)
    run()
    assert living(simulator, profile) == []
    assert set(Delivery.objects.filter(immunization=new).values_list("state", flat=True)) == {"withdrawn"}
    assert violations() == {}


def test_a_withdrawn_visit_takes_its_registration_along(simulator: Server) -> None:
    facility = facility_with("kunjungan")
    citizen = make_citizen()
    first = make_dose(facility, citizen)
    second = make_dose(facility, citizen, dose_code="lain", dose_number=1)
    run()
    assert len(upstream_rows(simulator, "kunjungan")) == 2
    assert len(upstream_rows(simulator, "pendaftaran")) == 1, "two doses of one day share a registration"
    correct(first, withdraw=True)
    run()
    assert len(upstream_rows(simulator, "pendaftaran")) == 1, "the other dose still needs it"
    correct(second, withdraw=True)
    run()
    assert upstream_rows(simulator, "pendaftaran") == []
    assert upstream_rows(simulator, "kunjungan") == []


def test_a_visit_corrected_to_another_day_moves_to_a_registration_of_that_day(simulator: Server) -> None:
    facility = facility_with("kunjungan")
    dose = make_dose(facility)
    run()
    correct(dose, occurred_at=timezone.now() - timedelta(days=2))
    run()
    (visit,), (registration,) = upstream_rows(simulator, "kunjungan"), upstream_rows(simulator, "pendaftaran")
    assert visit["tglDaftar"] == registration["tglDaftar"]
    assert violations() == {}


@both
def test_a_dose_given_to_the_wrong_person_moves_to_the_right_one(simulator: Server, profile: str) -> None:
    dose = make_dose(facility_with(profile))
    run()
    (before,) = living(simulator, profile)
    correct(dose, citizen=make_citizen())
    run()
    (after,) = living(simulator, profile)
    key = "noKartu" if profile == "kunjungan" else "patient"
    assert before[key] != after[key]
    assert violations() == {}


def test_a_visit_at_satusehat_follows_its_doses(simulator: Server) -> None:
    facility = facility_with("satusehat")
    citizen = make_citizen()
    nurse = User.objects.create(username="perawat.uji")
    visit = Visit.objects.create(
        citizen=citizen, facility=facility, programme_id=make_vaccine().programme_id, checked_in_by=nurse
    )
    first, second = (make_dose(facility, citizen, visit=visit, dose_code=f"d{n}", dose_number=n) for n in (1, 2))
    run()
    (shared,) = upstream_rows(simulator, "Encounter")
    moved = correct(first, occurred_at=timezone.now() - timedelta(days=2), visit=visit)
    run()
    (mended,) = upstream_rows(simulator, "Encounter")
    assert mended["period"]["end"] < shared["period"]["end"]
    assert moved is not None
    correct(moved, withdraw=True)
    run()
    assert [row["status"] for row in upstream_rows(simulator, "Encounter")] == ["finished"], "the other dose needs it"
    simulator.service.weather.add({"kind": "close_before", "method": "PUT", "path": "Encounter", "times": 1})
    right = correct(second, citizen=make_citizen())
    run()
    wrong, own = upstream_rows(simulator, "Encounter")
    assert (wrong["status"], own["status"]) == ("entered-in-error", "finished")
    assert wrong["subject"] != own["subject"]
    assert right is not None
    correct(right, withdraw=True)
    run()
    assert {row["status"] for row in upstream_rows(simulator, "Encounter")} == {"entered-in-error"}
    assert {row["status"] for row in upstream_rows(simulator, "Immunization")} == {"entered-in-error"}
    assert violations() == {}


WRITES = [
    ("kunjungan", "pendaftaran"),
    ("kunjungan", "kunjungan/v1"),
    ("satusehat", "Encounter"),
    ("satusehat", "Immunization"),
]


@pytest.mark.parametrize("kind", ["close_during", "close_after_commit", "truncated", "html_500 late"])
@pytest.mark.parametrize(("profile", "path"), WRITES)
def test_a_write_whose_answer_is_lost_is_read_back(simulator: Server, profile: str, path: str, kind: str) -> None:
    # The simulator refuses no double here: only reading back can prevent one.
    simulator.service.settings.guards_doubles = False
    name, _, late = kind.partition(" ")
    fault = {"kind": name, "method": "POST", "path": path, "times": 1, "after_commit": bool(late)}
    simulator.service.weather.add(fault)
    make_dose(facility_with(profile))
    run()
    assert Delivery.objects.get().state == "sent"
    assert len(upstream_rows(simulator, TABLE[profile])) == 1
    if profile == "kunjungan":
        assert len(upstream_rows(simulator, "pendaftaran")) == 1
    else:
        assert len(upstream_rows(simulator, "Encounter")) == 1
    assert simulator.service.weather.describe()["faults"] == []
    assert violations() == {}


@both
def test_a_correction_whose_first_answer_was_lost_finds_the_record(
    simulator: Server, profile: str, settings: Any
) -> None:
    settings.PCARE_RETRY_PAUSES = [3600]
    simulator.service.settings.guards_doubles = False
    dose = make_dose(facility_with(profile))
    outbox.drain("pcare")
    simulator.service.weather.add({"kind": "close_after_commit", "method": "POST", "path": TABLE[profile]})
    sending.send_due(60)
    simulator.service.weather.clear()
    assert Delivery.objects.get().outcome_unknown
    correct(dose)
    run()
    (row,) = living(simulator, profile)
    assert lot(row) == "UJI-02"
    assert violations() == {}


def test_who_is_no_active_member_of_jkn_goes_by_satusehat_alone(simulator: Server) -> None:
    facility = facility_with("kunjungan", "satusehat")
    citizen = make_citizen()
    add_participant(simulator.service.registry, {"noKTP": citizen.nik, "aktif": False, "ketAktif": "PENANGGUHAN"})
    make_dose(facility, citizen)
    make_dose(facility, make_citizen(nik="0000010101509002"))
    run()
    assert Counter(Delivery.objects.values_list("profile", "state", "error_class")) == {
        ("kunjungan", "refused", "not_eligible"): 2,
        ("satusehat", "sent", ""): 1,
        ("satusehat", "refused", "not_found"): 1,
    }
    assert Delivery.objects.filter(error_message="PENANGGUHAN").count() == 1
    assert upstream_rows(simulator, "pendaftaran") == []
    assert violations() == {}


def test_resources_are_valid_fhir_and_follow_the_ministry(simulator: Server) -> None:
    make_dose(facility_with("satusehat"))
    run()
    (dose,), (visit,) = upstream_rows(simulator, "Immunization"), upstream_rows(simulator, "Encounter")
    for model, row in ((Immunization, dose), (Encounter, visit)):
        model.model_validate({name: value for name, value in row.items() if name != "meta"})
    delivery = Delivery.objects.get()
    assert dose["identifier"] == [
        {
            "use": "official",
            "system": "http://sys-ids.kemkes.go.id/immunization/100000007",
            "value": str(delivery.sender_id),
        }
    ]
    assert dose["occurrenceDateTime"].endswith("+00:00")
    assert dose["recorded"].endswith("+00:00")
    assert [item["code"] for item in dose["vaccineCode"]["coding"]] == ["93009999", "VG107", "198"]
    assert dose["doseQuantity"]["value"] == 0.5
    assert dose["lotNumber"] == "UJI-01"
    assert dose["expirationDate"] == "2099-12-31"
    assert dose["performer"][0]["actor"]["reference"].startswith("Practitioner/1")
    assert dose["encounter"] == {"reference": f"Encounter/{visit['id']}"}
    assert delivery.references["patient"] == dose["patient"]["reference"].removeprefix("Patient/")


def test_what_satusehat_needs_and_is_missing_is_named_before_anything_is_sent(simulator: Server) -> None:
    facility = facility_with("satusehat")
    dose = make_dose(facility, expiration_date=None)
    dose.vaccine.cvx_codes = []
    dose.vaccine.save()
    run()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.error_class) == ("refused", "incomplete")
    assert delivery.error_message == "Belum ada: kode CVX, tanggal kedaluwarsa."
    assert simulator.service.total == 0


def test_one_token_serves_all_and_a_refused_one_is_renewed_once(simulator: Server) -> None:
    facility = facility_with("satusehat")
    for _ in range(6):
        make_dose(facility)
    run()
    tokens = [item for item in simulator.service.arrivals if item.path.endswith("accesstoken")]
    assert len(tokens) == 1
    account = SatusehatAccount.objects.get()
    assert account.access_token in simulator.service.fhir.tokens
    # Another process finds the stored token; the service has forgotten it.
    fhir_client._tokens.clear()
    simulator.service.fhir.tokens.clear()
    make_dose(facility)
    run()
    assert Delivery.objects.filter(state="sent").count() == 7
    tokens = [item for item in simulator.service.arrivals if item.path.endswith("accesstoken")]
    assert len(tokens) == 2


def test_a_wrong_client_secret_pauses_satusehat_and_leaves_pcare_alone(simulator: Server) -> None:
    facility = facility_with("vaksinasi", "satusehat")
    SatusehatAccount.objects.update(client_secret="salah")
    make_dose(facility)
    run(rounds=3)
    states = dict(Delivery.objects.values_list("profile", "state"))
    assert states == {"vaksinasi": "sent", "satusehat": "paused"}
    assert FacilityAccount.objects.get().pause_class == ""
    assert violations() == {}
    account = SatusehatAccount.objects.get()
    assert account.pause_class == "configuration"
    account.client_secret = "uji-rahasia-007"
    account.save()
    assert services.resume(account) == 1
    run()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}


def test_a_refusal_of_satusehat_shows_its_rule(simulator: Server) -> None:
    facility = facility_with("satusehat")
    make_dose(facility, expiration_date=timezone.localdate() - timedelta(days=3))
    run()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.error_class) == ("refused", "refused")
    assert delivery.error_field == "Immunization.expirationDate"
    assert "10307" in delivery.error_message


def test_neither_nik_nor_token_reaches_the_log(simulator: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    citizen = make_citizen()
    make_dose(facility_with("satusehat", "kunjungan"), citizen)
    run()
    logged = " ".join(str(vars(record)) for record in caplog.records if record.name.startswith("pcare_bridge"))
    logged += " ".join(f"{row.path_template} {row.message}" for row in DeliveryAttempt.objects.all())
    assert "Patient?identifier" in logged
    assert citizen.nik not in logged
    assert next(iter(simulator.service.fhir.tokens)) not in logged


def test_profiles_switched_on_and_off_keep_one_delivery_for_each_dose(simulator: Server) -> None:
    facility = facility_with("vaksinasi")
    account = FacilityAccount.objects.get()
    old = make_dose(facility)
    run()
    planning.switch_profiles(account, ["vaksinasi", "kunjungan"])
    assert planning.backfill(account) == 0, "a profile switched on does not fetch history"
    assert violations() == {}
    planning.on_recorded({"immunization_id": old.pk})
    assert Delivery.objects.count() == 1, "news told once more does not fetch it either"
    middle = make_dose(facility)
    run()
    planning.switch_profiles(account, ["kunjungan"])
    late = make_dose(facility)
    run()
    found = Counter(Delivery.objects.values_list("immunization_id", "profile"))
    assert found == {
        (old.pk, "vaksinasi"): 1,
        (middle.pk, "vaksinasi"): 1,
        (middle.pk, "kunjungan"): 1,
        (late.pk, "kunjungan"): 1,
    }
    assert violations() == {}
    new = correct(old)
    assert new is not None
    run()
    row = next(row for row in upstream_rows(simulator) if row["nik"] == old.citizen.nik)
    assert row["noBatch"] == "UJI-02", "what stands by a profile switched off is still corrected there"
    planning.switch_profiles(account, ["kunjungan", "vaksinasi"])
    planning.backfill(account)
    assert violations() == {}


@pytest.mark.parametrize("everywhere", [True, False])
def test_a_stopped_profile_waits_and_the_others_go(simulator: Server, everywhere: bool) -> None:
    facility = facility_with("vaksinasi", "kunjungan")
    switch = ProfileSwitch.objects.create(
        facility=None if everywhere else facility, profile="kunjungan", stopped_reason="Sedang diperiksa"
    )
    make_dose(facility)
    run(rounds=3)
    assert dict(Delivery.objects.values_list("profile", "state")) == {"vaksinasi": "sent", "kunjungan": "waiting"}
    assert not sending.has_work()
    assert violations() == {}
    switch.delete()
    run()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
