"""Ours against upstream: missing, doubled, different and unexpected doses, found on a real socket; letter and pages."""

import io
import json
import re
from datetime import datetime, time, timedelta
from threading import Thread
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.test import Client, override_settings
from django.utils import timezone
from pypdf import PdfReader

from core import outbox
from pcare_bridge import letter, reconciling, sending, tasks
from pcare_bridge.models import Delivery, Difference, Reconciliation
from pcare_bridge.simulator.server import Server
from regions.models import Facility
from tests.pcare_bridge.doses import add_profiles, correct, make_citizen, make_dose, make_facility
from tests.pcare_bridge.running import HeldBack, in_thread, run, upstream_rows, violations, wait_until
from tests.staff import make_staff, sign_in_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("exchange")]
TABLE = {"vaksinasi": "vaksinasi", "kunjungan": "kunjungan", "satusehat": "Immunization"}
every = pytest.mark.parametrize("profile", list(TABLE))


def compare(facility: Facility) -> dict[str, str]:
    """Compare today and tell the kind of difference by lot."""
    reconciling.request(timezone.localdate(), [facility.pk])
    reconciling.work()
    assert set(Reconciliation.objects.values_list("state", flat=True)) == {"done"}
    found = Difference.objects.select_related("delivery__immunization")
    return {row.delivery.immunization.lot_number: row.kind for row in found}


def spoil(simulator: Server, profile: str, lot: str, **changes: Any) -> None:
    """Change or remove a record behind the portal's back."""
    table = TABLE[profile]
    number, row = next(
        (number, row) for number, row in simulator.service.registry.tables[table].items() if lot in json.dumps(row)
    )
    simulator.service.registry.put(table, number, {**row, **changes} if changes else None)


def double(simulator: Server, profile: str, lot: str, **changes: Any) -> None:
    """A second record of the same dose."""
    table = TABLE[profile]
    row = next(row for row in upstream_rows(simulator, table) if lot in json.dumps(row))
    number = {"id": "KEDUA", "noKunjungan": "KEDUA", "noVaksinasi": "KEDUA"}
    simulator.service.registry.put(table, "KEDUA", row | number | changes)


# What a person types there carries no mark of ours.
TYPED = {"vaksinasi": {"idPengirim": None}, "kunjungan": {"terapiObat": "vaksin"}, "satusehat": {}}


OTHER = {
    "vaksinasi": {"noBatch": "LAIN"},
    "kunjungan": {"anamnesa": "VAKSIN=Lain;BATCH=LAIN;DOSIS=9"},
    "satusehat": {"lotNumber": "LAIN"},
}


@every
def test_each_kind_of_difference_is_found_and_named(simulator: Server, profile: str) -> None:
    facility = make_facility()
    add_profiles(facility, profile)
    for lot in ("SAMA", "HILANG", "GANDA", "BEDA"):
        make_dose(facility, lot_number=lot)
    run()
    assert compare(facility) == {}
    spoil(simulator, profile, "HILANG")
    double(simulator, profile, "GANDA", **TYPED[profile])
    spoil(simulator, profile, "BEDA", **OTHER[profile])
    assert compare(facility) == {"HILANG": "missing", "GANDA": "doubled", "BEDA": "different"}
    row = Reconciliation.objects.get()
    assert (row.given, row.sent, row.waiting_count, row.checked) == (4, 4, 0, 4)
    assert all(line.cause and line.owner for line in Difference.objects.all())


@every
def test_what_is_missing_or_different_is_put_right_by_sending_it_again(simulator: Server, profile: str) -> None:
    facility = make_facility()
    add_profiles(facility, profile)
    for lot in ("HILANG", "BEDA"):
        make_dose(facility, lot_number=lot)
    run()
    spoil(simulator, profile, "HILANG")
    spoil(simulator, profile, "BEDA", **OTHER[profile])
    compare(facility)
    assert all(reconciling.send_again(line) for line in Difference.objects.all())
    run()
    assert compare(facility) == {}
    assert len(upstream_rows(simulator, TABLE[profile])) == 2
    assert violations() == {}


@pytest.mark.parametrize("profile", ["vaksinasi", "kunjungan"])
def test_a_write_carried_out_after_we_looked_is_found_and_one_press_leaves_a_single_record(
    client: Client, simulator: Server, monkeypatch: pytest.MonkeyPatch, profile: str
) -> None:
    """The service takes the first write after its time-out and after our look: nothing of ours can prevent that."""
    simulator.service.settings.guards_doubles = False
    facility = make_facility()
    add_profiles(facility, profile)
    dose = make_dose(facility)
    path = "kunjungan/v1" if profile == "kunjungan" else "vaksinasi"
    first = HeldBack(simulator, monkeypatch, "POST", path)
    outbox.drain("pcare")
    with override_settings(PCARE_READ_TIMEOUT=0.4):
        while not first.arrived.is_set():  # what comes before it may time out as well
            Delivery.objects.update(available_at=timezone.now())
            sending.send_due(60)
    Delivery.objects.update(available_at=timezone.now())
    run()
    assert len(upstream_rows(simulator, TABLE[profile])) == 1
    first.let_go()
    wait_until(lambda: len(upstream_rows(simulator, TABLE[profile])) == 2)
    ours = Delivery.objects.get()
    assert (ours.state, ours.outcome_unknown) == ("sent", False)
    assert compare(facility) == {"UJI-01": "twice"}

    difference = Difference.objects.get()
    number = difference.upstream_number
    assert set(number.split(", ")) == set(simulator.service.registry.tables[TABLE[profile]])
    office = sign_in_staff(client, make_staff("admin_dinkes", city=True))
    day = timezone.localdate().isoformat()
    assert "Hapus yang kedua" in office.get("/dinkes/pcare/pencocokan/", {"tanggal": day}).text
    office.post(f"/dinkes/pcare/pencocokan/{difference.pk}/kirim-ulang/")
    run()
    assert list(simulator.service.registry.tables[TABLE[profile]]) == [ours.upstream_number]
    assert compare(facility) == {}
    row = Delivery.objects.get()
    assert (row.state, row.references.get("kembar")) == ("sent", "")
    correct(dose)
    run()
    assert len(upstream_rows(simulator, TABLE[profile])) == 1
    assert violations() == {}


@pytest.mark.parametrize("profile", ["vaksinasi", "kunjungan"])
def test_only_what_carries_our_mark_is_taken_away_and_a_lost_answer_on_the_way_harms_nothing(
    simulator: Server, profile: str
) -> None:
    facility = make_facility()
    add_profiles(facility, profile)
    make_dose(facility)
    run()
    double(simulator, profile, "UJI-01", **TYPED[profile])
    table = simulator.service.registry.tables[TABLE[profile]]
    typed = dict(table["KEDUA"])
    assert compare(facility) == {"UJI-01": "doubled"}
    assert reconciling.send_again(Difference.objects.get()) is False, "somebody else's record is not ours to delete"
    number = Delivery.objects.get().upstream_number
    again = table[number] | {"noKunjungan": "KETIGA", "noVaksinasi": "KETIGA"}
    simulator.service.registry.put(TABLE[profile], "KETIGA", again)
    assert compare(facility) == {"UJI-01": "twice"}
    for kind in ("close_after_commit", "html_500"):
        simulator.service.weather.add({"kind": kind, "method": "DELETE", "times": 1})
    assert reconciling.send_again(Difference.objects.get())
    run()
    assert set(table) == {number, "KEDUA"}
    assert table["KEDUA"] == typed
    assert compare(facility) == {"UJI-01": "doubled"}


@every
def test_a_difference_of_yesterday_does_not_undo_a_correction_of_today(simulator: Server, profile: str) -> None:
    facility = make_facility()
    add_profiles(facility, profile)
    dose = make_dose(facility)
    run()
    spoil(simulator, profile, "UJI-01", **OTHER[profile])
    assert list(compare(facility).values()) == ["different"]
    correct(dose)
    assert reconciling.send_again(Difference.objects.get()) is False, "corrected, and the correction is not sent yet"
    run()
    assert reconciling.send_again(Difference.objects.get()) is False
    run()
    assert "UJI-02" in str(upstream_rows(simulator, TABLE[profile]))
    assert violations() == {}


def test_each_dose_belongs_to_the_day_that_begins_at_its_midnight() -> None:
    facility = make_facility()
    midnight = timezone.make_aware(datetime.combine(timezone.localdate(), time()))
    make_dose(facility, occurred_at=midnight)
    for day in (timezone.localdate() - timedelta(days=1), timezone.localdate()):
        reconciling.request(day)
    reconciling.work()
    assert [row.given for row in Reconciliation.objects.order_by("day")] == [0, 1]


@pytest.mark.django_db(transaction=True)
def test_a_comparison_taken_over_by_another_leaves_its_result_to_that_one(
    simulator: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_dose(make_facility())
    run()
    reconciling.request(timezone.localdate())
    monkeypatch.setattr(reconciling, "LEASE_SECONDS", 0)
    under_way = HeldBack(simulator, monkeypatch)
    done: list[int] = []
    slow = Thread(target=in_thread, args=(lambda: done.append(reconciling.work(limit=1)),))
    slow.start()
    assert under_way.arrived.wait(60)
    assert reconciling.work(limit=1) == 1
    under_way.let_go()
    slow.join(60)
    assert done == [0]
    assert Reconciliation.objects.get().state == "done"


def test_a_dose_typed_in_at_pcare_before_ours_arrived_is_unexpected(simulator: Server) -> None:
    facility = make_facility()
    make_dose(facility)
    run()
    Delivery.objects.update(state="refused", error_class="server_fault")
    assert compare(facility) == {"UJI-01": "unexpected"}
    Delivery.objects.update(state="reported")
    assert compare(facility) == {}, "reported on paper: it may well stand there"


def test_during_an_outage_it_waits_and_is_done_when_pcare_is_back(simulator: Server) -> None:
    facility = make_facility()
    make_dose(facility)
    run()
    simulator.service.weather.start_outage()
    reconciling.request(timezone.localdate(), [facility.pk])
    assert reconciling.work() == 0
    row = Reconciliation.objects.get()
    assert row.state == "waiting"
    assert row.last_error
    assert (row.given, row.sent, row.waiting_count, row.checked) == (1, 1, 0, 0), "our own figures need no service"
    rows = list(Reconciliation.objects.select_related("facility"))
    told = letter.page_data(timezone.localdate(), rows)
    assert [line[1:4] for line in told["rows"]] == [["1", "1", "0"]]
    assert told["more"] == "1 baris belum dapat dicocokkan; angkanya menurut portal."
    simulator.service.weather.end_outage()
    Reconciliation.objects.update(available_at=timezone.now())
    assert reconciling.work() == 1
    assert Difference.objects.count() == 0


def test_the_night_compares_yesterday_once(simulator: Server) -> None:
    facility = make_facility()
    yesterday = timezone.localdate() - timedelta(days=1)
    make_dose(facility, occurred_at=timezone.now() - timedelta(days=1))
    run()
    evening = timezone.make_aware(datetime.combine(timezone.localdate(), time(0, 30)))
    with time_machine.travel(evening, tick=True):
        assert reconciling.request_night() == 0
    night = timezone.make_aware(datetime.combine(timezone.localdate(), time(2, 0)))
    assert reconciling.request_night(night) == 1
    assert reconciling.request_night(night) == 0
    tasks.reconcile()
    assert Reconciliation.objects.get(day=yesterday).given == 1


def test_what_arrives_after_its_own_night_is_compared_the_night_after(simulator: Server) -> None:
    facility = make_facility()
    now = timezone.now()
    earlier = timezone.localdate() - timedelta(days=4)
    for lot, days in (("HILANG", 4), ("ADA", 4), ("TEPAT", 5)):
        make_dose(facility, lot_number=lot, occurred_at=now - timedelta(days=days))
    run()
    noon = timezone.make_aware(datetime.combine(timezone.localdate() - timedelta(days=1), time(12)))
    Delivery.objects.update(finished_at=noon)
    Delivery.objects.filter(immunization__occurred_at__lt=now - timedelta(days=4, hours=12)).update(
        finished_at=noon - timedelta(days=1)
    )
    Reconciliation.objects.create(facility=facility, profile="vaksinasi", day=earlier, state="done", given=2)
    spoil(simulator, "vaksinasi", "HILANG")
    night = timezone.make_aware(datetime.combine(timezone.localdate(), time(2, 0)))
    assert reconciling.request_night(night) == 2, "yesterday, and the day whose doses came late"
    reconciling.work()
    row = Reconciliation.objects.get(day=earlier)
    assert (row.state, row.sent) == ("done", 2)
    assert row.differences.get().kind == "missing"
    assert reconciling.request_night(night) == 0


def test_the_command_says_what_differs_and_fails_on_it(simulator: Server) -> None:
    facility = make_facility()
    make_dose(facility)
    run()
    spoil(simulator, "vaksinasi", "UJI-01")
    out = io.StringIO()
    with pytest.raises(SystemExit) as stopped:
        call_command("pcare_reconcile", "--date", timezone.localdate().isoformat(), "--json", stdout=out)
    assert stopped.value.code == 1
    assert json.loads(out.getvalue())["differences"] == {"missing": 1}
    reconciling.send_again(Difference.objects.get())
    run()
    call_command("pcare_reconcile", "--date", timezone.localdate().isoformat(), stdout=out)
    assert "selisih: tidak ada" in out.getvalue()


def test_the_letter_is_one_page_with_given_sent_and_waiting(simulator: Server) -> None:
    day = timezone.localdate()
    for number in range(7, 40):
        facility = make_facility(number)
        Reconciliation.objects.create(
            facility=facility,
            profile="vaksinasi",
            day=day,
            state="done",
            given=1000 + number,
            sent=900,
            waiting_count=100,
        )
    for profile in ("kunjungan", "satusehat"):
        Reconciliation.objects.create(facility=facility, profile=profile, day=day, state="done", given=1, sent=1)
    dose = make_dose(facility)
    run()
    for kind, (cause, owner) in reconciling._WORDS.items():
        Difference.objects.create(
            reconciliation=Reconciliation.objects.latest("pk"),
            delivery=dose.deliveries.get(),
            kind=kind,
            cause=cause,
            owner=owner,
        )
    Reconciliation.objects.filter(given__lt=1010).update(state="waiting")
    idle = make_facility(50)
    Reconciliation.objects.create(facility=idle, profile="vaksinasi", day=day, state="done")
    reader = PdfReader(io.BytesIO(letter.render(day, list(Reconciliation.objects.select_related("facility")))))
    assert len(reader.pages) == 1
    text = reader.pages[0].extract_text()
    assert "Puskesmas Uji 39" in text
    assert "15 baris lain" in text
    assert "Puskesmas Uji 50" not in text, "a place without a dose takes no line"
    assert re.search(r"\d baris belum dihitung", text)
    total = sum(1000 + number for number in range(7, 40))
    assert f"{total:,}".replace(",", ".") in text
    assert "Sudah ada di sana" in text
    assert "29.700" in text
    assert "3.300" in text


def test_the_page_compares_shows_and_sends_again(client: Client, simulator: Server) -> None:
    facility = make_facility()
    make_dose(facility, make_citizen("Warga Rahasia"))
    run()
    spoil(simulator, "vaksinasi", "UJI-01")
    office = sign_in_staff(client, make_staff("admin_dinkes", city=True))
    day = timezone.localdate().isoformat()
    assert "Belum dicocokkan" in office.get("/dinkes/pcare/pencocokan/", {"tanggal": day}).text
    answer = office.post("/dinkes/pcare/pencocokan/jalankan/", {"tanggal": day})
    assert answer.status_code == 302
    assert "1 dari 1 pencocokan masih menunggu giliran" in office.get(answer["Location"]).text
    assert reconciling.work(seconds=-1) == 0, "a turn ends when its time is over"
    reconciling.work()
    page = office.get(answer["Location"]).text
    assert "Hilang di sana" in page
    difference = Difference.objects.get()
    office.post(f"/dinkes/pcare/pencocokan/{difference.pk}/kirim-ulang/")
    run()
    assert len(upstream_rows(simulator)) == 1
    pdf = office.get("/dinkes/pcare/pencocokan/surat/", {"tanggal": day})
    assert pdf["Content-Type"] == "application/pdf"
    assert "Warga Rahasia" not in PdfReader(io.BytesIO(pdf.content)).pages[0].extract_text()
    assert office.get("/dinkes/pcare/pencocokan/", {"tanggal": "kacau"}).status_code == 422
