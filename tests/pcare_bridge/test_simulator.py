"""The simulator keeps to the specification: checks, shapes, rules, settings, faults, memory."""

import dataclasses
import json
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pcare_bridge import wire
from pcare_bridge.client import Credentials, Options, PCareClient, Unreachable
from pcare_bridge.envelope import Reply, created_number, rows
from pcare_bridge.errors import Handling, classify
from pcare_bridge.facts import AdverseFacts, DoseFacts, Job, ScreeningFacts, Symptom
from pcare_bridge.profiles import vaksinasi
from pcare_bridge.simulator import defaults
from pcare_bridge.simulator.server import Server
from pcare_bridge.simulator.service import Service

NIK = "9974010101509001"
CALM: dict[str, Any] = {"trust_env": False, "timeout": 60}
KD_PROVIDER = defaults.provider_code(7)
SENDER = "7d3b6a52-0a4e-4a8e-8f0c-0d8f1a2b3c4d"


def facts(**changes: Any) -> DoseFacts:
    values: dict[str, Any] = {
        "nik": NIK,
        "name": "Warga Uji ꦱꦼꦩꦫꦁ 🙂",
        "birth_date": date(1950, 1, 1),
        "sex": "L",
        "phone": "",
        "provider_code": KD_PROVIDER,
        "practitioner_code": "000001",
        "occurred_at": datetime.now(UTC) - timedelta(hours=1),
        "vaccine_code": "93009999",
        "vaccine_name": "Vaksin Uji",
        "dose_number": 3,
        "lot_number": "UJI-01",
        "expiration_date": None,
        "body_site": "LA",
        "screening": ScreeningFacts("uji 1", 36.5, 120, 80),
    }
    return DoseFacts(**(values | changes))


def job(**changes: Any) -> Job:
    values = {"operation": "create", "sender_id": SENDER, "number": "", "in_doubt": False, "facts": facts()}
    return Job(**(values | changes))


def control(server: Server, method: str, name: str, body: Any = None, token: str | None = None) -> httpx.Response:
    address = server.base_url.removesuffix(server.service.base_path)
    headers = {"X-Control-Token": server.service.token if token is None else token}
    return httpx.request(method, f"{address}/__control__/{name}", json=body, headers=headers, **CALM)


def numbers(server: Server) -> list[str]:
    return list(server.service.registry.tables["vaksinasi"])


def test_the_header_with_an_underscore_arrives(pcare: PCareClient, simulator: Server) -> None:
    assert pcare.get("kesadaran").ok
    assert simulator.service.arrivals[-1].headers == [
        "X-cons-id",
        "X-timestamp",
        "X-signature",
        "X-authorization",
        "user_key",
    ]


def test_the_checks_come_in_their_order_each_with_its_own_message(simulator: Server, credentials: Credentials) -> None:
    now = str(int(time.time()))
    good = PCareClient(simulator.base_url, credentials).headers(now)
    spoiled = [
        ({"user_key": None}, "Header user_key"),
        ({"X-cons-id": "1", "X-timestamp": "kapan"}, "bukan angka"),
        ({"X-cons-id": "1", "X-timestamp": str(int(now) - 301)}, "batas waktu"),
        ({"X-cons-id": "1", "X-signature": "salah"}, "Cons ID"),
        ({"X-signature": wire.signature(credentials.cons_id, credentials.secret, str(int(now) - 1))}, "Signature"),
        ({"user_key": "f" * 32, "X-authorization": "Basic eDp5"}, "User key"),
        ({"X-authorization": "Basic eDp5"}, "X-authorization"),
        ({"X-authorization": wire.authorization("tak.ada", "x", "095")}, "Username"),
        ({"X-authorization": wire.authorization(credentials.username, "salah:", "095")}, "Password"),
        ({"X-authorization": wire.authorization(credentials.username, credentials.password, "001")}, "aplikasi"),
    ]
    messages = set()
    for changes, message in spoiled:
        headers = {name: value for name, value in (good | changes).items() if value is not None}
        answer = httpx.get(f"{simulator.base_url}/kesadaran", headers=headers, **CALM).json()
        assert answer["metaData"]["code"] == 401
        assert message in answer["metaData"]["message"]
        assert answer["response"] is None
        messages.add(answer["metaData"]["message"])
    assert len(messages) == len(spoiled)


@pytest.mark.parametrize("path", ["KESADARAN", "kesadaran/", "/kesadaran//"])
def test_letter_case_and_trailing_slashes_do_not_matter(pcare: PCareClient, path: str) -> None:
    assert len(rows(pcare.get(path).payload)) == 4


def test_the_body_is_json_whatever_type_is_declared(simulator: Server, credentials: Credentials) -> None:
    for number, declared in enumerate(["text/plain", "application/x-www-form-urlencoded", "application/json", "x/y"]):
        options = Options(post_content_type=declared)
        with PCareClient(simulator.base_url, credentials, options) as client:
            body = vaksinasi.payload(facts(dose_number=number + 1), "")
            assert client.post("vaksinasi", body).code == 201, declared


def test_both_kinds_of_code_and_of_payload_are_understood(simulator: Server, pcare: PCareClient) -> None:
    for encrypted in (True, False):
        for as_text in (True, False):
            for mirrored in (True, False):
                changes = {"encrypted": encrypted, "code_as_text": as_text, "mirror_status": mirrored}
                assert control(simulator, "POST", "settings", changes).status_code == 200
                assert pcare.get("poli/fktp/{start}/{limit}", start=0, limit=1).payload["count"] == 3
                assert pcare.get("vaksinasi/{number}", number="tak-ada").not_found
                refused = pcare.post("vaksinasi", {})
                assert refused.code == 412
                assert {item.field for item in refused.errors} >= {"nik", "nama", "tglVaksin", "skrining"}


def test_a_participant_a_registration_and_a_visit(pcare: PCareClient) -> None:
    person = pcare.get("peserta/nik/{nik}", nik=NIK).payload
    assert person["aktif"] is True
    assert pcare.get("peserta/{card}", card=person["noKartu"]).payload == person
    today = f"{datetime.now(vaksinasi.WIB):%d-%m-%Y}"
    body = {
        "kdProviderPeserta": KD_PROVIDER,
        "tglDaftar": today,
        "noKartu": person["noKartu"],
        "kdPoli": "023",
        "keluhan": None,
        "kunjSakit": False,
        "kdTkp": "50",
        **dict.fromkeys(("sistole", "diastole", "beratBadan", "tinggiBadan", "respRate", "lingkarPerut"), 0),
    }
    registered = pcare.post("pendaftaran", body)
    assert registered.code == 201
    assert created_number(registered.payload, "noUrut") == "A1"
    again = pcare.post("pendaftaran", body)
    assert again.code == 412
    assert again.errors[0].field == "noKartu"
    visit = {name: body[name] for name in ("noKartu", "tglDaftar", "kdPoli")}
    visit |= {"noKunjungan": None, "kdSadar": "01", "kdDokter": "000001", "kdDiag1": "Z23.5"}
    created = pcare.post("kunjungan/v1", visit)
    number = created_number(created.payload, "noKunjungan")
    assert len(number) == 19
    assert pcare.get("kunjungan/peserta/{card}", card=person["noKartu"]).payload["count"] == 1
    assert pcare.delete("kunjungan/{number}", number=number).ok
    path = "pendaftaran/peserta/{card}/tglDaftar/{day}/noUrut/{number}/kdPoli/{clinic}"
    assert pcare.delete(path, card=person["noKartu"], day=today, number="A1", clinic="023").ok
    assert pcare.get("pendaftaran/tglDaftar/{day}/{start}/{limit}", day=today, start=0, limit=10).payload["count"] == 0


def test_a_dose_is_written_found_changed_and_withdrawn(pcare: PCareClient, simulator: Server) -> None:
    number = vaksinasi.deliver(pcare, job()).number
    assert number.startswith(KD_PROVIDER)
    assert len(number) == 8 + 4 + 1 + 6
    stored = pcare.get("vaksinasi/{number}", number=number).payload
    assert stored["nama"] == "Warga Uji ꦱꦼꦩꦫꦁ 🙂"
    changed = job(operation="update", number=number, facts=facts(lot_number="UJI-02"))
    assert vaksinasi.deliver(pcare, changed).error is None
    assert pcare.get("vaksinasi/{number}", number=number).payload["noBatch"] == "UJI-02"
    assert vaksinasi.deliver(pcare, job(operation="withdraw", number=number)).error is None
    assert vaksinasi.deliver(pcare, job(operation="withdraw", number=number)).error is None
    assert numbers(simulator) == []


def test_a_repeat_by_the_same_sender_gets_the_first_number(pcare: PCareClient, simulator: Server) -> None:
    first, second = vaksinasi.deliver(pcare, job()), vaksinasi.deliver(pcare, job())
    assert first.number == second.number
    assert len(numbers(simulator)) == 1


def test_the_same_dose_from_somebody_else_is_refused_and_told_apart(pcare: PCareClient, simulator: Server) -> None:
    vaksinasi.deliver(pcare, job())
    outcome = vaksinasi.deliver(pcare, job(sender_id="a9a9a9a9-0000-4000-8000-000000000001"))
    assert outcome.error is not None
    assert outcome.error.key == "recorded_elsewhere"
    assert not outcome.in_doubt
    assert len(numbers(simulator)) == 1


def test_an_unknown_person_is_no_content(pcare: PCareClient, simulator: Server) -> None:
    control(simulator, "POST", "settings", {"known_nik": "listed"})
    outcome = vaksinasi.deliver(pcare, job())
    assert outcome.error is not None
    assert outcome.error.key == "not_found"
    control(simulator, "POST", "participants", {"noKTP": NIK})
    assert vaksinasi.deliver(pcare, job()).error is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"occurred_at": datetime.now(UTC) + timedelta(days=2)}, "tglVaksin"),
        ({"occurred_at": datetime.now(UTC) - timedelta(days=40)}, "tglVaksin"),
        ({"expiration_date": date(2001, 1, 1)}, "tglKedaluwarsa"),
        ({"nik": "123"}, "nik"),
        ({"sex": "X"}, "sex"),
        ({"screening": None}, "skrining"),
    ],
)
def test_a_wrong_field_is_named(pcare: PCareClient, changes: dict[str, Any], field: str) -> None:
    outcome = vaksinasi.deliver(pcare, job(facts=facts(**changes)))
    assert outcome.error is not None
    assert outcome.error.key == "refused"
    assert outcome.error_field == field


COMMITTED = ["close_during", "close_after_commit", "wrong_timestamp", "truncated"]


@pytest.mark.parametrize("kind", [*COMMITTED, "html_500", "html_200", "empty", "code"])
def test_a_write_that_commits_and_loses_its_answer_ends_with_one_record(
    pcare: PCareClient, simulator: Server, kind: str
) -> None:
    after = {"after_commit": True} if kind not in COMMITTED else {}
    control(simulator, "POST", "settings", {"echo_sender": kind != "html_200"})
    control(simulator, "POST", "faults", {"kind": kind, "method": "POST", "times": 1, **after})
    first = vaksinasi.deliver(pcare, job())
    if first.error is not None:
        assert first.error.handling is Handling.RETRY
        assert first.in_doubt
        first = vaksinasi.deliver(pcare, job(in_doubt=True))
    assert first.error is None
    assert numbers(simulator) == [first.number]
    posts = [item for item in simulator.service.arrivals if item.method == "POST"]
    assert len(posts) == 1, "it was read back, not written again"


@pytest.mark.parametrize(
    ("fault", "key", "in_doubt"),
    [
        ({"kind": "close_before"}, "unreachable", True),
        ({"kind": "hang"}, "unreachable", True),
        ({"kind": "html_500"}, "server_fault", True),
        ({"kind": "html_200"}, "unreadable", True),
        ({"kind": "empty"}, "unreadable", True),
        ({"kind": "code", "code": 424}, "dependency", True),
        ({"kind": "code", "code": 408}, "slow", True),
        ({"kind": "code", "code": 50000}, "server_fault", True),
        ({"kind": "code", "code": 403}, "configuration", False),
        ({"kind": "code", "code": 404}, "path", False),
        ({"kind": "expired"}, "configuration", False),
        ({"kind": "screening"}, "screening", False),
        ({"kind": "rate_limited", "seconds": 7}, "rate_limited", False),
    ],
)
def test_each_fault_lands_in_its_class(
    pcare: PCareClient, simulator: Server, fault: dict[str, Any], key: str, in_doubt: bool
) -> None:
    control(simulator, "POST", "faults", fault | {"times": 1})
    if fault["kind"] == "hang":
        pcare.options = dataclasses.replace(pcare.options, read_timeout=0.3)
    outcome = vaksinasi.deliver(pcare, job())
    assert outcome.error is not None
    assert (outcome.error.key, outcome.in_doubt) == (key, in_doubt)
    assert outcome.retry_after == (7 if key == "rate_limited" else None)
    assert numbers(simulator) == []


def test_an_outage_looks_like_a_dead_line_and_ends(pcare: PCareClient, simulator: Server) -> None:
    control(simulator, "POST", "outage", {"seconds": 600})
    with pytest.raises(Unreachable):
        pcare.get("kesadaran")
    control(simulator, "POST", "outage", {"seconds": 0.1})
    time.sleep(0.2)
    assert pcare.get("kesadaran").ok


def test_a_clock_off_by_ten_minutes_refuses_and_shows_in_the_difference(pcare: PCareClient, simulator: Server) -> None:
    control(simulator, "POST", "settings", {"clock_offset_seconds": 600})
    reply = pcare.get("kesadaran")
    assert reply.code == 401
    # Less by what passes between the service's look at its clock and ours.
    assert 540 <= (pcare.calls[-1].clock_difference or 0) <= 601


def test_faults_strike_each_kth_request_and_repeat_with_their_seed(pcare: PCareClient, simulator: Server) -> None:
    def pattern() -> list[bool]:
        return [pcare.get("kesadaran").ok for _ in range(12)]

    control(simulator, "POST", "faults", {"kind": "html_500", "every": 3})
    assert pattern() == [True, True, False] * 4
    control(simulator, "DELETE", "faults")
    seen = []
    for _ in range(2):
        control(simulator, "POST", "seed", {"seed": 7})
        control(simulator, "POST", "faults", {"kind": "html_500", "probability": 0.5})
        seen.append(pattern())
        control(simulator, "DELETE", "faults")
    assert seen[0] == seen[1]
    assert len(set(seen[0])) == 2


def test_the_record_of_requests_holds_no_number_of_a_person(pcare: PCareClient, simulator: Server) -> None:
    vaksinasi.deliver(pcare, job(facts=facts(phone="081234567890")))
    pcare.get("peserta/nik/{nik}", nik=NIK)
    for name in ("requests", "records"):
        text = control(simulator, "GET", name).text
        assert NIK not in text
        assert "081234567890" not in text
        assert "997401******9001" in text


def test_the_control_path_wants_its_token_and_sound_values(simulator: Server) -> None:
    assert control(simulator, "POST", "outage", token="salah").status_code == 403
    assert control(simulator, "POST", "faults", {"kind": "kiamat"}).status_code == 400
    assert control(simulator, "POST", "settings", {"encrypted": "ya"}).status_code == 400
    assert control(simulator, "GET", "tak-ada").status_code == 404
    assert control(simulator, "GET", "state").json()["weather"]["faults"] == []


def test_the_button_on_the_page_turns_the_service_off_and_on(pcare: PCareClient, simulator: Server) -> None:
    root = simulator.base_url.removesuffix(simulator.service.base_path)
    page = httpx.get(root + "/", **CALM).text
    assert "Matikan PCare" in page
    form = {"token": simulator.service.token, "on": "0"}
    assert httpx.post(f"{root}/__control__/power", data=form, **CALM).status_code == 303
    assert "Nyalakan PCare" in httpx.get(root + "/", **CALM).text
    with pytest.raises(Unreachable):
        pcare.get("kesadaran")
    httpx.post(f"{root}/__control__/power", data=form | {"on": "1"}, **CALM)
    assert pcare.get("kesadaran").ok


def test_the_page_shows_what_arrived_and_what_goes_wrong(pcare: PCareClient, simulator: Server) -> None:
    event = AdverseFacts(datetime.now(UTC), (Symptom("demam", "Demam"),), is_serious=False, key="uji")
    vaksinasi.deliver(pcare, job(facts=facts(adverse=(event,))))
    control(simulator, "POST", "faults", {"kind": "html_500", "path": "kunjungan", "every": 3, "probability": 0.5})
    page = httpx.get(simulator.base_url.removesuffix(simulator.service.base_path) + "/", **CALM).text
    assert "<li>html_500, kunjungan, setiap permintaan ke-3, peluang 0.5</li>" in page
    (number,) = numbers(simulator)
    for shown in (number, "Demam", "997401******9001", "dijawab"):
        assert f"<td>{shown}</td>" in page
    assert NIK not in page


def test_names_of_people_cannot_write_into_the_page(pcare: PCareClient, simulator: Server) -> None:
    vaksinasi.deliver(pcare, job(facts=facts(name="<script>alert(1)</script>")))
    page = httpx.get(simulator.base_url.removesuffix(simulator.service.base_path) + "/", **CALM).text
    assert "<script>" not in page


def test_the_journal_survives_a_restart_and_is_not_readable(tmp_path: Path, credentials: Credentials) -> None:
    journal = tmp_path / "simulator.journal"
    first = Service(journal=journal)
    answer = first.resources.answer("POST", "vaksinasi", vaksinasi.payload(facts(), SENDER))
    assert answer.code == 201
    assert NIK.encode() not in journal.read_bytes()
    with journal.open("ab") as file:
        file.write(b"setengah baris")
    second = Service(journal=journal)
    assert second.registry.tables["vaksinasi"] == first.registry.tables["vaksinasi"]
    again = second.resources.answer("POST", "vaksinasi", vaksinasi.payload(facts(), SENDER))
    assert (again.code, again.response) == (200, answer.response)
    second.resources.answer("POST", "vaksinasi", vaksinasi.payload(facts(dose_number=4), ""))
    assert len(Service(journal=journal).registry.tables["vaksinasi"]) == 2


@pytest.mark.parametrize(
    ("status", "body", "key"),
    [
        (302, "", "unreadable"),
        (200, "{}", "unreadable"),
        (200, '{"metaData": {"code": "x"}}', "unreadable"),
        (404, "<html></html>", "path"),
        (401, "<html></html>", "configuration"),
        (503, "", "server_fault"),
        (299, '{"metaData": {"code": 999}}', "unexpected"),
        (200, '{"metaData": {"code": 500}}', "server_fault"),
    ],
)
def test_answers_without_an_envelope_are_judged_by_their_status(
    one_answer: Callable[..., Reply], status: int, body: str, key: str
) -> None:
    error = classify(one_answer(body, status))
    assert error is not None
    assert error.key == key


def test_a_refusal_with_undecodable_text_is_shown_as_a_message(one_answer: Callable[..., Reply]) -> None:
    reply = one_answer(json.dumps({"response": "NIK 9974010101509001 ditolak", "metaData": {"code": 412}}))
    assert reply.text == "NIK [nomor] ditolak"
    assert not reply.unreadable


def test_credentials_never_show_their_secrets(credentials: Credentials) -> None:
    shown = repr(credentials)
    for name in ("secret", "user_key", "password"):
        assert dataclasses.asdict(credentials)[name] not in shown
    assert NIK not in repr(facts()) + repr(job())
