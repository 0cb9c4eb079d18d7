"""The bridge's pages in a real browser: phone and desktop, accessible, under the strict content policy."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from core import outbox
from pcare_bridge import reconciling, sending, services
from pcare_bridge.models import Delivery, FacilityAccount
from pcare_bridge.simulator.server import Server
from pcare_bridge.views import status
from tests.journeys.visitor import DESKTOP, PHONE, Visitor
from tests.pcare_bridge.doses import make_citizen, make_dose, make_facility
from tests.staff import make_staff, sign_in_staff

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def bridge(settings: Any, simulator: Server) -> None:
    settings.PCARE_BASE_URL = simulator.base_url
    settings.PCARE_PER_SECOND = 0
    status.PAGE.clear()


@pytest.fixture
def visitor(browser: Any, live_server: Any) -> Iterator[Callable[..., Visitor]]:
    contexts = []

    def make(screen: Any = PHONE, scripts: bool = True) -> Visitor:
        context = browser.new_context(viewport=screen, java_script_enabled=scripts, locale="id-ID")
        contexts.append(context)
        return Visitor(context, live_server.url, scripts=scripts)

    yield make
    for context in contexts:
        context.close()


def sign_in(visitor: Visitor) -> None:
    session = sign_in_staff(Client(), make_staff("admin_dinkes", city=True)).cookies["petugas"].value
    visitor.context.add_cookies([{"name": "petugas", "value": session, "url": visitor.url}])


@pytest.mark.parametrize("screen", [PHONE, DESKTOP])
def test_the_office_follows_a_refused_dose_to_its_end(
    visitor: Callable[..., Visitor], simulator: Server, screen: Any
) -> None:
    facility = make_facility()
    make_dose(facility, make_citizen(nik="0000010101509001"))
    make_dose(facility)
    outbox.drain("pcare")
    sending.send_due(60)
    office = visitor(screen)
    sign_in(office)
    office.visit("/dinkes/pcare/")
    assert "Data tidak ada di PCare" in office.text
    office.follow("Uji dosis 3")
    assert "Cocokkan NIK" in office.text
    office.fill(evidence="Formulir 12")
    office.press("Tandai dilaporkan")
    assert Delivery.objects.get(state="reported").note == "Formulir 12"
    office.visit("/dinkes/pcare/akun/")
    office.follow("Ubah Puskesmas Uji 7")
    office.press("Simpan dan lanjutkan")
    assert FacilityAccount.objects.get().password


@pytest.mark.parametrize("screen", [PHONE, DESKTOP])
def test_the_office_mends_a_wrong_number_and_sees_a_whole_cause_go_again(
    visitor: Callable[..., Visitor], simulator: Server, screen: Any
) -> None:
    facility = make_facility()
    for number in range(3):
        make_dose(facility, make_citizen("Salah Ketik", nik=f"000001010150910{number}"))
    outbox.drain("pcare")
    sending.send_due(60)
    office = visitor(screen)
    sign_in(office)
    office.visit(f"/dinkes/pcare/{Delivery.objects.order_by('created_at')[0].pk}/")
    office.follow("Betulkan dan kirim ulang")
    assert office.page.evaluate("document.activeElement.name") == "nik", "the wrong field is where one types"
    office.fill(nik="9974010101509105")
    office.page.get_by_label("Sudah dicocokkan").check()
    office.press("Simpan dan kirim ulang")
    assert "1 kiriman dikirim ulang" in office.text
    sending.send_due(60)
    assert Delivery.objects.filter(state="sent").count() == 1
    office.visit("/dinkes/pcare/")
    office.press(re.compile("^Kirim ulang semua"))
    assert "0 dari 2 selesai" in office.text
    sending.send_due(60)
    office.visit("/dinkes/pcare/")
    assert "2 dari 2 selesai" in office.text


@pytest.mark.parametrize("screen", [PHONE, DESKTOP])
def test_everybody_reads_the_status_page(visitor: Callable[..., Visitor], screen: Any) -> None:
    person = visitor(screen)
    person.visit("/status/")
    assert person.heading == "Status layanan"
    person.visit("/en/status/")


def test_the_head_of_the_queue_keeps_itself_current(visitor: Callable[..., Visitor]) -> None:
    make_dose(make_facility())
    outbox.drain("pcare")
    office = visitor(DESKTOP)
    sign_in(office)
    office.visit("/dinkes/pcare/")
    assert "Menunggu layanan tujuan" in office.page.locator("#antrean").inner_text()
    sending.send_due(60)
    office.page.locator("#antrean", has_text="Diterima layanan tujuan").wait_for(timeout=60_000)


@pytest.mark.parametrize("screen", [PHONE, DESKTOP])
def test_the_office_compares_files_and_sets_accounts(
    visitor: Callable[..., Visitor], simulator: Server, screen: Any
) -> None:
    facility = make_facility()
    make_dose(facility)
    outbox.drain("pcare")
    sending.send_due(60)
    simulator.service.registry.put("vaksinasi", Delivery.objects.get().upstream_number, None)
    reconciling.request(timezone.localdate())
    reconciling.work()
    make_dose(facility, make_citizen(nik=None))
    outbox.drain("pcare")
    services.stop_profile("kunjungan", facility, "Diminta BPJS", make_staff("admin_dinkes", city=True))
    office = visitor(screen)
    sign_in(office)
    office.visit("/dinkes/pcare/")
    assert "Diminta BPJS" in office.text
    office.visit(f"/dinkes/pcare/pencocokan/?tanggal={timezone.localdate().isoformat()}")
    assert "Hilang di sana" in office.text
    office.visit(f"/dinkes/pcare/akun/{facility.pcare_account.pk}/satusehat/")
    office.visit("/dinkes/pcare/berkas/")
    office.fill(alasan="PCare mati")
    office.press("Buat berkas")
    assert "NIK dan nama disamarkan" in office.text
