"""Runs in the environment of `make interop`: public clients of other makers call the simulator; prints one JSON line.

Imports nothing of the portal. Credentials and addresses come as JSON on stdin.
"""

import base64
import json
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pybpjs.bpjs as pybpjs
import requests
from fhirpy import SyncFHIRClient

VITALS = ("sistole", "diastole", "beratBadan", "tinggiBadan", "respRate", "lingkarPerut", "heartRate")


def add_authorization(username: str, password: str, application: str) -> None:
    """pybpjs is made for VClaim, which has no X-authorization: requests adds that one header to whatever it sends."""
    value = "Basic " + base64.b64encode(f"{username}:{password}:{application}".encode()).decode()
    without = requests.utils.default_headers

    def with_authorization() -> Any:
        headers = without()
        headers["X-authorization"] = value
        return headers

    requests.sessions.default_headers = with_authorization


def pcare(keys: dict[str, str], nik: str) -> dict[str, Any]:
    """Look a member up, register, read the registration back; and be refused with another secret."""
    credential = {name: keys[name] for name in ("host", "consid", "secret", "user_key")}
    sealed, plain = credential | {"is_encrypt": 1}, credential | {"is_encrypt": 0}
    without = pybpjs.bridging(plain, "kesadaran")
    add_authorization(keys["username"], keys["password"], keys["application"])
    person = pybpjs.bridging(sealed, f"peserta/nik/{nik}")
    day = f"{datetime.now(timezone(timedelta(hours=7))):%d-%m-%Y}"
    body = {
        "kdProviderPeserta": person["response"]["kdProviderPst"]["kdProvider"], "tglDaftar": day,
        "noKartu": person["response"]["noKartu"], "kdPoli": "023", "keluhan": None, "kunjSakit": False, "rujukBalik": 0,
        "kdTkp": "50", **dict.fromkeys(VITALS, 0),
    }  # fmt: skip
    return {
        "without_authorization": without,
        "person": person,
        "registered": pybpjs.bridging(sealed, "pendaftaran", "post", body),
        "again": pybpjs.bridging(plain, "pendaftaran", "post", body),
        "listed": pybpjs.bridging(sealed, f"pendaftaran/tglDaftar/{day}/0/10"),
        "wrong_secret": pybpjs.bridging(plain | {"secret": "lain"}, "kesadaran"),
    }


def satusehat(keys: dict[str, str], nik: str) -> dict[str, Any]:
    """Token, look-ups by NIK, a visit and a dose, read back; all through a general FHIR client."""
    granted = requests.post(
        f"{keys['oauth']}/accesstoken?grant_type=client_credentials",
        data={"client_id": keys["client_id"], "client_secret": keys["client_secret"]},
        timeout=60,
    ).json()
    client = SyncFHIRClient(keys["fhir"], authorization=f"Bearer {granted['access_token']}")
    system = "https://fhir.kemkes.go.id/id/nik"
    patient = client.resources("Patient").search(identifier=f"{system}|{nik}").first()
    nurse = client.resources("Practitioner").search(identifier=f"{system}|{keys['practitioner_nik']}").first()
    now = datetime.now(UTC).replace(microsecond=0)
    moment = (now - timedelta(minutes=5)).isoformat()
    organization, person = keys["organization_id"], {"reference": f"Patient/{patient['id']}"}

    def mark(kind: str) -> list[dict[str, str]]:
        return [{"use": "official", "system": f"http://sys-ids.kemkes.go.id/{kind}/{organization}", "value": "uji-1"}]

    visit = client.resource(
        "Encounter", identifier=mark("encounter"), status="finished", subject=person,
        period={"start": moment, "end": moment}, serviceProvider={"reference": f"Organization/{organization}"},
        **{"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}},
    )  # fmt: skip
    visit.save()
    kfa = "http://sys-ids.kemkes.go.id/kfa"
    dose = client.resource(
        "Immunization", identifier=mark("immunization"), status="completed", patient=person, primarySource=True,
        encounter={"reference": f"Encounter/{visit['id']}"}, occurrenceDateTime=moment, lotNumber="UJI0001",
        vaccineCode={"coding": [
            {"system": kfa, "code": "93001283"}, {"system": kfa, "code": "VG107"},
            {"system": "http://hl7.org/fhir/sid/cvx", "code": "198"},
        ]},
        location={"reference": f"Location/{keys['location_id']}"}, expirationDate=f"{now.year + 2}-01-31",
        performer=[{"actor": {"reference": f"Practitioner/{nurse['id']}"}}],
        reasonCode=[{"coding": [{
            "system": "http://terminology.kemkes.go.id/CodeSystem/immunization-reason", "code": "IM-Dasar",
        }]}],
    )  # fmt: skip
    dose.save()
    found = client.resources("Immunization").search(patient=patient["id"], date=moment[:10]).first()
    refused = ""
    try:
        client.resource(
            "Immunization", **{name: value for name, value in dose.items() if name not in ("id", "meta")}
        ).save()
    except Exception as error:
        refused = f"{type(error).__name__} {error}"
    return {"dose": dose.serialize(), "found": found.serialize(), "refused": refused}


def main() -> None:
    given = json.load(sys.stdin)
    print(
        json.dumps(
            {"pcare": pcare(given["pcare"], given["nik"]), "satusehat": satusehat(given["satusehat"], given["nik"])}
        )
    )


if __name__ == "__main__":
    main()
