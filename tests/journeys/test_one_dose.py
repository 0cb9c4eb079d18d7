"""The main story: book, check in, screen, inject, prove with PCare off, switch it on, see it accepted and counted."""

import csv
import io

from tests.journeys import steps

WHO = "Ratna Contoh"
KECAMATAN = "Semarang Tengah"


def booster_count(portal) -> int:
    """Booster 1 of one kecamatan as the public table says."""
    table = portal.manage(
        "coverage", "--programme", "covid19", "--dose", "booster1", "--by", "kecamatan", "--format", "csv"
    )
    rows = {row["kecamatan"].upper(): row for row in csv.DictReader(io.StringIO(table))}
    return int(rows[KECAMATAN.upper()]["capaian"])


def test_a_dose_from_the_booking_to_the_figure_of_the_kecamatan(portal, visitor, eventually):
    citizen, nurse, admin = visitor(screen="phone"), visitor(screen="desktop"), visitor(screen="desktop")
    # Given: a citizen with two doses long ago, PCare out of order, and the figure of today
    before = booster_count(portal)
    steps.switch_pcare(nurse, portal, "Matikan PCare")
    steps.citizen_signs_in(citizen, steps.DEMO_PHONE)

    # When: she books on her phone
    code = steps.citizen_books(citizen, search="vaksin=COV_AZ&kecamatan=33.74.01", who=WHO)
    citizen.visit("/janji/")
    assert code in citizen.text.replace("-", "")

    # And: the nurse checks her in, screens and injects
    steps.staff_signs_in(nurse, portal, "vaksinator")
    steps.nurse_checks_in(nurse, code)
    steps.nurse_screens(nurse)
    steps.nurse_injects(nurse, "AstraZeneca")

    # Then: the record says how far the dose has come and who looked, and the proof is there at once
    steps.citizen_opens_record(citizen, WHO)
    assert "Menunggu" in citizen.text
    assert "Bd. Laras Uji" in citizen.text
    citizen.follow("Buka sertifikat")
    proof = citizen.page.locator("textarea").input_value()
    assert proof.startswith("HC1:")

    # And: anybody can verify it while PCare is still off
    for scripts in (True, False):  # in the browser itself, or by the server for a browser without JavaScript
        stranger = visitor(screen="phone", scripts=scripts)
        steps.anybody_verifies(stranger, proof)
        assert "Sah" in stranger.text and WHO.upper() in stranger.text.upper()
    assert simulator_total(nurse, portal) == 0

    # When: PCare comes back, then exactly one record arrives and the citizen reads it
    steps.switch_pcare(nurse, portal, "Nyalakan PCare")

    def accepted() -> bool:
        steps.citizen_opens_record(citizen, WHO)
        return "Diterima PCare" in citizen.text and "Menunggu PCare" not in citizen.text

    eventually(accepted, "PCare accepts the dose")
    assert simulator_total(nurse, portal) == 1

    # And: the admin sees the kecamatan's number risen by one
    eventually(lambda: booster_count(portal) == before + 1, "the figure rises by one")
    steps.staff_signs_in(admin, portal, "admin")
    admin.visit("/dinkes/")
    assert f"{before + 1:,}".replace(",", ".") in admin.text
    steps.audit_is_clean(portal)


def simulator_total(operator, portal) -> int:
    """All vaccinations that PCare holds."""
    page = operator.context.new_page()
    page.goto(portal.simulator_url)
    words = page.locator("h2", has_text="Vaksinasi yang diterima").inner_text()
    page.close()
    return int(words.rpartition(":")[2])
