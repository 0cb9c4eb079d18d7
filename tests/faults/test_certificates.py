"""Certificates with everything else down, and in bulk with the command killed at a bad moment."""

import json
import subprocess
import sys
from pathlib import Path

from tests.deploy.running import ROOT, unused_port
from tests.faults.conftest import FULL
from tests.faults.town import Town, children_of, kill, wait_until
from tests.faults.visitor import Visitor

DOSES = 60_000 if FULL else 15_000
PORTION = 500
BULK = [sys.executable, "manage.py", "issue_certificates", "--all-missing"]
VALID = "SELECT count(*) FROM certificates_certificate WHERE status = 'valid'"
DOUBLES = "SELECT immunization_id FROM certificates_certificate GROUP BY 1 HAVING count(*) > 1"


def made(town: Town, *words: str) -> dict:
    """What `tests.faults.certifying` prepared."""
    return json.loads(town.run(sys.executable, "-m", "tests.faults.certifying", *words).stdout.splitlines()[-1])


def verdict(town: Town, code: str) -> str:
    """What the portal's own verifier says."""
    file = town.folder / "code.txt"
    file.write_text(code)
    done = town.run(sys.executable, "manage.py", "verify_certificate", "--text-file", str(file))
    return json.loads(done.stdout)["verdict"]


def lives(pid: int) -> bool:
    """Whether a process still runs; one that ended and waits to be noticed does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_dose_has_its_certificate_with_pcare_redis_and_worker_gone(town):
    town.gunicorn.stop()
    town.env["PCARE_BASE_URL"] = f"http://127.0.0.1:{unused_port()}/pcare-rest-dev"  # nobody listens there
    town.gunicorn.start()
    ready = made(town, "desk")
    town.redis.stop()  # a worker has never been there
    try:
        browser = Visitor(f"{ready['person']}; {ready['staff']}", "", town.connect, token="b" * 32)
        answer = browser.once("POST", ready["path"], ready["form"] | {"csrfmiddlewaretoken": browser.token})
        assert answer.status == 302, answer.body[:3000]
        ((pk, dose),) = town.query(
            "SELECT id, uuid FROM vaccination_immunization WHERE citizen_id = %s", ready["citizen"]
        )
        assert not town.query("SELECT 1 FROM certificates_certificate WHERE immunization_id = %s", pk)
        page = browser.once("GET", f"/sertifikat/dosis/{dose}/")
        assert page.status == 200 and page.body.count('viewBox="0 0 ') >= 2
        ((hc1, shc),) = town.query("SELECT hc1, shc FROM certificates_certificate WHERE immunization_id = %s", pk)
        assert [verdict(town, hc1), verdict(town, shc)] == ["valid", "valid"]
    finally:
        town.redis.start()
        town.gunicorn.stop()
        del town.env["PCARE_BASE_URL"]
        town.gunicorn.start()


def test_a_killed_bulk_goes_on_where_it_stopped_and_doubles_nothing(town):
    ids = made(town, "doses", str(DOSES))["doses"]
    before = town.query(VALID)[0][0]
    command = subprocess.Popen([*BULK, "--processes=2"], cwd=ROOT, env=town.env, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: town.query(VALID)[0][0] > before, "the first batch")
        men = children_of(command.pid)
    finally:
        kill(command)
    assert len(men) == 2
    wait_until(lambda: not any(map(lives, men)), "the end of the killed command's processes")
    half = town.query(VALID)[0][0] - before
    assert 0 < half < DOSES
    output = town.run(*BULK).stdout
    assert f"{DOSES - half:,}".replace(",", ".") + " sertifikat terbit" in output
    signed = town.query(
        "SELECT count(*), count(DISTINCT immunization_id) FROM certificates_signaturelog "
        "WHERE immunization_id = ANY(%s)",
        ids,
    )
    assert signed == [(2 * DOSES, DOSES)]
    assert town.query(VALID)[0][0] - before >= DOSES and town.query(DOUBLES) == []
    # These doses came past desk and stock; the tests after this one count both.
    for table in ("certificates_signaturelog", "certificates_certificate"):
        town.query(f"DELETE FROM {table} WHERE immunization_id = ANY(%s)", ids)
    # In portions: for each row the history's trigger ends a subtransaction, which walks through all pending checks.
    for at in range(0, len(ids), PORTION):
        town.query("DELETE FROM vaccination_immunization WHERE id = ANY(%s)", ids[at : at + PORTION])
    town.audit()
