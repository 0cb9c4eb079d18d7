"""Adverse events (KIPI) on their way: with the dose, after it, corrected with it, taken back with it."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone
from fhir.resources.R4B.immunization import Immunization as FhirImmunization
from fhir.resources.R4B.observation import Observation

from accounts.models import User
from core import outbox
from core.models import OutboxMessage
from pcare_bridge import adverse, channels, health, sending, settling
from pcare_bridge.client import Unreachable
from pcare_bridge.gather import job_for
from pcare_bridge.models import Delivery, SatusehatAccount
from pcare_bridge.simulator.server import Server
from regions.models import Facility
from tests.pcare_bridge.doses import add_profiles, correct, make_citizen, make_dose, make_facility
from tests.pcare_bridge.running import run, upstream_rows, violations
from vaccination import adverse_events
from vaccination.models import AdverseEvent, Immunization

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("exchange")]


def facility_with(*profiles: str) -> Facility:
    facility = make_facility()
    add_profiles(facility, *profiles)
    return facility


def report(dose: Immunization, *symptoms: str, **fields: Any) -> AdverseEvent:
    """What the desk does when somebody tells of a reaction."""
    nurse, _ = User.objects.get_or_create(username="perawat.uji")
    return adverse_events.record_adverse_event(
        immunization=dose, client_uuid=uuid.uuid4(), onset_at=timezone.now(), symptoms=list(symptoms or ("demam",)),
        actor=nurse, **fields,
    )  # fmt: skip


def only(simulator: Server, table: str) -> dict[str, Any]:
    (row,) = upstream_rows(simulator, table)
    return row


def writes(simulator: Server) -> list[str]:
    """Method and kind of each FHIR write, in order of arrival."""
    arrived = [item for item in simulator.service.arrivals if item.method in ("POST", "PUT")]
    parts = [(item.method, item.path.split("/")) for item in arrived if item.path.startswith("/fhir-r4/v1/")]
    return [f"{method} {path[3]}" for method, path in parts]


def test_an_event_before_sending_becomes_an_observation_behind_the_dose(simulator: Server) -> None:
    dose = make_dose(facility_with("satusehat"))
    event = report(dose, "demam", "nyeri", description="38,4 derajat")
    run()
    immunization, seen, visit = (only(simulator, name) for name in ("Immunization", "Observation", "Encounter"))
    for model, row in ((FhirImmunization, immunization), (Observation, seen)):
        model.model_validate({name: value for name, value in row.items() if name != "meta"})
    assert writes(simulator) == ["POST Encounter", "POST Immunization", "POST Observation", "PUT Immunization"]
    (reaction,) = immunization["reaction"]
    assert reaction["detail"] == {"reference": f"Observation/{seen['id']}"}
    assert reaction["date"] == seen["effectiveDateTime"]
    assert reaction["date"].endswith("+00:00")
    assert seen["identifier"] == [
        {
            "use": "official",
            "system": "http://sys-ids.kemkes.go.id/observation/100000007",
            "value": str(event.client_uuid),
        }
    ]
    assert seen["subject"]["reference"] == immunization["patient"]["reference"]
    assert seen["encounter"] == immunization["encounter"] == {"reference": f"Encounter/{visit['id']}"}
    assert [item["code"]["text"] for item in seen["component"]] == ["Demam", "Nyeri di tempat suntik", "KIPI serius"]
    assert [item["valueBoolean"] for item in seen["component"]] == [True, True, False]
    assert seen["component"][0]["code"]["coding"][0]["code"] == "386661006"
    assert Delivery.objects.get().state == "sent"
    assert violations() == {}


def test_an_event_after_sending_brings_the_records_up_to_date(simulator: Server) -> None:
    dose = make_dose(facility_with("vaksinasi", "kunjungan", "satusehat"))
    run()
    numbers = dict(Delivery.objects.values_list("profile", "upstream_number"))
    assert "reaction" not in only(simulator, "Immunization")
    report(dose, "mual")
    report(dose, "anafilaksis")
    run()
    assert dict(Delivery.objects.values_list("profile", "upstream_number")) == numbers
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
    sent = only(simulator, "vaksinasi")["kipi"]
    assert sent["gejala"] == ["Mual atau muntah", "Anafilaksis"]
    assert sent["serius"] is True
    assert len(only(simulator, "Immunization")["reaction"]) == 2
    assert len(upstream_rows(simulator, "Observation")) == 2
    assert Delivery.objects.get(profile="kunjungan").operation == "create", "a visit has no place for it"
    assert violations() == {}


def test_a_corrected_dose_keeps_its_event_and_another_person_takes_it_along(simulator: Server) -> None:
    dose = make_dose(facility_with("vaksinasi", "satusehat"))
    report(dose)
    run()
    before = only(simulator, "Observation")
    second = correct(dose)
    run()
    assert only(simulator, "Immunization")["lotNumber"] == "UJI-02"
    assert only(simulator, "Immunization")["reaction"][0]["detail"]["reference"] == f"Observation/{before['id']}"
    assert only(simulator, "vaksinasi")["kipi"]["ada"] is True
    assert second is not None
    correct(second, citizen=make_citizen(), lot_number="UJI-03")
    run()
    after = only(simulator, "Observation")
    assert after["id"] == before["id"]
    assert after["subject"]["reference"] != before["subject"]["reference"]
    assert after["subject"]["reference"] == only(simulator, "Immunization")["patient"]["reference"]
    assert violations() == {}


def test_an_event_told_of_a_replaced_row_reaches_the_row_that_holds(simulator: Server) -> None:
    dose = make_dose(facility_with("satusehat"))
    run()
    correct(dose)
    run()
    report(dose)
    run()
    assert len(only(simulator, "Immunization")["reaction"]) == 1


def test_a_withdrawn_dose_takes_its_observations_back(simulator: Server) -> None:
    dose = make_dose(facility_with("satusehat"))
    report(dose)
    run()
    simulator.service.weather.add({"kind": "close_before", "method": "PUT", "path": "Observation", "times": 1})
    correct(dose, withdraw=True)
    run()
    assert only(simulator, "Immunization")["status"] == "entered-in-error"
    assert only(simulator, "Observation")["status"] == "entered-in-error"
    report(dose)
    run()
    assert len(upstream_rows(simulator, "Observation")) == 1, "nothing stands there that it could belong to"
    assert violations() == {}


@pytest.mark.parametrize("kind", ["close_during", "close_after_commit", "truncated", "html_500 late"])
@pytest.mark.parametrize("call", ["POST Immunization", "POST Observation", "PUT Immunization"])
def test_a_lost_answer_on_the_way_doubles_nothing(simulator: Server, call: str, kind: str) -> None:
    # The simulator refuses no double here: only reading back can prevent one.
    simulator.service.settings.guards_doubles = False
    method, path = call.split()
    name, _, late = kind.partition(" ")
    fault = {"kind": name, "method": method, "path": path, "times": 1, "after_commit": bool(late)}
    simulator.service.weather.add(fault)
    report(make_dose(facility_with("satusehat")))
    run()
    assert Delivery.objects.get().state == "sent"
    assert len(only(simulator, "Immunization")["reaction"]) == 1
    assert only(simulator, "Observation")["status"] == "final"
    assert simulator.service.weather.describe()["faults"] == []
    assert violations() == {}


@pytest.mark.parametrize("profile", ["vaksinasi", "satusehat"])
def test_an_event_told_after_a_lost_answer_is_not_lost_with_it(simulator: Server, profile: str) -> None:
    dose = make_dose(facility_with(profile))
    outbox.drain("pcare")
    table = {"vaksinasi": "vaksinasi", "satusehat": "Immunization"}[profile]
    simulator.service.weather.add({"kind": "close_after_commit", "method": "POST", "path": table, "times": 1})
    with override_settings(PCARE_RETRY_PAUSES=[3600]):
        sending.send_due(60)
    assert Delivery.objects.get().outcome_unknown
    assert len(upstream_rows(simulator, table)) == 1
    report(dose)
    Delivery.objects.update(available_at=timezone.now())
    run()
    assert Delivery.objects.get().state == "sent"
    row = only(simulator, table)
    assert row.get("kipi") or row.get("reaction")


def test_a_refused_observation_leaves_a_dose_that_can_be_taken_back(simulator: Server) -> None:
    simulator.service.weather.add({"kind": "code", "code": 422, "method": "POST", "path": "Observation"})
    dose = make_dose(facility_with("satusehat"))
    report(dose)
    run()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.error_class) == ("refused", "refused")
    assert delivery.upstream_number == only(simulator, "Immunization")["id"]
    simulator.service.weather.clear()
    correct(dose, withdraw=True)
    run()
    assert only(simulator, "Immunization")["status"] == "entered-in-error"


def test_an_event_told_while_the_dose_is_on_its_way_is_sent_after_it(simulator: Server) -> None:
    dose = make_dose(facility_with("satusehat"))
    outbox.drain("pcare")
    (claimed,) = Delivery.objects.filter(state="waiting").claim(1)
    account = SatusehatAccount.objects.get()
    job = job_for(claimed, account, in_doubt=False)
    report(dose)
    outbox.drain("pcare")
    assert Delivery.objects.get().state == "in_flight"
    client = channels.client_for(account)
    outcome = channels.deliver("satusehat", client, job)
    upstream = health.upstream("satusehat")
    assert upstream is not None
    settling.settle(claimed, outcome, client.calls, upstream.pk, account)
    assert "reaction" not in only(simulator, "Immunization")
    later = OutboxMessage.objects.filter(topic=adverse.REOPEN, state="waiting")
    assert later.update(available_at=timezone.now() - timedelta(seconds=1)) == 1
    run()
    assert len(only(simulator, "Immunization")["reaction"]) == 1
    assert violations() == {}


def test_a_dose_whose_lease_ends_before_its_observation_is_not_written_again(simulator: Server) -> None:
    simulator.service.settings.guards_doubles = False
    report(make_dose(facility_with("satusehat")))
    outbox.drain("pcare")
    delivery, account = Delivery.objects.get(), SatusehatAccount.objects.get()

    def lease_over() -> None:
        if simulator.service.arrivals and simulator.service.arrivals[-1].path.endswith("Immunization"):
            raise Unreachable("LeaseOver", sent=False)

    outcome = channels.deliver("satusehat", channels.client_for(account, lease_over), job_for(delivery, account, False))
    assert outcome.error is not None
    assert not outcome.in_doubt
    assert outcome.number == only(simulator, "Immunization")["id"], "the next try starts from it"


def test_the_same_report_twice_is_one_event_and_one_observation(simulator: Server) -> None:
    dose = make_dose(facility_with("satusehat"))
    event = report(dose)
    again = adverse_events.record_adverse_event(
        immunization=dose, client_uuid=event.client_uuid, onset_at=event.onset_at, symptoms=["demam"],
        actor=event.reported_by,
    )  # fmt: skip
    assert again == event
    run()
    assert len(upstream_rows(simulator, "Observation")) == 1
