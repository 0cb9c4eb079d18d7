"""The benchmark itself, small: every measurement runs on real servers, finds no error, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import template_database

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
# Figures that are counts of what must not happen, whatever the size of the run.
ZERO = {"crowd_errors", "crowd_doubled", "waiting_errors", "rush_over", "outage_certificates"}
EXPECTED = {
    "confirm": {f"confirm_{how}{beside}" for how in ("spread", "hot") for beside in ("", "_fast", "_own")},
    "journey": {"journey"},
    "pages": {"page_gunicorn", "page_nginx"},
    "poll": {"poll"},
    "crowd": {"crowd_goodput", "crowd_errors", "crowd_doubled", "crowd_p99", "crowd_busy", "crowd_after"},
    "waiting": {"waiting_errors", "waiting_p95", "waiting_memory"},
    "rush": {"rush_sold", "rush_over", "rush_bots"},
    "growth": {"growth_statement", "growth_http"},
    "certificates": {
        *("certificate_issue_hc1", "certificate_issue_shc", "certificate_verify_hc1", "certificate_verify_shc"),
        *("certificate_qr", "certificate_page", "certificate_page_pixels", "certificate_click", "certificate_bulk"),
    },
    "bulk": {"bulk_rate", "bulk_together", "bulk_processor", "bulk_steady", "bulk_memory"},
    "pcare_outage": {
        *(f"outage_{what}_{share}" for what in ("dose", "booked") for share in ("median", "p95")),
        *("outage_certificates", "outage_drain"),
    },
    "pcare": {"pcare_rate", "pcare_rate_lean", "pcare_memory", "pcare_claim"},
}


def environment():
    """Without the servers of the tests: the benchmark has its own, and takes from them only the empty tables."""
    ours = ("DATABASE_URL", "REDIS_URL", "STATE_DIR", "DJANGO_SETTINGS_MODULE", "STATICFILES_BACKEND", "DEMO")
    structure = {"BENCH_STRUCTURE": str(file)} if (file := template_database.dump_file()) else {}
    return {name: value for name, value in os.environ.items() if name not in ours} | structure


def run(file, *names):
    """The document of a quick run of these measurements."""
    command = [sys.executable, "-m", "bench", *names, "--quick", "--json", str(file)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "| what" in done.stdout and "figures mean nothing" in done.stdout
    return json.loads(file.read_text())


@pytest.fixture(scope="module")
def document(tmp_path_factory, requires):
    requires("nginx")
    file = tmp_path_factory.mktemp("bench") / "bench.json"
    document = run(file, *EXPECTED, "profile")
    for _ in range(2):
        if not (empty := without_figures(document)):
            break
        # A machine that stands still leaves nothing in a window of a second or two: such a one is measured again.
        again = run(file, *empty)
        document["figures"] = list((figures(document) | figures(again)).values())
    return document


def without_figures(document):
    """Measurements of which a figure is nought that never is, save that nobody was there."""
    found = figures(document)
    return [name for name in EXPECTED if not all(found[key]["value"] > 0 for key in _positive(name) & set(found))]


def _positive(name):
    return EXPECTED[name] - ZERO - {"crowd_busy"}  # a small crowd may be let in at once


def figures(document):
    return {figure["key"]: figure for figure in document["figures"]}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_measurement_gives_its_figures(document, name):
    found = figures(document)
    assert set(found) >= EXPECTED[name]
    for key in _positive(name):
        assert found[key]["value"] > 0, found[key]
    assert document["measures"][name]["seconds"] > 0


def test_nothing_went_wrong_on_the_way(document):
    found = figures(document)
    assert {key: found[key]["value"] for key in ZERO} == dict.fromkeys(ZERO, 0)
    for figure in found.values():
        details = figure["details"]
        for name in ("errors", "other", "lost", "wrong"):
            assert not details.get(name), figure


def test_bookings_of_the_clock_are_in_the_database(document):
    for key in ("confirm_spread", "confirm_hot"):
        details = figures(document)[key]["details"]
        assert details["acknowledged"] > 0 and details["lost"] == 0


def test_the_profile_accounts_for_all_of_a_confirm(document):
    rows = {row["where"]: row for row in document["measures"]["profile"]["lines"]}
    parts = sum(row["share"] for row in rows.values() if row.get("calls") is not None)
    assert parts == pytest.approx(1, abs=0.05)
    assert any("book_held_place" in where for where in rows)  # the statement that books


def test_ctrl_c_ends_every_process_and_leaves_no_folder(tmp_path):
    folder = ROOT / "build" / "bench"
    before = set(folder.glob("run-*"))
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", "pages", "--json", str(tmp_path / "x.json")],
        cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr
    for line in process.stderr:
        if line.startswith("pages"):
            break
    mine = set(folder.glob("run-*")) - before
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    assert "every process has ended" in process.stderr.read()
    assert process.wait(120) == 130
    assert mine and not any(path.exists() for path in mine)
    left = [pid for pid in Path("/proc").glob("[0-9]*") if any(str(path) in _command(pid) for path in mine)]
    assert not left


def _command(process):
    try:
        return (process / "cmdline").read_text() + os.fsdecode((process / "environ").read_bytes())
    except OSError:
        return ""
