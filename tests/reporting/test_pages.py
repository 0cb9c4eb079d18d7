import io
import json
import re

import pytest
from django.core.management import call_command
from django.urls import reverse
from python_calamine import CalamineWorkbook

from core import outbox
from reporting import services, views
from tests.factories.doses import make_dose
from tests.factories.reference import load_reference
from tests.staff import make_staff, sign_in_staff


@pytest.fixture(autouse=True)
def _city(db):
    load_reference()
    call_command(
        "import_recap", "reporting/data/booster_recap_2023.csv", programme="covid19", dose="booster1",
        source="Rekap Dinkes 2023", as_of="2023-06-30", verbosity=0,
    )  # fmt: skip
    views.PAGE.clear()
    views.FILE.clear()


@pytest.fixture
def office(client):
    return sign_in_staff(client, make_staff("pemantau_dinkes", city=True))


def give(**fields):
    make_dose(**fields)
    outbox.drain(services.CONSUMER)
    services.fold()


def test_the_public_page_shows_the_printed_figures_with_their_origin(client):
    response = client.get("/cakupan/")
    text = response.content.decode()
    assert response.status_code == 200
    for figure in ("36,31 %", "26,67 %", "44,42 %", "1.391.552", "503.875", "36,21 %"):
        assert figure in text
    assert len(re.findall(r"<tr id=\"33\.74\.\d\d\"", text)) == 16
    assert "Rekap Dinkes 2023" in text
    assert "30 Juni 2023" in text
    assert not response.cookies


@pytest.mark.usefixtures("kept_fresh")
def test_the_page_costs_no_query_while_fresh_and_answers_known_readers_shortly(client, django_assert_num_queries):
    first = client.get("/cakupan/")
    with django_assert_num_queries(0):
        again = client.get("/cakupan/", HTTP_IF_NONE_MATCH=first["ETag"])
    assert again.status_code == 304
    assert "public" in first["Cache-Control"]


def test_the_map_says_what_the_table_says(client):
    text = client.get("/cakupan/").content.decode()
    svg = text[text.index('<svg class="tile-map"') : text.index("</svg>")]
    for name, percent in re.findall(r'aria-label="([^":]+): ([0-9,]+ %)"', svg):
        row = re.search(rf'<th scope="row">{name}</th>(.*?)</tr>', text).group(1)
        assert percent in row
    assert svg.count("<rect") == 16


def test_a_dose_given_here_moves_the_figure_by_one(client):
    give()
    views.PAGE.clear()
    text = client.get("/cakupan/").content.decode()
    assert "503.876" in text
    assert "42.964" in text


def test_the_page_speaks_english(client):
    text = client.get("/en/cakupan/").content.decode()
    assert '<html lang="en">' in text
    assert "36.21%" in text and "503,875" in text


def test_open_data_has_the_columns_of_the_command(client):
    response = client.get("/cakupan/cakupan.csv")
    lines = response.content.decode().splitlines()
    assert lines[0] == "kecamatan,sasaran,capaian,persentase"
    assert lines[-1] == "Kota Semarang,1391552,503875,36.21"
    assert len(lines) == 18
    assert not response.cookies
    out = io.StringIO()
    call_command("coverage", programme="covid19", dose="booster1", format="csv", stdout=out)
    assert out.getvalue() == response.content.decode()


@pytest.mark.parametrize("query", ["dosis=x", "dosis=covid19:booster9", "dosis=%00", "dosis=" + "a" * 3000])
@pytest.mark.parametrize("path", ["/cakupan/", "/cakupan/cakupan.csv"])
def test_an_unknown_dose_is_not_found(client, path, query):
    assert client.get(f"{path}?{query}").status_code == 404


def test_small_cells_are_hidden_in_page_file_and_interface(client):
    give(dose_code="booster2")
    page = client.get("/cakupan/?dosis=covid19:booster2").content.decode()
    assert "&lt; 5" in page
    assert "disembunyikan" in page
    banyumanik = next(
        line
        for line in client.get("/cakupan/cakupan.csv?dosis=covid19:booster2").content.decode().splitlines()
        if line.startswith("Banyumanik")
    )
    assert banyumanik == "Banyumanik,,,"
    body = client.get("/api/v1/coverage/?dose=booster2").json()
    cell = next(cell for cell in body["districts"] if cell["name"] == "Banyumanik")
    assert (cell["achieved"], cell["suppressed"]) == (None, True)
    assert body["city"]["achieved"] is None


def test_the_interface_tells_figures_and_sources(client):
    body = client.get("/api/v1/coverage/").json()
    assert body["city"] == {
        "code": "",
        "name": "Kota Semarang",
        "target": 1391552,
        "achieved": 503875,
        "percent": "36.21",
        "suppressed": False,
    }
    assert body["target_sources"] == [{"source": "Rekap Dinkes 2023", "as_of": "2023-06-30"}]
    assert client.get("/api/v1/coverage/?dose=%00").status_code == 404


def test_facilities_are_listed_with_their_open_questions(client):
    rows = client.get("/api/v1/facilities/").json()
    assert len(rows) == 57
    tugu = client.get("/api/v1/facilities/?district=33.74.16&programme=rutin&kind=puskesmas").json()
    assert {row["code"] for row in tugu} == {"pkm-mangkang", "pkm-karanganyar"}
    assert "telepon" in tugu[0]["unverified"]
    for bad in ("district=x", "kind=warung", "programme=%00"):
        assert client.get(f"/api/v1/facilities/?{bad}").status_code == 400


def test_the_office_sees_baseline_and_portal_apart_with_trend_and_downloads(office):
    give()
    text = office.get("/dinkes/?dari=2026-11-01&sampai=2026-11-30").content.decode()
    assert "36,21 %" in text
    assert '<svg class="chart"' in text
    assert "20-11-2026: 1" in text
    assert "dosis diberikan hari ini" in text
    csv_text = office.get("/dinkes/cakupan.csv?dari=2026-11-01&sampai=2026-11-30").content.decode("utf-8-sig")
    assert "33.74.11,Banyumanik,118337,42963,1,1,42964,36.31" in csv_text
    assert csv_text.strip().splitlines()[-1] == ",Kota Semarang,1391552,503875,1,1,503876,36.21"
    response = office.get("/dinkes/cakupan.xlsx?dari=2026-11-01&sampai=2026-11-30")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(response.content)).get_sheet_by_index(0).to_python()
    assert next(row for row in rows if row[1] == "Kota Semarang")[2:] == [1391552, 503875, 1, 1, 503876, 36.21]
    assert any("Rekap Dinkes 2023" in str(row[0]) for row in rows)


def test_a_kecamatan_opens_down_to_its_kelurahan(office):
    give()
    text = office.get("/dinkes/kecamatan/33.74.11/?dari=2026-11-01&sampai=2026-11-30").content.decode()
    assert "Pudakpayung" in text
    assert "angka sistem lama (42.963) hanya ada per kecamatan" in text
    assert office.get("/dinkes/kecamatan/33.74.99/").status_code == 404
    assert office.get("/dinkes/kecamatan/abc/").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "dari=kemarin",
        "sampai=2026-13-01",
        "dari=2026-11-30&sampai=2026-11-01",
        "dosis=x",
        "dari=%00",
        "dari=0001-01-01",
    ],
)
@pytest.mark.parametrize(
    "path", ["/dinkes/", "/dinkes/kecamatan/33.74.11/", "/dinkes/cakupan.csv", "/dinkes/cakupan.xlsx"]
)
def test_a_filter_that_cannot_be_read_is_explained(office, path, query):
    response = office.get(f"{path}?{query}")
    assert response.status_code == 400
    assert "Ada yang perlu diperbaiki" in response.content.decode()


def test_the_pages_of_the_office_need_the_right(client):
    assert client.get("/dinkes/").status_code == 302
    nurse = sign_in_staff(client, make_staff("petugas", kecamatan=None, city=True))
    for name, args in (("dashboard", ()), ("coverage-place", ("33.74.11",)), ("coverage-download", ("csv",))):
        assert nurse.get(reverse(name, args=args)).status_code == 403


def test_the_number_of_queries_does_not_grow_with_the_data(office, django_assert_max_num_queries):
    for _ in range(5):
        give()
    with django_assert_max_num_queries(22):
        office.get("/dinkes/?dari=2026-01-01&sampai=2026-11-30")


def test_the_office_sees_what_needs_verification(office):
    text = office.get("/dinkes/verifikasi-data/").content.decode()
    assert "Puskesmas Poncol" in text
    assert "seluruh aturan produk ini; seluruh baris, dari pengetahuan umum" in text
    assert "jam pakai setelah dibuka" in text
    assert "Fasilitas (57 dari 57)" in text
    assert "R-BCG" not in text
    assert "/dinkes/verifikasi-data/" in office.get("/dinkes/").content.decode()


def test_an_empty_range_says_so(office):
    text = office.get("/dinkes/?dari=2024-01-01&sampai=2024-12-31").content.decode()
    assert "Belum ada dosis dalam rentang ini" in text


def test_the_command_speaks_json_too():
    out = io.StringIO()
    call_command("coverage", programme="covid19", dose="booster1", format="json", stdout=out)
    rows = json.loads(out.getvalue())
    assert rows[-1] == {"kecamatan": "Kota Semarang", "sasaran": 1391552, "capaian": 503875, "persentase": "36.21"}
