"""The simulated SATUSEHAT: tokens, look-ups by NIK, Encounter and Immunization with the Ministry's rules, answers."""

import hashlib
import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from pcare_bridge.simulator import defaults
from pcare_bridge.simulator.answers import Answer
from pcare_bridge.simulator.fhir_rules import NIK_SYSTEM, Broken, broken_rules
from pcare_bridge.simulator.registry import Registry
from pcare_bridge.simulator.weather import Settings

OAUTH, FHIR = "/oauth2/v1/", "/fhir-r4/v1/"
STORED = ("Encounter", "Immunization", "Observation")


@dataclass(frozen=True)
class FhirAnswer(Answer):
    """A status with a plain JSON document; no envelope, no encryption."""


@dataclass
class Fhir:
    """One exchange; its resources live in the registry, tokens in memory only."""

    registry: Registry
    settings: Settings
    clients: dict[str, tuple[str, str]] = field(default_factory=defaults.satusehat_clients, repr=False)

    def __post_init__(self) -> None:
        self.tokens: dict[str, tuple[str, float]] = {}

    def serve(self, method: str, path: str, query: str, headers: Any, raw: bytes, body: Any) -> Answer:
        """Carry one request out."""
        if path.startswith(OAUTH):
            return self._token(method, path, query, raw)
        organization = self._organization(headers.get("Authorization", ""))
        if not organization:
            return outcome(401, ("login", "", "Access token tidak sah atau kedaluwarsa"))
        parts = path.removeprefix(FHIR).strip("/").split("/")
        kind, number = parts[0], parts[1] if len(parts) > 1 else ""
        wanted = {name: values[0] for name, values in parse_qs(query).items()}
        if (method, kind, number) in (("GET", "Patient", ""), ("GET", "Practitioner", "")):
            return self._person(kind, wanted.get("identifier", ""))
        if kind in STORED:
            match method, bool(number):
                case "GET", False:
                    return self._search(kind, wanted)
                case "GET", True:
                    row = self.registry.tables[kind].get(number)
                    return FhirAnswer(200, row) if row else outcome(404, ("not-found", "", "tidak ditemukan"))
                case "POST", False:
                    return self._create(kind, body, organization)
                case "PUT", True:
                    return self._replace(kind, number, body, organization)
        return outcome(404, ("not-found", "", "alamat tidak dikenal"))

    def _token(self, method: str, path: str, query: str, raw: bytes) -> Answer:
        sent = {name: values[0] for name, values in parse_qs(raw.decode("utf-8", "replace")).items()}
        granted = parse_qs(query).get("grant_type") == ["client_credentials"]
        if method != "POST" or path.rstrip("/") != OAUTH + "accesstoken" or not granted:
            return outcome(400, ("invalid", "", "grant_type harus client_credentials pada query"))
        known = self.clients.get(sent.get("client_id", ""))
        if known is None or not secrets.compare_digest(known[0].encode(), sent.get("client_secret", "").encode()):
            return outcome(401, ("login", "", "client tidak dikenal"))
        token = secrets.token_urlsafe(24)
        self.tokens[token] = (known[1], time.time() + self.settings.token_seconds)
        # The lifetime is text in the field, so it is text here.
        document = {"access_token": token, "token_type": "BearerToken", "expires_in": str(self.settings.token_seconds)}
        return FhirAnswer(200, document)

    def _organization(self, authorization: str) -> str:
        scheme, _, token = authorization.partition(" ")
        organization, until = self.tokens.get(token, ("", 0.0))
        return organization if scheme == "Bearer" and until > time.time() else ""

    def _person(self, kind: str, identifier: str) -> Answer:
        system, _, nik = identifier.rpartition("|")
        known = system == NIK_SYSTEM and len(nik) == 16 and not nik.startswith("0000")
        if known and kind == "Patient" and self.settings.known_nik == "listed":
            known = nik in self.registry.tables["peserta"]
        return bundle([{"resourceType": kind, "id": ihs_number(kind, nik)}] if known else [])

    def _search(self, kind: str, wanted: dict[str, str]) -> Answer:
        found = []
        with self.registry.lock:
            every = self.registry.tables[kind].values()
            rows = self.registry.marked(kind, wanted["identifier"]) if "identifier" in wanted else every
            for row in rows:
                if "patient" in wanted and row.get("patient", {}).get("reference") != f"Patient/{wanted['patient']}":
                    continue
                if "date" in wanted and not str(row.get("occurrenceDateTime", "")).startswith(wanted["date"]):
                    continue
                found.append(row)
        return bundle(found)

    def _create(self, kind: str, body: Any, organization: str) -> Answer:
        if not isinstance(body, dict) or body.get("resourceType") != kind:
            return outcome(400, ("structure", "", f"harus resource {kind}"))
        with self.registry.lock:
            answer = self._refusal(kind, body, organization)
            if answer:
                return answer
            if self.settings.guards_doubles and self._twin(kind, body):
                return outcome(400, ("duplicate", f"{kind}.identifier", "RuleNumber: 20002 duplicate resource"))
            number = str(uuid.uuid4())
            row = body | {"id": number, "meta": {"versionId": "1"}}
            self.registry.put(kind, number, row)
        return FhirAnswer(201, row)

    def _replace(self, kind: str, number: str, body: Any, organization: str) -> Answer:
        if not isinstance(body, dict) or body.get("resourceType") != kind or body.get("id") != number:
            return outcome(400, ("structure", f"{kind}.id", "harus sama dengan alamat"))
        with self.registry.lock:
            before = self.registry.tables[kind].get(number)
            if before is None:
                return outcome(404, ("not-found", "", "tidak ditemukan"))
            answer = self._refusal(kind, body, organization)
            if answer:
                return answer
            version = str(int(before["meta"]["versionId"]) + 1)
            row = body | {"meta": {"versionId": version}}
            self.registry.put(kind, number, row)
        return FhirAnswer(200, row)

    def _refusal(self, kind: str, body: dict[str, Any], organization: str) -> Answer | None:
        mine = f"http://sys-ids.kemkes.go.id/{kind.lower()}/{organization}"
        if any(item.get("system") != mine for item in body.get("identifier", []) if isinstance(item, dict)):
            return outcome(403, ("forbidden", "", "resource cannot be accessed due to business rule"))
        wrong: list[Broken] = broken_rules(kind, body)
        if kind != "Encounter" and not wrong:
            wrong += self._broken_links(kind, body)
        remarks = [("invalid", where, f"RuleNumber: {number} {text}") for where, number, text in wrong]
        return outcome(400, *remarks) if remarks else None

    def _broken_links(self, kind: str, body: dict[str, Any]) -> list[Broken]:
        """What it points at must exist, and be about the same person."""
        wrong: list[Broken] = []
        person = (body.get("patient") or body.get("subject") or {}).get("reference")
        visit = self.registry.tables["Encounter"].get(str(body["encounter"]["reference"]).removeprefix("Encounter/"))
        if visit is None:
            wrong.append((f"{kind}.encounter", "10293", "encounter tidak ditemukan"))
        elif visit["subject"]["reference"] != person:
            wrong.append((f"{kind}.encounter", "10293", "encounter milik pasien lain"))
        for event in body.get("reaction") or []:
            detail = self.registry.tables["Observation"].get(event["detail"]["reference"].removeprefix("Observation/"))
            if detail is None or detail["subject"]["reference"] != person:
                wrong.append((f"{kind}.reaction.detail", "10820", "Observation tidak ditemukan pada pasien ini"))
        return wrong

    def _twin(self, kind: str, body: dict[str, Any]) -> bool:
        return any(self.registry.marked(kind, f"{item['system']}|{item['value']}") for item in body["identifier"])


def ihs_number(kind: str, nik: str) -> str:
    """The number the index gives a person; the same NIK always gets the same."""
    digits = str(int(hashlib.sha256(f"{kind}{nik}".encode()).hexdigest()[:12], 16)).zfill(11)
    return f"P{digits[:11]}" if kind == "Patient" else f"1{digits[:10]}"


def bundle(rows: list[dict[str, Any]]) -> FhirAnswer:
    """A searchset."""
    entries = [{"resource": row} for row in rows]
    return FhirAnswer(200, {"resourceType": "Bundle", "type": "searchset", "total": len(rows), "entry": entries})


def outcome(status: int, *remarks: tuple[str, str, str]) -> FhirAnswer:
    """An OperationOutcome; each remark is (code, expression, text)."""
    issues = [
        {"severity": "error", "code": code, "details": {"text": text}, **({"expression": [where]} if where else {})}
        for code, where, text in remarks
    ]
    return FhirAnswer(status, {"resourceType": "OperationOutcome", "issue": issues})
