"""Profile `satusehat`: a dose as FHIR R4 Immunization for the Ministry's exchange (SATUSEHAT.md).

Steps: practitioner and patient by NIK, the Encounter of the visit, the Immunization; for each adverse event (KIPI) an
Observation, and then the Immunization once more with what they say. Our own identifiers make a repeat harmless: the
service refuses a second one (rule 20002), and then the first is read.
"""

import re
import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pcare_bridge import conf
from pcare_bridge.envelope import Reply
from pcare_bridge.errors import ERROR_CLASSES, ErrorClass
from pcare_bridge.errors import classify as classify_pcare
from pcare_bridge.facts import AdverseFacts, DoseFacts, Job
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


def immunization(
    job: Job, patient: str, practitioner: str, encounter: str, number: str = "", observations: Iterable[str] = ()
) -> dict[str, Any]:
    """The Immunization resource; with its id when it replaces an older version.

    `observations` are the ids that stand for the adverse events of the facts, in their order.
    """
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
    reactions = [
        {"date": moment(event.onset_at), "detail": {"reference": f"Observation/{one}"}, "reported": False}
        for event, one in zip(facts.adverse, observations, strict=False)
    ]
    if reactions:
        resource["reaction"] = reactions
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
        "identifier": [_identifier("encounter", facts, encounter_key(facts, patient))],
        "status": "finished",
        "class": {"system": f"{HL7}/v3-ActCode", "code": "AMB", "display": "ambulatory"},
        "subject": {"reference": f"Patient/{patient}", "display": facts.name},
        "participant": [{"individual": {"reference": f"Practitioner/{practitioner}"}}],
        "period": period,
        "location": [{"location": {"reference": f"Location/{facts.location_id}", "display": facts.facility_name}}],
        "statusHistory": [{"status": "finished", "period": period}],
        "serviceProvider": {"reference": f"Organization/{facts.organization_id}"},
    }


def encounter_key(facts: DoseFacts, patient: str) -> str:
    """Our identifier of the Encounter: by visit and person, so that a dose moved to another person gets its own."""
    return f"{facts.visit_key}.{patient}"


def observation(
    job: Job, event: AdverseFacts, patient: str, practitioner: str, encounter: str, number: str = ""
) -> dict[str, Any]:
    """One adverse event as Observation: the symptoms, coded where one code is certain, and whether it was serious."""
    system, code, display = conf.ADVERSE_CODE
    symptoms: list[dict[str, Any]] = [{"text": item.words} for item in event.symptoms]
    for concept, item in zip(symptoms, event.symptoms, strict=True):
        if item.key in conf.SYMPTOM_CODES:
            concept["coding"] = [{"system": conf.SYMPTOM_SYSTEM, "code": conf.SYMPTOM_CODES[item.key]}]
    serious = {"text": "KIPI serius"}
    resource: dict[str, Any] = {
        "resourceType": "Observation",
        "identifier": [_identifier("observation", job.facts, event.key)],
        "status": "final",
        "category": [{"coding": [{"system": f"{HL7}/observation-category", "code": conf.ADVERSE_CATEGORY}]}],
        "code": {"coding": [{"system": system, "code": code, "display": display}]},
        "subject": {"reference": f"Patient/{patient}", "display": job.facts.name},
        "encounter": {"reference": f"Encounter/{encounter}"},
        "effectiveDateTime": moment(event.onset_at),
        "performer": [{"reference": f"Practitioner/{practitioner}"}],
        "valueCodeableConcept": {"text": ", ".join(item.words for item in event.symptoms)},
        "component": [{"code": concept, "valueBoolean": True} for concept in symptoms]
        + [{"code": serious, "valueBoolean": event.is_serious}],
    }
    if event.note:
        resource["note"] = [{"text": event.note}]
    return resource | ({"id": number} if number else {})


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
    # What stands upstream is remembered whatever failed after it: only so can it be taken back.
    number = outcome.number or work.number
    return replace(outcome, number=number, references=work.made, token=token, token_expires=expires)


def standing(client: FhirClient, job: Job) -> list[Standing]:
    """Every Immunization upstream under our identifier that is not entered in error; raises Stop."""
    wanted = f"{identifier_system('immunization', job.facts.organization_id)}|{job.sender_id}"
    reply = look(partial(client.search, "Immunization", identifier=wanted), classes=classify)
    living = [row for row in _resources(reply) if row.get("status") != "entered-in-error"]
    return [Standing(str(row.get("id") or ""), _compared(row)) for row in living]


def expected(job: Job) -> dict[str, str]:
    """What an Immunization of this dose should say in the elements we compare."""
    return _compared(immunization(job, "", "", "", observations=(event.key for event in job.facts.adverse)))


def _compared(row: dict[str, Any]) -> dict[str, str]:
    codings = row.get("vaccineCode", {}).get("coding", [])
    return {
        "occurrenceDateTime": str(row.get("occurrenceDateTime")),
        "lotNumber": str(row.get("lotNumber")),
        "vaccineCode": " ".join(sorted(str(item.get("code")) for item in codings)),
        "reaction": str(len(row.get("reaction") or [])),
        "doseNumber": str([item.get("doseNumberPositiveInt") for item in row.get("protocolApplied", [])]),
    }


class _Try:
    """One try, with the numbers it was given on the way."""

    def __init__(self, client: FhirClient, job: Job) -> None:
        self.client, self.job, self.facts = client, job, job.facts
        self.made: dict[str, str] = {}
        self.number = job.number

    def write(self) -> Outcome:
        is_new = self.job.operation == "create"
        if not self.number and (self.job.in_doubt or not is_new):
            self.number = self._stored("immunization", self.job.sender_id)
            if self.number and is_new and not self.facts.adverse:
                return Outcome(number=self.number)
        practitioner, patient = self._practitioner(), self._patient()
        visit = self._encounter(patient, practitioner)
        if not self.number:
            resource = immunization(self.job, patient, practitioner, visit)
            self.number = self._create("Immunization", "immunization", self.job.sender_id, resource)
            if not self.facts.adverse:
                return Outcome(number=self.number)
        elif not is_new:
            before = self._standing("Immunization", self.number)
            if before and (before.get("encounter") or {}).get("reference") != f"Encounter/{visit}":
                # While the dose still points at the old visit, so that a try that ends here finds it again.
                self._leave_visit(before)
        found = [self._observe(event, patient, practitioner, visit) for event in self.facts.adverse]
        self._put("Immunization", immunization(self.job, patient, practitioner, visit, self.number, found))
        return Outcome(number=self.number)

    def withdraw(self) -> Outcome:
        """A mistake becomes entered-in-error, never a delete; so do what was observed after it and an empty visit."""
        self.number = self.number or self._stored("immunization", self.job.sender_id)
        dose = self._standing("Immunization", self.number) if self.number else None
        if dose is None:
            return Outcome(number=self.number)
        self._undo("Immunization", dose)
        for event in dose.get("reaction") or []:
            self._undo("Observation", self._referenced(event.get("detail"), "Observation"))
        self._leave_visit(dose)
        return Outcome(number=self.number)

    def _leave_visit(self, dose: dict[str, Any]) -> None:
        """Take back the visit of a dose that leaves it, unless another dose needs it."""
        if not self.facts.visit_is_shared:
            self._undo("Encounter", self._referenced(dose.get("encounter"), "Encounter"))

    def _undo(self, kind: str, resource: dict[str, Any] | None) -> None:
        if resource and resource.get("status") != "entered-in-error":
            self._put(kind, resource | {"status": "entered-in-error"})

    def _referenced(self, reference: Any, kind: str) -> dict[str, Any] | None:
        found, _, number = str((reference or {}).get("reference")).partition("/")
        return self._standing(kind, number) if found == kind and number else None

    def _standing(self, kind: str, number: str) -> dict[str, Any] | None:
        """What the service holds under `number`, or None."""
        reply = look(partial(self.client.read, kind, number), classes=classify)
        return reply.payload if reply.code != 404 and isinstance(reply.payload, dict) else None

    def _observe(self, event: AdverseFacts, patient: str, practitioner: str, visit: str) -> str:
        """Store one adverse event, or bring what stands for it up to date; returns its id."""
        name = f"observation {event.key}"
        number = self.job.references.get(name) or ""
        if not number and (self.job.in_doubt or self.job.operation == "update"):
            number = self._stored("observation", event.key)
        if number:
            self._put("Observation", observation(self.job, event, patient, practitioner, visit, number))
        else:
            body = observation(self.job, event, patient, practitioner, visit)
            number = self._create("Observation", "observation", event.key, body)
        self.made[name] = number
        return number

    def _put(self, kind: str, resource: dict[str, Any]) -> None:
        """Replace what stands under the resource's id; Stop when that was refused or is in doubt."""
        reply = attempt(lambda: self.client.replace(kind, str(resource["id"]), resource), self.number)
        error = classify(reply)
        if error is not None:
            raise Stop(failure(error, reply, number=self.number))

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
            raise Stop(Outcome(error, self.number, in_doubt=self.job.in_doubt, message=error.sentence))
        return number

    def _encounter(self, patient: str, practitioner: str) -> str:
        known = self.job.references.get("encounter")
        if known:
            if self.job.operation == "update":
                self._mend_visit(known, encounter(self.job, patient, practitioner))
            return known
        key = encounter_key(self.facts, patient)
        found = self._stored("encounter", key) if self.job.in_doubt else ""
        if not found:
            found = self._create("Encounter", "encounter", key, encounter(self.job, patient, practitioner))
        self.made["encounter"] = found
        return found

    def _mend_visit(self, number: str, wanted: dict[str, Any]) -> None:
        """Bring the time of a stored visit in line with a dose whose time was corrected."""
        period = (self._standing("Encounter", number) or wanted).get("period") or {}
        try:
            begun, ended = (datetime.fromisoformat(str(period[name])) for name in ("start", "end"))
            holds = begun <= self.facts.occurred_at.replace(microsecond=0) <= ended
        except (KeyError, ValueError, TypeError):
            holds = False
        if not holds:
            self._put("Encounter", wanted | {"id": number})

    def _create(self, kind: str, identifier: str, value: str, resource: dict[str, Any]) -> str:
        """Store a resource and return its id; a repeat of ours is read. Stop when it was refused or is in doubt."""
        reply = attempt(lambda: self.client.create(kind, resource))
        error = classify(reply)
        number = str(reply.payload.get("id") or "") if error is None and isinstance(reply.payload, dict) else ""
        if not number and (error is None or error.key == "unreadable" or rule_number(reply) == DUPLICATE):
            number = self._stored(identifier, value)
        if not number:
            raise Stop(failure(error or ERROR_CLASSES["unreadable"], reply, number=self.number))
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
