"""Profile `satusehat`: a dose as FHIR R4 Immunization for the Ministry's exchange (SATUSEHAT.md).

Steps: practitioner and patient by NIK, the Encounter of the visit, the Immunization. Our own identifiers make a repeat
harmless: the service refuses a second one (rule 20002), and then the first is read.
"""

import re
import threading
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pcare_bridge import conf
from pcare_bridge.envelope import Reply
from pcare_bridge.errors import ERROR_CLASSES, ErrorClass
from pcare_bridge.errors import classify as classify_pcare
from pcare_bridge.facts import DoseFacts, Job
from pcare_bridge.fhir_client import FhirClient
from pcare_bridge.outcome import Outcome
from pcare_bridge.profiles.common import Standing, Stop, attempt, failure, look

REQUESTS = 3
NIK = "https://fhir.kemkes.go.id/id/nik"
KFA = "http://sys-ids.kemkes.go.id/kfa"
CVX = "http://hl7.org/fhir/sid/cvx"
TERMINOLOGY = "http://terminology.kemkes.go.id/CodeSystem"
HL7 = "http://terminology.hl7.org/CodeSystem"
ROUTE = "https://www.whocc.no/atc_ddd_index/"
DUPLICATE = "20002"
_RULE = re.compile(r"rulenumber:\s*(\d+)", re.IGNORECASE)

_REQUIRED = [
    ("patient", "NIK", lambda facts: facts.nik),
    ("serviceProvider", "nomor IHS organisasi", lambda facts: facts.organization_id),
    ("location", "nomor IHS lokasi vaksinasi", lambda facts: facts.location_id),
    ("performer", "NIK vaksinator", lambda facts: facts.practitioner_nik),
    ("vaccineCode", "kode produk KFA", lambda facts: facts.kfa_product),
    ("vaccineCode", "kelompok KFA", lambda facts: facts.kfa_groups),
    ("vaccineCode", "kode CVX", lambda facts: facts.cvx_code),
    ("lotNumber", "nomor batch", lambda facts: facts.lot_number),
    ("expirationDate", "tanggal kedaluwarsa", lambda facts: facts.expiration_date),
]

# A health worker's number does not change; a process asks once.
_practitioners: dict[tuple[str, str], str] = {}
_asking = threading.Lock()


def missing_fields(facts: DoseFacts) -> list[tuple[str, str]]:
    """Mandatory elements this dose lacks, as (element, Indonesian label)."""
    return [(name, label) for name, label, read in _REQUIRED if not read(facts)]


def classify(reply: Reply) -> ErrorClass | None:
    """The error class of a FHIR answer; HTTP says more here than in PCare, and 201, 404 or 422 mean other things."""
    if reply.ok:
        return None
    if reply.unreadable and 200 <= reply.code < 300:
        return ERROR_CLASSES["unreadable"]
    key = {401: "configuration", 403: "configuration", 404: "not_found", 409: "refused", 412: "refused", 422: "refused"}
    if reply.code == 400:
        return ERROR_CLASSES["refused" if reply.errors else "malformed"]
    if reply.code in key:
        return ERROR_CLASSES[key[reply.code]]
    return classify_pcare(reply)


def moment(value: datetime) -> str:
    """UTC as the Ministry writes it: 2026-02-03T02:15:00+00:00."""
    return value.astimezone(UTC).isoformat(timespec="seconds")


def immunization(job: Job, patient: str, practitioner: str, encounter: str, number: str = "") -> dict[str, Any]:
    """The Immunization resource; with its id when it replaces an older version."""
    facts = job.facts
    codings = [{"system": KFA, "code": facts.kfa_product, "display": facts.vaccine_name}]
    codings += [{"system": KFA, "code": group} for group in facts.kfa_groups]
    codings.append({"system": CVX, "code": facts.cvx_code})
    applied: dict[str, Any] = {"doseNumberPositiveInt": facts.dose_number}
    if facts.series_doses and facts.series_doses >= facts.dose_number:
        applied["seriesDosesPositiveInt"] = facts.series_doses
    reasons = [{"system": f"{TERMINOLOGY}/{_reason_system(code)}", "code": code} for code in facts.reason_codes]
    resource: dict[str, Any] = {
        "resourceType": "Immunization",
        "identifier": [_identifier("immunization", facts, job.sender_id)],
        "status": "completed",
        "vaccineCode": {"coding": codings},
        "patient": {"reference": f"Patient/{patient}", "display": facts.name},
        "encounter": {"reference": f"Encounter/{encounter}"},
        "occurrenceDateTime": moment(facts.occurred_at),
        "recorded": moment(facts.recorded_at or facts.occurred_at),
        "primarySource": True,
        "location": {"reference": f"Location/{facts.location_id}", "display": facts.facility_name},
        "lotNumber": facts.lot_number,
        "expirationDate": f"{facts.expiration_date:%Y-%m-%d}",
        "performer": [
            {
                "function": {
                    "coding": [{"system": f"{HL7}/v2-0443", "code": "AP", "display": "Administering Provider"}]
                },
                "actor": {"reference": f"Practitioner/{practitioner}"},
            }
        ],
        "reasonCode": [{"coding": reasons}],
        "protocolApplied": [applied],
    }
    if number:
        resource["id"] = number
    if facts.body_site:
        resource["site"] = {"coding": [{"system": f"{HL7}/v3-ActSite", "code": facts.body_site}]}
    if facts.route in conf.ROUTES:
        resource["route"] = {"coding": [{"system": ROUTE, "code": conf.ROUTES[facts.route]}]}
    if facts.dose_quantity_ml:
        resource["doseQuantity"] = {
            "value": float(facts.dose_quantity_ml), "unit": "mL", "system": "http://unitsofmeasure.org", "code": "mL",
        }  # fmt: skip
    return resource


def encounter(job: Job, patient: str, practitioner: str) -> dict[str, Any]:
    """The Encounter of the visit, finished; all doses of one visit share it."""
    facts = job.facts
    begun = min(facts.arrived_at or facts.occurred_at, facts.occurred_at)
    period = {"start": moment(begun), "end": moment(facts.occurred_at)}
    return {
        "resourceType": "Encounter",
        "identifier": [_identifier("encounter", facts, facts.visit_key)],
        "status": "finished",
        "class": {"system": f"{HL7}/v3-ActCode", "code": "AMB", "display": "ambulatory"},
        "subject": {"reference": f"Patient/{patient}", "display": facts.name},
        "participant": [{"individual": {"reference": f"Practitioner/{practitioner}"}}],
        "period": period,
        "location": [{"location": {"reference": f"Location/{facts.location_id}", "display": facts.facility_name}}],
        "statusHistory": [{"status": "finished", "period": period}],
        "serviceProvider": {"reference": f"Organization/{facts.organization_id}"},
    }


def identifier_system(kind: str, organization_id: str) -> str:
    """The system of our own identifiers, without a trailing slash (SATUSEHAT.md section 2)."""
    return f"http://sys-ids.kemkes.go.id/{kind}/{organization_id}"


def _identifier(kind: str, facts: DoseFacts, value: str) -> dict[str, str]:
    return {"use": "official", "system": identifier_system(kind, facts.organization_id), "value": value}


def _reason_system(code: str) -> str:
    return "immunization-routine-timing" if code in ("IM-Ideal", "IM-Kejar") else "immunization-reason"


def deliver(client: FhirClient, job: Job) -> Outcome:
    """Bring the service to the state `job` asks for, reading back first whenever an earlier write is in doubt.

    Never raises for weather; touches no database, so it may run in any thread.
    """
    work = _Try(client, job)
    try:
        outcome = work.withdraw() if job.operation == "withdraw" else work.write()
    except Stop as stop:
        outcome = stop.outcome
    token, expires = client.new_token
    return replace(outcome, references=work.made, token=token, token_expires=expires)


def standing(client: FhirClient, job: Job) -> list[Standing]:
    """Every Immunization upstream under our identifier that is not entered in error; raises Stop."""
    wanted = f"{identifier_system('immunization', job.facts.organization_id)}|{job.sender_id}"
    reply = look(partial(client.search, "Immunization", identifier=wanted), classes=classify)
    living = [row for row in _resources(reply) if row.get("status") != "entered-in-error"]
    return [Standing(str(row.get("id") or ""), _compared(row)) for row in living]


def expected(job: Job) -> dict[str, str]:
    """What an Immunization of this dose should say in the elements we compare."""
    return _compared(immunization(job, "", "", ""))


def _compared(row: dict[str, Any]) -> dict[str, str]:
    codings = row.get("vaccineCode", {}).get("coding", [])
    return {
        "occurrenceDateTime": str(row.get("occurrenceDateTime")),
        "lotNumber": str(row.get("lotNumber")),
        "vaccineCode": " ".join(sorted(str(item.get("code")) for item in codings)),
        "doseNumber": str([item.get("doseNumberPositiveInt") for item in row.get("protocolApplied", [])]),
    }


class _Try:
    """One try, with the numbers it was given on the way."""

    def __init__(self, client: FhirClient, job: Job) -> None:
        self.client, self.job, self.facts = client, job, job.facts
        self.made: dict[str, str] = {}

    def write(self) -> Outcome:
        number = self.job.number
        if not number and (self.job.in_doubt or self.job.operation == "update"):
            number = self._stored("immunization", self.job.sender_id)
            if number and self.job.operation == "create":
                return Outcome(number=number)
        practitioner, patient = self._practitioner(), self._patient()
        resource = immunization(self.job, patient, practitioner, self._encounter(patient, practitioner), number)
        if number:
            return self._put(number, resource)
        given = self._create("Immunization", "immunization", self.job.sender_id, resource)
        return Outcome(number=given)

    def withdraw(self) -> Outcome:
        """A mistake becomes entered-in-error, never a delete."""
        number = self.job.number or self._stored("immunization", self.job.sender_id)
        if not number:
            return Outcome()
        reply = look(partial(self.client.read, "Immunization", number), classes=classify)
        standing = reply.payload if isinstance(reply.payload, dict) else None
        if reply.code == 404 or standing is None or standing.get("status") == "entered-in-error":
            return Outcome(number=number)
        return self._put(number, standing | {"status": "entered-in-error"})

    def _put(self, number: str, resource: dict[str, Any]) -> Outcome:
        reply = attempt(lambda: self.client.replace("Immunization", number, resource), number)
        error = classify(reply)
        return Outcome(number=number) if error is None else failure(error, reply, number=number)

    def _practitioner(self) -> str:
        key = (self.client.base_url, self.facts.practitioner_nik)
        with _asking:
            known = _practitioners.get(key)
        if known:
            return known
        found = self._person("Practitioner", self.facts.practitioner_nik, "no_practitioner")
        with _asking:
            _practitioners[key] = found
        return found

    def _patient(self) -> str:
        known = self.job.references.get("patient")
        if known:
            return known
        self.made["patient"] = self._person("Patient", self.facts.nik, "not_found")
        return self.made["patient"]

    def _person(self, kind: str, nik: str, missing: str) -> str:
        reply = look(
            partial(self.client.search, kind, identifier=f"{NIK}|{nik}"), in_doubt=self.job.in_doubt, classes=classify
        )
        number = _first_id(reply)
        if not number:
            error = ERROR_CLASSES[missing]
            raise Stop(Outcome(error, self.job.number, in_doubt=self.job.in_doubt, message=error.sentence))
        return number

    def _encounter(self, patient: str, practitioner: str) -> str:
        known = self.job.references.get("encounter")
        if known:
            return known
        found = self._stored("encounter", self.facts.visit_key) if self.job.in_doubt else ""
        if not found:
            body = encounter(self.job, patient, practitioner)
            found = self._create("Encounter", "encounter", self.facts.visit_key, body)
        self.made["encounter"] = found
        return found

    def _create(self, kind: str, identifier: str, value: str, resource: dict[str, Any]) -> str:
        """Store a resource and return its id; a repeat of ours is read. Stop when it was refused or is in doubt."""
        reply = attempt(lambda: self.client.create(kind, resource))
        error = classify(reply)
        number = str(reply.payload.get("id") or "") if error is None and isinstance(reply.payload, dict) else ""
        if not number and (error is None or error.key == "unreadable" or rule_number(reply) == DUPLICATE):
            number = self._stored(identifier, value)
        if not number:
            raise Stop(failure(error or ERROR_CLASSES["unreadable"], reply, number=self.job.number))
        return number

    def _stored(self, identifier: str, value: str) -> str:
        """The id of what we stored under our own identifier, or an empty text."""
        kind = identifier.capitalize()
        wanted = f"{identifier_system(identifier, self.facts.organization_id)}|{value}"
        reply = look(partial(self.client.search, kind, identifier=wanted), classes=classify)
        return _first_id(reply)


def rule_number(reply: Reply) -> str:
    """The Ministry's rule a refusal names, or an empty text."""
    found = _RULE.search(" ".join(item.message for item in reply.errors))
    return found[1] if found else ""


def _first_id(reply: Reply) -> str:
    return next((str(row["id"]) for row in _resources(reply) if row.get("id")), "")


def _resources(reply: Reply) -> list[dict[str, Any]]:
    """The resources of a Bundle."""
    entries = reply.payload.get("entry") if isinstance(reply.payload, dict) else None
    found = [entry.get("resource") for entry in entries or [] if isinstance(entry, dict)]
    return [row for row in found if isinstance(row, dict)]
