"""What people do, in their words; each step is one intention, walked through the pages."""

import json
import re
import time
from itertools import cycle
from random import sample

from tests.journeys.portal import Portal
from tests.journeys.visitor import Visitor

# The last three digits of invented phones and NIK: every journey has its own, also where others walked before.
serials = cycle(sample(range(1000), 1000))
# The family of the demo data, every member invented.
DEMO_PHONE = "0812 0000 9001"


# --- citizen ---------------------------------------------------------------------------------------------------------


def citizen_signs_in(citizen: Visitor, phone: str) -> None:
    """With the code that the demo shows instead of sending it."""
    citizen.visit("/masuk/")
    citizen.fill(phone=phone)
    citizen.press("Kirim kode")
    inbox = citizen.context.new_page()
    inbox.goto(f"{citizen.url}/demo/pesan/")
    digits = re.sub(r"\D", "", phone)[1:]
    card = inbox.locator("article", has_text=digits[-8:]).first
    code = re.search(r"\b\d{6}\b", card.inner_text())
    assert code, card.inner_text()
    inbox.close()
    citizen.fill(code=code[0])
    citizen.press("Masuk", exact=True)


def citizen_adds_member(citizen: Visitor, *, nik: str, name: str, born: str, sex: str, relation: str = "") -> None:
    """Through all questions to the family page; `relation` is empty for the first person."""
    citizen.visit("/keluarga/tambah/")
    if relation:
        citizen.fill(relation=relation)
        citizen.press("Lanjutkan")
    citizen.fill(has_nik="ya", nik=nik)
    citizen.press("Lanjutkan")
    citizen.fill(full_name=name, birth_date=born, sex=sex)
    citizen.press("Lanjutkan")
    while citizen.page.get_by_role("button", name="Simpan", exact=True).count() == 0:
        guardian = citizen.page.locator('input[name="guardian"]:not([type="hidden"])')
        if guardian.count():
            guardian.first.check(force=True)
        citizen.press("Lanjutkan")
    citizen.press("Simpan", exact=True)
    assert name in citizen.text


def citizen_books(citizen: Visitor, *, search: str, who: str) -> str:
    """From the schedule list to the ticket; returns the ticket code."""
    citizen.visit(f"/jadwal/?{search}")
    citizen.page.locator("main .card--link a").first.click()
    citizen.look()
    return _book_from_here(citizen, who)


def citizen_books_session(citizen: Visitor, schedule: str, *, who: str) -> str:
    """From one schedule's page to the ticket; returns the ticket code."""
    citizen.visit(schedule)
    return _book_from_here(citizen, who)


def _book_from_here(citizen: Visitor, who: str) -> str:
    # The last session of the day: the first is the one that is on, and may end between two of these steps.
    citizen.page.locator("main").get_by_role("link", name=re.compile("^Pesan pukul")).last.click()
    citizen.look()
    if citizen.page.locator("main").get_by_role("link", name=who).count():  # not asked in a family of one
        citizen.follow(who)
    citizen.press(re.compile("^Pesan sesi"))
    for question in citizen.page.locator("main fieldset").all():
        question.get_by_label("Tidak", exact=True).check(force=True)
    citizen.press("Lanjut", exact=True)
    assert who in citizen.text
    citizen.press("Pesan tempat ini")
    citizen.arrives("Janji sudah tercatat")
    return ticket_code(citizen)


def ticket_code(citizen: Visitor) -> str:
    """The code on the ticket in view."""
    return citizen.page.locator(".ticket__code").inner_text().replace("-", "")


def citizen_opens_record(citizen: Visitor, who: str) -> None:
    """A family member's record."""
    citizen.visit("/keluarga/")
    citizen.page.locator("main").get_by_role("link", name=who, exact=True).first.click()
    citizen.look()
    citizen.arrives(who)


def anybody_verifies(stranger: Visitor, proof: str) -> None:
    """Paste a code and wait for the verdict."""
    stranger.visit("/verifikasi/")
    stranger.page.locator("main textarea").fill(proof)
    stranger.press("Periksa", exact=True)
    stranger.page.get_by_text(re.compile("kartu identitas")).first.wait_for()
    stranger.look()


# --- staff -----------------------------------------------------------------------------------------------------------


def staff_signs_in(staff: Visitor, portal: Portal, username: str) -> None:
    """Password, then the code of the second factor that the demo page shows."""
    staff.visit("/petugas/masuk/")
    staff.fill(login=username, password=portal.password)
    staff.press("Masuk", exact=True)
    for _attempt in range(4):
        page = staff.context.new_page()
        page.goto(f"{staff.url}/demo/akun/")
        code = re.search(r"\b\d{6}\b", page.locator(".panel").inner_text())
        page.close()
        assert code
        staff.fill(code=code[0])
        staff.press("Masuk", exact=True)
        if "/masuk/" not in staff.page.url:
            return
        time.sleep(31)  # a code serves once in its thirty seconds
    raise AssertionError(staff.text)


def nurse_checks_in(nurse: Visitor, code: str) -> None:
    """The scanner types the code and Enter; the nurse compares the card."""
    nurse.visit("/petugas/")
    nurse.page.locator("#scan").fill(code)
    nurse.page.keyboard.press("Enter")
    nurse.look()
    nurse.press(re.compile("^Hadir"))


def nurse_screens(nurse: Visitor) -> None:
    """All answers "no", normal readings, and the decision to go on."""
    for question in nurse.page.locator("fieldset", has=nurse.page.locator('[name^="q_"]')).all():
        question.get_by_label("Tidak", exact=True).check(force=True)
    nurse.fill(temperature_c="36,5", systolic="120", diastolic="80")
    nurse.press("Simpan skrining")
    if nurse.page.get_by_role("button", name="Simpan keputusan").count():
        nurse.press("Simpan keputusan")


def nurse_injects(nurse: Visitor, vaccine: str) -> None:
    """The proposed lot of one vaccine, compared with the vial."""
    nurse.page.locator("label", has=nurse.page.locator('[name="choice"]')).filter(has_text=vaccine).first.click()
    nurse.page.locator('[name="lot_confirmed"]').check(force=True)
    nurse.press("Catat penyuntikan")
    nurse.arrives("Dosis tercatat")


# --- PCare and figures -----------------------------------------------------------------------------------------------


def switch_pcare(operator: Visitor, portal: Portal, button: str) -> None:
    """The button on the simulator's own page: "Matikan PCare" or "Nyalakan PCare"."""
    page = operator.context.new_page()
    page.goto(portal.simulator_url)
    page.get_by_role("button", name=button).click()
    page.wait_for_load_state()
    page.close()


def audit_is_clean(portal: Portal) -> None:
    """Every invariant holds on the database that the journeys left behind."""
    report = json.loads(portal.manage("audit", "--json"))
    assert report["ok"], report
