"""A cheap phone on a slow line: 360 px, 400 ms, 400 kbit/s; what a booking costs, and what people read on the way."""

import json
import re
import time
from collections.abc import Callable

import pytest

from tests.journeys import steps
from tests.journeys.visitor import Visitor

BUDGET_BYTES = 300_000
LINE = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}


class Meter:
    """Counts what really came over the line of one page, headers and redirects too; a cached file costs nothing."""

    def __init__(self, visitor: Visitor) -> None:
        self.bytes = 0
        self.by_address: dict[str, int] = {}
        self._address: dict[str, str] = {}
        session = visitor.context.new_cdp_session(visitor.page)
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", LINE)
        session.on("Network.requestWillBeSent", self._asked)
        session.on("Network.loadingFinished", self._came)

    def _asked(self, event: dict) -> None:
        if redirect := event.get("redirectResponse"):
            self._add(redirect["url"], redirect["encodedDataLength"])
        self._address[event["requestId"]] = event["request"]["url"]

    def _came(self, event: dict) -> None:
        self._add(self._address.get(event["requestId"], "?"), event["encodedDataLength"])

    def _add(self, address: str, size: float) -> None:
        self.bytes += int(size)
        path = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\?.*", "*", address.partition("://")[2].partition("/")[2])
        self.by_address[path] = self.by_address.get(path, 0) + int(size)


def code_for(phone: str, fetch: Callable[[str], str]) -> str:
    """The code that the demo shows instead of sending it, read on another device."""
    digits = re.sub(r"\D", "", phone)[1:]
    page = re.sub("<[^>]+>", " ", fetch("/demo/pesan/"))
    found = re.search(re.escape(digits[-8:]) + r".*?\b(\d{6})\b", page, re.DOTALL)
    assert found, page[:2000]
    return found[1]


def choose_session(citizen: Visitor, vaccine: str) -> None:
    """By the menu to the schedules of one vaccine, the first of them, its last session: the first may end meanwhile."""
    citizen.follow("Jadwal", exact=True)
    citizen.fill(vaksin=vaccine)
    citizen.press("Tampilkan")
    citizen.page.locator("main .card--link a").first.click()
    citizen.look()
    citizen.page.locator("main").get_by_role("link", name=re.compile("^Pesan pukul")).last.click()
    citizen.look()


def add_person(citizen: Visitor, *, nik: str, name: str, born: str, sex: str, relation: str = "") -> None:
    """Through the questions about one person, from the first of them."""
    if relation:
        citizen.fill(relation=relation)
        citizen.press("Lanjutkan")
    citizen.fill(has_nik="ya", nik=nik)
    citizen.press("Lanjutkan")
    citizen.fill(full_name=name, birth_date=born, sex=sex)
    citizen.press("Lanjutkan")
    while citizen.page.get_by_role("button", name="Simpan", exact=True).count() == 0:
        citizen.press("Lanjutkan")
    citizen.press("Simpan", exact=True)


def answer_no(citizen: Visitor) -> None:
    """Every question of one page with no."""
    for question in citizen.page.locator("main fieldset").all():
        question.get_by_label("Tidak", exact=True).check(force=True)
    citizen.press("Lanjut", exact=True)


@pytest.mark.parametrize("scripts", [True, False], ids=["JavaScript", "no JavaScript"])
def test_from_the_front_page_to_a_ticket_under_300_kilobytes(visitor, fetch, scripts, capsys):
    citizen = visitor(screen="phone", scripts=scripts)
    citizen.page.set_default_timeout(120_000)
    meter = Meter(citizen)
    number = next(steps.serials)
    phone = f"0812 9905 9{number:03d}"

    # Given: somebody who was never here, on the front page, looks for a place
    begun = time.monotonic()
    citizen.visit("/")
    # The line really is slow: without this the figure would say nothing about a phone.
    assert time.monotonic() - begun > LINE["latency"] / 1000
    choose_session(citizen, "COV_SINOVAC")

    # When: she signs in with the code, adds herself, looks for the place again, and books
    citizen.fill(phone=phone)
    citizen.press("Kirim kode")
    citizen.fill(code=code_for(phone, fetch))
    citizen.press("Masuk", exact=True)
    citizen.follow("Tambah anggota", exact=True)
    add_person(citizen, nik=f"9974015203317{number:03d}", name="Wati Uji", born="12-03-1931", sex="P")
    choose_session(citizen, "COV_SINOVAC")
    citizen.press(re.compile("^Pesan sesi"))
    answer_no(citizen)
    citizen.press("Pesan tempat ini")

    # Then: there is a ticket, and all of it was small
    citizen.arrives("Janji sudah tercatat")
    assert steps.ticket_code(citizen)
    with capsys.disabled():
        kind = "with" if scripts else "without"
        print(f"\nfrom / to the ticket {kind} JavaScript: {meter.bytes / 1000:.1f} kB of {BUDGET_BYTES / 1000:.0f}")
        print(json.dumps(dict(sorted(meter.by_address.items(), key=lambda pair: -pair[1])[:8]), indent=1))
    assert meter.bytes < BUDGET_BYTES, meter.by_address


@pytest.mark.parametrize(
    ("screen", "scripts"), [("phone", False), ("desktop", True)], ids=["phone without JavaScript", "desktop"]
)
def test_a_family_of_three_gets_three_tickets_in_one_go(visitor, fetch, screen, scripts):
    parent = visitor(screen=screen, scripts=scripts)
    number = next(steps.serials)
    phone = f"0812 9906 9{number:03d}"
    names = ["Wati Uji", "Budi Uji", "Sari Uji"]

    # Given: a family of three
    parent.visit("/masuk/")
    parent.fill(phone=phone)
    parent.press("Kirim kode")
    parent.fill(code=code_for(phone, fetch))
    parent.press("Masuk", exact=True)
    for position, (name, sex) in enumerate(zip(names, "PLP", strict=True)):
        parent.visit("/keluarga/tambah/")
        born = f"{12 + position}-03-{1931 + 20 * position}"
        day = 12 + position + (40 if sex == "P" else 0)
        add_person(
            parent, nik=f"997401{day:02d}03{31 + 20 * position}8{number:03d}", name=name, born=born, sex=sex,
            relation="anak" if position else "",
        )  # fmt: skip

    # When: all are ticked, answer one after the other, and are confirmed at once
    parent.visit("/janji/baru/")
    for name in names:
        parent.page.get_by_label(name).check(force=True)
    parent.press("Lanjut dengan yang dicentang")
    parent.page.locator("main section", has_text="COVID-19").get_by_role("link", name="Pilih jadwal").click()
    parent.look()
    parent.page.locator("main .card--link", has_text="3 tempat berdampingan").locator("a").first.click()
    parent.look()
    parent.press(re.compile("^Pilih"))
    for position in range(3):
        assert f"orang {position + 1} dari 3" in parent.text.lower()
        assert re.search(r"3 tempat ditahan untuk Anda sampai pukul \d\d\.\d\d WIB", parent.text)
        answer_no(parent)
    assert all(name in parent.text for name in names)
    parent.press("Pesan 3 tempat ini")

    # Then: three tickets on one page, and going back and pressing again makes no more
    parent.arrives("3 janji sudah tercatat")
    codes = parent.page.locator(".ticket__code").all_inner_texts()
    assert len(set(codes)) == 3
    parent.page.go_back()
    again = parent.page.get_by_role("button", name="Pesan 3 tempat ini")
    if again.count():
        again.click()
        parent.page.wait_for_load_state()
        assert parent.page.locator(".ticket__code").all_inner_texts() == codes
    parent.visit("/janji/")
    assert [parent.text.count(code.replace("-", "")) for code in codes] == [1, 1, 1]

    # And: all of them move and are cancelled in one go
    parent.visit("/janji/")
    parent.follow("Tiket keluarga")
    parent.follow("Pindahkan semua")
    parent.page.locator('button[name="sesi"]').first.click()
    parent.look()
    parent.arrives("Semua janji sudah dipindahkan")
    parent.follow("Batalkan semua")
    parent.press("Ya, batalkan semua")
    assert "Tiket keluarga" not in parent.text
