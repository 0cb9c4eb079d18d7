"""Every resource of PROTOCOL section 9 on the simulator's socket: paths, field names, pages, refusals, lifecycles."""

import http.client
import json
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from pcare_bridge.client import Credentials, Options, PCareClient, Unreachable
from pcare_bridge.envelope import created_number, rows
from pcare_bridge.profiles.common import WIB
from pcare_bridge.simulator import defaults
from pcare_bridge.simulator.server import Server
from tests.pcare_bridge.running import wait_until

NIK = "9974010101509001"
TODAY = f"{datetime.now(WIB):%d-%m-%Y}"

LISTS = {
    "poli/fktp/0/10": {"kdPoli", "nmPoli", "poliSakit"},
    "dokter/0/10": {"kdDokter", "nmDokter"},
    "diagnosa/Z24/0/10": {"kdDiag", "nmDiag", "nonSpesialis"},
    "kesadaran": {"kdSadar", "nmSadar"},
    "statuspulang/rawatInap/true": {"kdStatusPulang", "nmStatusPulang"},
    "statuspulang/rawatInap/false": {"kdStatusPulang", "nmStatusPulang"},
    "prognosa": {"kdPrognosa", "nmPrognosa"},
    "alergi/jenis/01": {"kdAlergi", "nmAlergi"},
    "alergi/jenis/02": {"kdAlergi", "nmAlergi"},
    "alergi/jenis/03": {"kdAlergi", "nmAlergi"},
    "provider/0/10": {"kdProvider", "nmProvider"},
    "tindakan/kdTkp/10/0/10": {"kdTindakan", "nmTindakan"},
    "obat/dpho/para/0/10": {"kdObat", "nmObat"},
    "spesialis": {"kdSpesialis", "nmSpesialis"},
    "spesialis/INT/subspesialis": {"kdSubSpesialis", "nmSubSpesialis", "kdPoliRujuk"},
    "spesialis/sarana": {"kdSarana", "nmSarana"},
    "spesialis/khusus": {"kdKhusus", "nmKhusus"},
    f"spesialis/rujuk/subspesialis/26/sarana/1/tglEstRujuk/{TODAY}": {"kdppk", "nmppk"},
    f"spesialis/rujuk/khusus/HDL/noKartu/0001112223334/tglEstRujuk/{TODAY}": {"kdppk", "nmppk"},
    f"spesialis/rujuk/khusus/THA/subspesialis/3/noKartu/0001112223334/tglEstRujuk/{TODAY}": {"kdppk", "nmppk"},
    "kelompok/club/01": {"clubId", "nama", "jnsKelompok"},
}
PERSON = {
    "noKartu", "nama", "hubunganKeluarga", "sex", "tglLahir", "tglMulaiAktif", "tglAkhirBerlaku", "kdProviderPst",
    "kdProviderGigi", "jnsKelas", "jnsPeserta", "golDarah", "noHP", "noKTP", "aktif", "ketAktif", "asuransi",
    "tunggakan",
}  # fmt: skip
VITALS = ("sistole", "diastole", "beratBadan", "tinggiBadan", "respRate", "lingkarPerut", "heartRate")


def card_of(pcare: PCareClient, nik: str = NIK) -> str:
    return str(pcare.get("peserta/nik/{nik}", nik=nik).payload["noKartu"])


def registration(card: str, **changes: Any) -> dict[str, Any]:
    body = {
        "kdProviderPeserta": defaults.provider_code(7), "tglDaftar": TODAY, "noKartu": card, "kdPoli": "023",
        "keluhan": None, "kunjSakit": False, "rujukBalik": 0, "kdTkp": "50", **dict.fromkeys(VITALS, 0),
    }  # fmt: skip
    return body | changes


def visit(card: str, **changes: Any) -> dict[str, Any]:
    body = {
        "noKunjungan": None, "noKartu": card, "tglDaftar": TODAY, "kdPoli": "023", "kdSadar": "01",
        "kdDokter": "000001", "kdDiag1": "U11.9", "tglPulang": TODAY, "kdStatusPulang": "3", "rujukLanjut": None,
    }  # fmt: skip
    return body | changes


@pytest.mark.parametrize("path", LISTS)
def test_each_list_has_its_documented_items(pcare: PCareClient, path: str) -> None:
    reply = pcare.get(path)
    assert reply.ok
    assert set(reply.payload) == {"count", "list"}
    assert reply.payload["count"] >= len(reply.payload["list"]) > 0
    for item in rows(reply.payload):
        assert LISTS[path] <= set(item)
    # The catalogue is found by any spelling of its path.
    assert pcare.get(path.upper() + "/").payload == reply.payload


def test_pages_begin_at_zero_and_end_at_a_thousand(pcare: PCareClient) -> None:
    every = rows(pcare.get("dokter/0/1000").payload)
    pages = [pcare.get("dokter/{start}/{limit}", start=start, limit=6).payload for start in range(0, 30, 6)]
    assert [len(page["list"]) for page in pages] == [6, 6, 6, 2, 0]
    assert {page["count"] for page in pages} == {len(every)}
    assert [item for page in pages for item in page["list"]] == every
    for bad in ("dokter/0/1001", "dokter/x/10", "dokter/0/-1"):
        refused = pcare.get(bad)
        assert refused.code == 412
        assert refused.errors[0].field in ("start", "limit")


def test_an_empty_page_has_the_form_of_the_settings(pcare: PCareClient, simulator: Server) -> None:
    for path in ("diagnosa/tak-ada/0/10", "dokter/500/10", f"pendaftaran/tglDaftar/{TODAY}/0/10"):
        assert pcare.get(path).payload["list"] == []
        simulator.service.settings.empty_as_204 = True
        assert pcare.get(path).not_found
        assert pcare.calls[-1].http_status == 200, "HTTP 204 has no body"
        simulator.service.settings.empty_as_204 = False


def test_what_is_no_resource_and_what_is_no_method(pcare: PCareClient) -> None:
    assert pcare.get("imunisasi").code == 404
    assert pcare.post("kesadaran", {}).code == 405
    assert pcare.get("statuspulang/rawatInap/mungkin").code == 412
    assert pcare.get(f"spesialis/rujuk/khusus/THA/noKartu/0001112223334/tglEstRujuk/{TODAY}").payload["list"] == []
    assert pcare.get("spesialis/rujuk/subspesialis/26/sarana/1/tglEstRujuk/2026-11-22").code == 412


def test_a_participant_is_found_in_three_ways(pcare: PCareClient) -> None:
    person = pcare.get("peserta/nik/{nik}", nik=NIK).payload
    assert set(person) >= PERSON
    assert pcare.get("peserta/noka/{card}", card=person["noKartu"]).payload == person
    assert pcare.get("peserta/{card}", card=person["noKartu"]).payload == person
    assert pcare.get("peserta/{card}", card="0" * 13).not_found
    for path in ("peserta/nik/123", "peserta/paspor/A1234567"):
        refused = pcare.get(path)
        assert refused.code == 412
        assert len(refused.errors) == 1, "an object, not an array"


@pytest.mark.parametrize("nested", [True, False])
def test_registrations_are_listed_with_their_person_and_clinic(
    pcare: PCareClient, simulator: Server, nested: bool
) -> None:
    simulator.service.settings.nested_registrations = nested
    card = card_of(pcare)
    number = created_number(pcare.post("pendaftaran/", registration(card)).payload, "noUrut")
    (item,) = rows(pcare.get(f"pendaftaran/tglDaftar/{TODAY}/0/10").payload)
    assert pcare.get(f"pendaftaran/noUrut/{number}/tglDaftar/{TODAY}").payload == item
    assert {"noUrut", "tglDaftar", "providerPelayanan", "keluhan", "kunjSakit", *VITALS} <= set(item)
    if nested:
        assert set(item["peserta"]) >= PERSON
        assert item["poli"] == {"kdPoli": "023", "nmPoli": "IMUNISASI", "poliSakit": False}
        assert item["tkp"]["kdTkp"] == "50"
    else:
        assert (item["noKartu"], item["kdPoli"]) == (card, "023")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"noKartu": "123"}, "noKartu"),
        ({"noKartu": "9" * 13}, "noKartu"),
        ({"tglDaftar": "2026-01-02"}, "tglDaftar"),
        ({"tglDaftar": f"{datetime.now(WIB) - timedelta(days=31):%d-%m-%Y}"}, "tglDaftar"),
        ({"kdPoli": "999"}, "kdPoli"),
        ({"kunjSakit": "false"}, "kunjSakit"),
        ({"kdTkp": "99"}, "kdTkp"),
        ({"rujukBalik": 2}, "rujukBalik"),
        ({"sistole": "120"}, "sistole"),
    ],
)
def test_a_registration_names_what_is_wrong_as_one_object(
    pcare: PCareClient, changes: dict[str, Any], field: str
) -> None:
    refused = pcare.post("pendaftaran", registration(card_of(pcare)) | changes)
    assert refused.code == 412
    assert [item.field for item in refused.errors] == [field]


def test_numbers_belong_to_the_facility_that_got_them(simulator: Server, pcare: PCareClient) -> None:
    username, password = defaults.account(defaults.provider_code(8))
    mine = Credentials(defaults.CONS_ID, defaults.SIGNING_KEY, defaults.USER_KEY, username, password)
    card = card_of(pcare)
    with PCareClient(simulator.base_url, mine) as neighbour:
        for client in (pcare, neighbour):
            assert created_number(client.post("pendaftaran", registration(card)).payload, "noUrut") == "A1"
        number = created_number(pcare.post("kunjungan/v1", visit(card)).payload, "noKunjungan")
        assert neighbour.delete("kunjungan/{number}", number=number).not_found
        assert neighbour.put("kunjungan/v1", visit(card, noKunjungan=number)).code == 412
        path = f"pendaftaran/peserta/{card}/tglDaftar/{TODAY}/noUrut/A1/kdPoli/023"
        assert neighbour.delete(path).ok
        assert neighbour.get(f"pendaftaran/tglDaftar/{TODAY}/0/10").payload["count"] == 0
    assert pcare.get(f"pendaftaran/tglDaftar/{TODAY}/0/10").payload["count"] == 1
    assert pcare.get(f"kunjungan/peserta/{card}").payload["count"] == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kdDiag1": None}, "kdDiag1"),
        ({"tglPulang": "besok"}, "tglPulang"),
        ({"rujukLanjut": {}}, "rujukLanjut"),
        ({"kdPoli": "001"}, "noKartu"),
    ],
)
def test_a_visit_names_what_is_wrong_as_an_array(pcare: PCareClient, changes: dict[str, Any], field: str) -> None:
    card = card_of(pcare)
    pcare.post("pendaftaran", registration(card))
    refused = pcare.post("kunjungan/v1", visit(card) | changes)
    assert (refused.code, refused.errors[0].field) == (412, field)
    assert isinstance(refused.payload, list)


def test_what_hangs_on_a_visit_is_kept_changed_and_goes_with_it(pcare: PCareClient) -> None:
    card = card_of(pcare)
    pcare.post("pendaftaran", registration(card))
    referred = {"tglEstRujuk": TODAY, "kdppk": "1184R001", "subSpesialis": None, "khusus": None}
    number = created_number(pcare.post("kunjungan", visit(card, rujukLanjut=referred)).payload, "noKunjungan")
    assert pcare.get(f"kunjungan/rujukan/{number}").payload["rujukLanjut"] == referred
    kinds = {
        "tindakan": ("kdTindakanSK", {"kdTindakan": "01001", "biaya": 0}, "tindakan"),
        "obat/kunjungan": ("kdObatSK", {"kdObat": "130100001", "jmlObat": 1}, "obat"),
        "MCU": ("kdMCU", {"tekananDarahSistole": 120}, "MCU"),
    }
    for path, (key, fields, root) in kinds.items():
        made = pcare.post(path, fields | {key: 0, "noKunjungan": number})
        assert made.code == 201, path
        given = created_number(made.payload, key)
        assert rows(pcare.get(f"{root}/kunjungan/{number}").payload)[0] == fields | {
            key: int(given), "noKunjungan": number,
        }  # fmt: skip
        assert pcare.post(path, fields | {"noKunjungan": "tak-ada"}).code == 412
        if path != "obat/kunjungan":
            assert pcare.put(path, fields | {key: int(given), "noKunjungan": number, "keterangan": "x"}).ok
        assert pcare.delete(f"{root}/{given}/kunjungan/lain").not_found
    assert pcare.delete(f"obat/1/kunjungan/{number}").ok
    assert pcare.delete(f"kunjungan/{number}").ok
    for root in ("tindakan", "MCU"):
        assert pcare.get(f"{root}/kunjungan/{number}").payload["list"] == []


def test_a_group_activity_with_its_people(pcare: PCareClient) -> None:
    club = rows(pcare.get("kelompok/club/02").payload)[0]
    body = {"clubId": club["clubId"], "tglPelayanan": TODAY, "kdKegiatan": "01", "kdKelompok": "02", "materi": "Senam"}
    assert pcare.post("kelompok/kegiatan", body | {"clubId": 99}).code == 412
    number = created_number(pcare.post("kelompok/kegiatan", body).payload, "eduId")
    assert [item["eduId"] for item in rows(pcare.get(f"kelompok/kegiatan/{TODAY}").payload)] == [number]
    assert pcare.get("kelompok/kegiatan/01-01-2001").payload["list"] == []
    card = card_of(pcare)
    assert pcare.post("kelompok/peserta", {"eduId": number, "noKartu": card}).code == 201
    assert rows(pcare.get(f"kelompok/peserta/{number}").payload)[0]["peserta"]["noKartu"] == card
    assert pcare.delete(f"kelompok/peserta/{number}/{card}").ok
    assert pcare.delete(f"kelompok/peserta/{number}/{card}").not_found
    assert pcare.delete(f"kelompok/kegiatan/{number}").ok


def raw_request(simulator: Server, write: Callable[[http.client.HTTPConnection], None]) -> tuple[int, bool]:
    """One request written by hand: the status of its answer, and whether the connection ends with it."""
    address = urlsplit(simulator.base_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    write(connection)
    response = connection.getresponse()
    found = response.status, response.will_close
    connection.close()
    return found


def test_a_body_in_chunks_is_read_and_an_endless_one_ends_the_connection(
    simulator: Server, credentials: Credentials, pcare: PCareClient
) -> None:
    card = card_of(pcare)
    headers = PCareClient(simulator.base_url, credentials).headers(str(int(time.time())))
    path = urlsplit(simulator.base_url).path + "/pendaftaran"
    text = json.dumps(registration(card)).encode()

    def in_chunks(connection: http.client.HTTPConnection) -> None:
        connection.request("POST", path, iter([text[:20], text[20:]]), headers, encode_chunked=True)

    assert raw_request(simulator, in_chunks) == (201, False)
    for spoiled in ({"Content-Length": "-5"}, {"Content-Length": "banyak"}, {"Content-Length": str(10**9)}):

        def too_much(connection: http.client.HTTPConnection, more: dict[str, str] = spoiled) -> None:
            connection.putrequest("POST", path)
            for name, value in (headers | more).items():
                connection.putheader(name, value)
            connection.endheaders()

        assert raw_request(simulator, too_much) == (400, True)


def test_a_hang_lasts_until_the_faults_are_cleared(simulator: Server, credentials: Credentials) -> None:
    simulator.service.weather.add({"kind": "hang"})
    with PCareClient(simulator.base_url, credentials, Options(read_timeout=0.3)) as client, pytest.raises(Unreachable):
        client.get("kesadaran")
    ended = threading.Event()

    def wait() -> None:
        with (
            PCareClient(simulator.base_url, credentials, Options(read_timeout=120)) as client,
            pytest.raises(Unreachable),
        ):
            client.get("kesadaran")
        ended.set()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    wait_until(lambda: simulator.service.weather.struck["hang"] == 2)
    assert not ended.wait(0.5), "it must hang, not hang up"
    simulator.service.weather.clear()
    assert ended.wait(60)
    thread.join(60)
