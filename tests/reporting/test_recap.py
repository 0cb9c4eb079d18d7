import csv
import io
from datetime import date
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from regions.models import TargetPopulation
from reporting.models import CoverageBaseline
from tests.factories.reference import load_reference

pytestmark = pytest.mark.django_db
SOURCE = "Rekap Dinkes Kota Semarang 2023"
OWN_FILE = Path(__file__).parents[2] / "reporting/data/booster_recap_2023.csv"


@pytest.fixture(autouse=True)
def _city():
    load_reference()


def run_import(path, **options):
    out, err = io.StringIO(), io.StringIO()
    options = {"programme": "covid19", "dose": "booster1", "source": SOURCE, "as_of": "2023-06-30"} | options
    call_command("import_recap", str(path), stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def printed():
    out = io.StringIO()
    call_command("coverage", programme="covid19", dose="booster1", by="kecamatan", format="csv", stdout=out)
    return out.getvalue()


def test_the_table_of_the_earlier_system_comes_out_exactly_as_printed(shared_dir):
    path = shared_dir / "domain" / "booster_recap_2023.csv"
    out, err = run_import(path)
    assert "16 kecamatan diimpor" in out
    assert err == ""
    lines = printed().splitlines()
    assert lines[0] == "kecamatan,sasaran,capaian,persentase"
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    for line, row in zip(lines[1:17], rows, strict=True):
        name, target, achieved, percent = line.split(",")
        assert (name.upper(), target, achieved, percent + "%") == tuple(row.values())
    assert lines[17:] == ["Kota Semarang,1391552,503875,36.21"]


def test_the_project_carries_the_same_table(shared_dir):
    theirs = list(csv.DictReader((shared_dir / "domain" / "booster_recap_2023.csv").open(encoding="utf-8")))
    assert list(csv.DictReader(OWN_FILE.open(encoding="utf-8"))) == theirs


def test_source_and_date_are_kept_with_baseline_and_target():
    run_import(OWN_FILE)
    assert CoverageBaseline.objects.filter(source=SOURCE, as_of=date(2023, 6, 30)).count() == 16
    assert TargetPopulation.objects.filter(source=SOURCE, group="booster1", programme_code="covid19").count() == 16


def test_importing_again_replaces_and_does_not_add():
    run_import(OWN_FILE)
    out, _ = run_import(OWN_FILE, source="Rekap kedua", as_of="2024-01-31")
    assert f"Menggantikan angka dari {SOURCE}" in out
    assert CoverageBaseline.objects.count() == 16
    assert printed().splitlines()[-1] == "Kota Semarang,1391552,503875,36.21"


def lines_of(change):
    return change(OWN_FILE.read_text("utf-8").splitlines())


def refused(tmp_path, lines, **options):
    path = tmp_path / "rekap.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(CommandError) as error:
        run_import(path, **options)
    assert not CoverageBaseline.objects.exists()
    assert not TargetPopulation.objects.exists()
    return str(error.value)


def test_every_bad_row_is_named_and_nothing_is_imported(tmp_path):
    def break_it(lines):
        lines[1] = lines[1].replace("118337", "banyak")
        lines[2] = lines[2].replace("22094", "-5")
        lines[3] = lines[3].replace("GAJAHMUNGKUR", "GAJAH PUTIH")
        lines[4] = lines[4].replace("59924", "59.924")
        return lines[:-1]

    text = refused(tmp_path, lines_of(break_it))
    assert "Tidak ada yang diimpor" in text
    assert "Baris 2 (BANYUMANIK): sasaran 'banyak' bukan bilangan bulat" in text
    assert "Baris 3 (CANDISARI): capaian -5 negatif" in text
    assert "Baris 4 (GAJAH PUTIH): nama kecamatan tidak dikenal" in text
    assert "Baris 5 (GAYAMSARI): sasaran '59.924' bukan bilangan bulat" in text
    assert "Kecamatan Tugu tidak ada dalam berkas" in text
    assert "Kecamatan Gajahmungkur tidak ada dalam berkas" in text
    assert "Kecamatan Candisari tidak ada" not in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [*lines, lines[1]], "sudah ada di baris sebelumnya"),
        (lambda lines: ["kecamatan,capaian", *lines[1:]], "Kolom sasaran tidak ada"),
        (lambda lines: [], "Kolom kecamatan, sasaran, capaian tidak ada"),
        (lambda lines: [lines[0], "BANYUMANIK,0,5,", *lines[2:]], "sasaran 0"),
        (lambda lines: [lines[0], "BANYUMANIK,118337", *lines[2:]], "capaian '' bukan bilangan"),
        (lambda lines: [lines[0], "BANYUMANIK,99999999999,1,", *lines[2:]], "terlalu besar"),
        (lambda lines: [lines[0], "BANYUMANIK,\u0661\u0662,1,", *lines[2:]], "bukan bilangan bulat"),
        (lambda lines: [*lines, "KOTA SEMARANG,1391552,503874,36.21%"], "jumlahnya harus 1391552 dan 503875"),
    ],
)
def test_one_fault_refuses_the_whole_file(tmp_path, change, message):
    assert message in refused(tmp_path, lines_of(change))


def test_names_match_on_letters_only_and_a_total_row_is_checked(tmp_path):
    def respell(lines):
        lines[3] = lines[3].replace("GAJAHMUNGKUR", "Gajah Mungkur")
        lines[6] = lines[6].replace("GUNUNGPATI", " gunung-pati ")
        return ["\ufeff" + lines[0], *lines[1:], "Kota Semarang,1391552,503875,36.21%", ",,,"]

    path = tmp_path / "rekap.csv"
    path.write_text("\r\n".join(lines_of(respell)), encoding="utf-8")
    run_import(path)
    assert printed().splitlines()[-1] == "Kota Semarang,1391552,503875,36.21"


def test_a_printed_percentage_that_does_not_fit_is_pointed_out(tmp_path):
    path = tmp_path / "rekap.csv"
    path.write_text("\n".join(lines_of(lambda lines: [lines[0], lines[1].replace("36.31", "39.31"), *lines[2:]])))
    _, err = run_import(path)
    assert "Baris 2 (BANYUMANIK): persentase tertulis 39.31%, hitungannya 36.31" in err


def test_files_that_are_no_table_are_refused_in_words(tmp_path):
    picture = tmp_path / "gambar.csv"
    picture.write_bytes(b"\x89PNG\r\n\xff\xfe")
    with pytest.raises(CommandError, match="UTF-8"):
        run_import(picture)
    with pytest.raises(CommandError, match="tidak dapat dibaca"):
        run_import(tmp_path / "tidak-ada.csv")
    with pytest.raises(CommandError, match="2023-12-31"):
        run_import(OWN_FILE, as_of="kemarin")
    with pytest.raises(CommandError, match="tidak dikenal"):
        run_import(OWN_FILE, dose="booster9")
