"""Waiting doses as a file: masked for one person, full for two; its result read back line by line; states follow."""

import csv
import io
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.test import Client
from python_calamine import CalamineWorkbook

from accounts.models import User
from core import outbox
from core.models import ReadLog
from pcare_bridge import filing, services
from pcare_bridge.models import Delivery, FileBatch
from pcare_bridge.simulator.server import Server
from tests.pcare_bridge.doses import correct, make_citizen, make_dose, make_facility
from tests.pcare_bridge.running import run, upstream_rows, violations
from tests.staff import make_staff, sign_in_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bridge")]


@pytest.fixture
def staff() -> User:
    return make_staff("admin_dinkes", city=True)


def waiting(count: int = 3) -> list[Delivery]:
    facility = make_facility()
    for number in range(count):
        make_dose(facility, make_citizen(f"=Warga {number}"))
    outbox.drain("pcare")
    return list(Delivery.objects.order_by("created_at"))


def full_batch(by: User) -> FileBatch:
    batch = filing.request(profile="vaksinasi", facility=None, is_full=True, reason="PCare mati", by=by)
    return filing.approve(batch.pk, make_staff("admin_dinkes", city=True))


def lines(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def result(rows: list[dict[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, filing.HEADER, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_masked_file_names_nobody_and_stops_nothing(staff: User, kind: str, simulator: Server) -> None:
    rows = waiting()
    batch = filing.request(profile="vaksinasi", facility=None, is_full=False, reason="Bahan rapat", by=staff)
    content = filing.export(batch, kind, staff)
    if kind == "xlsx":
        table = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
        assert table[0] == filing.HEADER
        assert len(table) == 4
        text = str(table)
    else:
        text = content.decode("utf-8-sig")
        assert len(lines(content)) == 3
    for row in rows:
        assert str(row.pk) in text
        assert row.immunization.citizen.nik not in text
        assert "Warga" not in text
    run()
    assert len(upstream_rows(simulator)) == 3


def test_a_full_file_needs_a_second_person_and_keeps_its_doses_back(staff: User, simulator: Server) -> None:
    rows = waiting()
    batch = filing.request(profile="vaksinasi", facility=None, is_full=True, reason="PCare mati", by=staff)
    with pytest.raises(ValidationError, match="orang kedua"):
        filing.export(batch, "csv", staff)
    with pytest.raises(ValidationError, match="Orang kedua"):
        filing.approve(batch.pk, staff)
    with pytest.raises(IntegrityError), transaction.atomic():
        FileBatch.objects.update(approved_by=staff)
    second = make_staff("admin_dinkes", city=True)
    batch = filing.approve(batch.pk, second)
    with pytest.raises(ValidationError, match="Hanya yang meminta"):
        filing.export(batch, "csv", second)
    found = lines(filing.export(batch, "csv", staff))
    assert {line["nik"] for line in found} == {row.immunization.citizen.nik for row in rows}
    assert all(line["nama"].startswith("'=") for line in found), "a name must not become a formula"
    assert ReadLog.objects.filter(user=staff, note="berkas lapor").count() == 3
    run(rounds=3)
    assert upstream_rows(simulator) == []
    assert set(Delivery.objects.values_list("state", "error_class")) == {("refused", "in_file")}
    assert violations() == {}


def test_states_follow_the_result_and_each_wrong_line_is_named(staff: User, simulator: Server) -> None:
    waiting(5)
    batch = full_batch(staff)
    found = lines(filing.export(batch, "csv", staff))
    found[0] |= {"hasil": "berhasil", "nomor": "1184U0071126V000001"}
    found[1] |= {"hasil": "GAGAL", "pesan": "NIK 9974010101509001 tidak sesuai"}
    found[2] |= {"hasil": "BERHASIL", "nomor": ""}
    found[3] |= {"hasil": "SUDAH"}
    foreign = dict(found[0], kunci="00000000-0000-0000-0000-000000000000")
    content = result([*found, foreign, found[0]])
    done = filing.take_results(batch, filing.read_rows("hasil.csv", content), staff)
    assert (done.accepted, done.refused) == (1, 1)
    assert [(error.line, error.text) for error in done.errors] == [
        (4, "Yang berhasil harus ada nomornya."),
        (5, "Kolom hasil harus BERHASIL atau GAGAL."),
        (7, "Kunci tidak dikenal pada berkas ini."),
        (8, "Kunci ini muncul dua kali."),
    ]
    states = [Delivery.objects.get(pk=line["kunci"]) for line in found]
    assert [(row.state, row.error_class) for row in states] == [
        ("sent", ""),
        ("refused", "file_refused"),
        ("refused", "in_file"),
        ("refused", "in_file"),
        ("refused", "in_file"),
    ]
    assert states[0].upstream_number == "1184U0071126V000001"
    assert "9974010101509001" not in states[1].error_message
    again = filing.take_results(batch, filing.read_rows("hasil.csv", result(found[:2])), staff)
    assert (again.accepted, again.refused, again.unchanged, again.errors) == (0, 0, 2, [])
    assert violations() == {}


@pytest.mark.parametrize("number", ["1184U0071126V00\x000001", "x" * 41, "=HYPERLINK(1)"])
def test_a_number_that_cannot_be_one_is_named(staff: User, simulator: Server, number: str) -> None:
    waiting(1)
    batch = full_batch(staff)
    (line,) = lines(filing.export(batch, "csv", staff))
    rows = filing.read_rows("hasil.csv", result([line | {"hasil": "BERHASIL", "nomor": number}]))
    done = filing.take_results(batch, rows, staff)
    assert (done.accepted, [error.line for error in done.errors]) == (0, [2])
    assert done.errors[0].text.startswith("Nomor paling panjang 40")


def test_one_number_is_not_taken_for_two_doses(staff: User, simulator: Server) -> None:
    waiting(2)
    batch = full_batch(staff)
    filled_down = [
        line | {"hasil": "BERHASIL", "nomor": "1184U0071126V000001"}
        for line in lines(filing.export(batch, "csv", staff))
    ]
    done = filing.take_results(batch, filled_down, staff)
    assert done.accepted == 1
    assert [(error.line, error.text) for error in done.errors] == [(3, "Nomor ini sudah milik dosis lain.")]
    assert violations() == {}


def test_a_file_that_is_not_used_is_given_back_to_the_queue_and_looked_for_first(
    staff: User, simulator: Server
) -> None:
    waiting(2)
    filing.export(full_batch(staff), "csv", staff)
    assert services.retry(Delivery.objects.filter(error_class="in_file"), staff) == 2
    assert set(Delivery.objects.values_list("outcome_unknown", flat=True)) == {True}
    run()
    assert len(upstream_rows(simulator)) == 2
    assert [item.method for item in simulator.service.arrivals].count("GET") == 2
    assert violations() == {}


def uploaded_by_hand(staff: User, simulator: Server) -> tuple[Delivery, FileBatch, dict[str, str]]:
    """One dose that left in a file and was uploaded: it stands upstream, and its result line says so."""
    (delivery,) = waiting(1)
    run()
    number = upstream_rows(simulator)[0]["noVaksinasi"]
    Delivery.objects.update(state="waiting", upstream_number="")
    batch = full_batch(staff)
    (line,) = lines(filing.export(batch, "csv", staff))
    return delivery, batch, line | {"hasil": "BERHASIL", "nomor": number}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("withdraw", [False, True])
def test_a_dose_corrected_or_withdrawn_while_in_a_file_follows_the_number_of_the_result(
    staff: User, simulator: Server, when: str, withdraw: bool
) -> None:
    delivery, batch, line = uploaded_by_hand(staff, simulator)
    writes = sum(item.method != "GET" for item in simulator.service.arrivals)
    if when == "before":
        correct(delivery.immunization, withdraw=withdraw)
        run(rounds=3)
        assert sum(item.method != "GET" for item in simulator.service.arrivals) == writes, "the file comes first"
    result = filing.take_results(batch, [line], staff)
    assert (result.accepted, result.errors) == (1, [])
    if when == "after":
        correct(delivery.immunization, withdraw=withdraw)
    run()
    found = [(row["noVaksinasi"], row["noBatch"]) for row in upstream_rows(simulator)]
    assert found == ([] if withdraw else [(line["nomor"], "UJI-02")])
    assert violations() == {}


@pytest.mark.parametrize("how", ["refused", "not used"])
def test_a_dose_corrected_while_in_a_file_goes_by_itself_when_the_file_did_not_bring_it(
    staff: User, simulator: Server, how: str
) -> None:
    (delivery,) = waiting(1)
    batch = full_batch(staff)
    (line,) = lines(filing.export(batch, "csv", staff))
    correct(delivery.immunization)
    run(rounds=3)
    assert upstream_rows(simulator) == []
    if how == "refused":
        filing.take_results(batch, [line | {"hasil": "GAGAL", "pesan": "batch salah"}], staff)
    else:
        services.retry(Delivery.objects.filter(error_class="in_file"), staff)
    run()
    assert [row["noBatch"] for row in upstream_rows(simulator)] == ["UJI-02"]
    assert violations() == {}


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.csv", b"a,b\n1,2\n"), ("x.csv", b"\xff\xfe\x00"), ("x.xlsx", b"PK kacau"), ("x.csv", b""), ("x.xlsx", b"")],
)
def test_what_is_no_result_file_is_refused_with_a_sentence(name: str, content: bytes) -> None:
    with pytest.raises(ValidationError):
        filing.read_rows(name, content)


def test_the_pages_make_approve_download_and_read_back(staff: User, client: Client, simulator: Server) -> None:
    waiting(2)
    office = sign_in_staff(client, staff)
    other = sign_in_staff(Client(), make_staff("admin_dinkes", city=True))
    wishes: dict[str, Any] = {"profil": "vaksinasi", "di": "", "lengkap": "on", "alasan": ""}
    assert office.post("/dinkes/pcare/berkas/", wishes).status_code == 422
    place = office.post("/dinkes/pcare/berkas/", wishes | {"alasan": "PCare mati"})["Location"]
    assert "Menunggu persetujuan" in office.get(place).text
    assert office.post(f"{place}unduh/", {"bentuk": "csv"}).status_code == 302
    assert "Setujui berkas ini" in other.get(place).text
    other.post(f"{place}setujui/")
    (first, second) = lines(office.post(f"{place}unduh/", {"bentuk": "csv"}).content)
    rows = [first | {"hasil": "BERHASIL", "nomor": "X1"}, second | {"hasil": "BERHASIL", "nomor": ""}]
    upload = SimpleUploadedFile("hasil.csv", result(rows))
    page = office.post(place, {"berkas": upload})
    assert page.status_code == 422
    assert "Baris 3: Yang berhasil harus ada nomornya." in page.text
    assert Delivery.objects.filter(state="sent", upstream_number="X1").count() == 1
    assert "PCare mati" in office.get("/dinkes/pcare/berkas/").text
    assert office.post("/dinkes/pcare/berkas/", wishes | {"alasan": "x", "profil": "satusehat"}).status_code == 422


def test_a_file_of_another_place_is_not_found(client: Client, staff: User) -> None:
    waiting(1)
    elsewhere = make_staff("admin_dinkes", facility=make_facility(8))
    mine = filing.request(profile="vaksinasi", facility=None, is_full=False, reason="Seluruh kota", by=staff)
    sign_in_staff(client, elsewhere)
    assert client.get(f"/dinkes/pcare/berkas/{mine.pk}/").status_code == 404
    assert client.post(f"/dinkes/pcare/berkas/{mine.pk}/unduh/").status_code == 404
    assert "Seluruh kota" not in client.get("/dinkes/pcare/berkas/").text
