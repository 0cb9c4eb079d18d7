"""What people see of the bridge: public status, the health office's queue, tags on doses."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import Client
from django.utils import timezone

from core import outbox
from core.models import ReadLog
from pcare_bridge import demo, health, queries, sending, tasks
from pcare_bridge.errors import ERROR_CLASSES
from pcare_bridge.models import (
    Delivery,
    FacilityAccount,
    RetryRun,
    SatusehatAccount,
    Upstream,
    VaccineCode,
)
from pcare_bridge.simulator.server import Server
from pcare_bridge.views import status
from tests.pcare_bridge.doses import correct, make_citizen, make_dose, make_facility
from tests.staff import make_staff, sign_in_staff

pytestmark = pytest.mark.django_db
MEMBER = {"noKTP": "", "noKartu": "0001234567890"}


@pytest.fixture(autouse=True)
def bridge(settings: Any, simulator: Server) -> None:
    settings.PCARE_BASE_URL = simulator.base_url
    settings.PCARE_PER_SECOND = 0
    settings.PCARE_RETRY_PAUSES = [0.01]
    status.PAGE.clear()
    cache.clear()


@pytest.fixture
def office(client: Client) -> Client:
    """The health office, signed in."""
    return sign_in_staff(client, make_staff("admin_dinkes", city=True))


def refused(number: int = 7) -> Delivery:
    """A delivery that PCare refused because it does not know the NIK."""
    nik = f"00000101015090{number:02d}"
    dose = make_dose(make_facility(number), make_citizen(nik=nik))
    deliver()
    return Delivery.objects.get(immunization=dose)


def deliver() -> None:
    outbox.drain("pcare")
    sending.send_due(60)


def test_the_queue_shows_causes_with_what_to_do(office: Client) -> None:
    refused()
    text = office.get("/dinkes/pcare/").text
    error = ERROR_CLASSES["not_found"]
    assert error.title in text
    assert error.todo in text
    assert "Kirim ulang semua" in text
    assert "000001010150" not in text


def test_the_live_part_comes_alone_and_lists_only_states_in_use(office: Client) -> None:
    empty = office.get("/dinkes/pcare/", headers={"X-Fragment": "live"}).text
    assert "Menurut keadaan" not in empty
    make_dose(make_facility())
    outbox.drain("pcare")
    text = office.get("/dinkes/pcare/", headers={"X-Fragment": "live"}).text
    assert "Menurut keadaan" in text
    assert "?keadaan=waiting" in text
    assert "?keadaan=refused" not in text
    assert "<html" not in text


@pytest.mark.parametrize(
    "query",
    [
        "keadaan=apa",
        "galat=%00",
        "fasilitas=tidak-ada",
        "nomor=%00",
        "page=999999999999",
        "page=x",
        "nomor=" + "9" * 60,
    ],
)
def test_odd_filters_give_a_page(office: Client, query: str) -> None:
    assert office.get(f"/dinkes/pcare/?{query}").status_code == 200


def test_the_list_finds_by_state_facility_and_number(office: Client) -> None:
    def listed(query: str) -> str:
        return office.get(f"/dinkes/pcare/{query}").text.partition('id="daftar"')[2]  # above it stands what is urgent

    make_dose(make_facility(8))
    delivery = refused(7)
    sent = Delivery.objects.exclude(pk=delivery.pk).get()
    assert str(sent.pk) in listed("?keadaan=sent")
    assert str(sent.pk) not in listed("")
    assert str(sent.pk) in listed(f"?nomor={sent.upstream_number}")
    assert str(delivery.pk) in listed("?fasilitas=uji-7")
    assert str(delivery.pk) not in listed("?fasilitas=uji-8")


def test_the_list_costs_the_same_for_two_rows_and_for_twenty(
    office: Client, django_assert_max_num_queries: Any
) -> None:
    facility = make_facility()
    office.get("/dinkes/pcare/")  # the row of the address is made on first use
    counts = []
    for total in (2, 20):
        while Delivery.objects.count() < total:
            make_dose(facility)
            outbox.drain("pcare")
        with django_assert_max_num_queries(60) as captured:
            office.get("/dinkes/pcare/")
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_accounts_refused_with_the_same_words_are_one_notice_that_names_the_clock(office: Client) -> None:
    FacilityAccount.objects.all().delete()
    homes = [make_facility(number) for number in range(20, 27)]
    later = timezone.now() + timedelta(minutes=15)
    FacilityAccount.objects.update(
        pause_class="configuration", pause_message="X-timestamp di luar batas waktu", paused_until=later
    )
    text = office.get("/dinkes/pcare/").text
    assert text.count("akun PCare dijeda") == 1
    assert "7 fasilitas: akun PCare dijeda" in text
    assert "dan lainnya" in text
    assert "Samakan dulu jam server ini" not in text, "nobody measured a difference"
    Upstream.objects.update(clock_difference_seconds=600)
    text = office.get("/dinkes/pcare/").text
    assert "Samakan dulu jam server ini" in text
    FacilityAccount.objects.filter(facility=homes[0]).update(pause_message="kata sandi kedaluwarsa")
    text = office.get("/dinkes/pcare/").text
    assert "6 fasilitas: akun PCare dijeda" in text
    assert f"{homes[0]}: akun PCare dijeda" in text


def test_search_by_nik_is_posted_logged_and_answers_neutrally(office: Client) -> None:
    citizen = make_citizen()
    make_dose(make_facility(), citizen)
    deliver()
    page = office.post("/dinkes/pcare/cari/", {"nik": citizen.nik})
    assert "Diterima PCare" in page.text
    assert ReadLog.objects.filter(citizen_id=citizen.pk, purpose="pcare").count() == 1
    assert "Tidak ada kiriman" in office.post("/dinkes/pcare/cari/", {"nik": "9974010101509999"}).text
    assert "16 angka" in office.post("/dinkes/pcare/cari/", {"nik": "12"}).text
    assert office.get("/dinkes/pcare/cari/").status_code == 405


def test_one_delivery_shows_its_log_masked_and_the_opening_is_logged(office: Client) -> None:
    delivery = refused()
    text = office.get(f"/dinkes/pcare/{delivery.pk}/").text
    citizen = delivery.immunization.citizen
    assert citizen.full_name in text
    assert citizen.nik not in text
    assert "POST vaksinasi" in text
    assert ReadLog.objects.filter(citizen_id=citizen.pk, purpose="pcare").count() == 1


def test_a_refused_delivery_is_sent_again_by_one_button(office: Client, simulator: Server) -> None:
    simulator.service.settings.known_nik = "listed"
    delivery = refused()
    simulator.service.registry.put("peserta", delivery.immunization.citizen.nik, MEMBER)
    office.post(f"/dinkes/pcare/{delivery.pk}/kirim-ulang/")
    deliver()
    delivery.refresh_from_db()
    assert delivery.state == "sent"
    assert delivery.attempt_log.filter(outcome="retry").get().actor is not None


def test_a_whole_class_is_sent_again_at_once_with_progress(office: Client, simulator: Server) -> None:
    simulator.service.settings.known_nik = "listed"
    first, second, third = refused(7), refused(8), refused(9)
    for delivery in (first, second):
        simulator.service.registry.put("peserta", delivery.immunization.citizen.nik, MEMBER)
    page = office.post("/dinkes/pcare/kirim-ulang/", {"galat": "not_found", "layanan": "pcare"}, follow=True)
    assert "3 kiriman" in page.text
    assert "0 dari 3 selesai" in page.text
    assert "Berjalan terus walaupun halaman ini ditutup" in page.text
    deliver()  # the workers, not the browser
    live = office.get("/dinkes/pcare/", headers={"X-Fragment": "live"}).text
    assert "3 dari 3 selesai" in live
    assert "2 diterima, 1 ditolak lagi, 0 masih berjalan" in live
    assert '<progress max="3" value="3"' in live
    third.refresh_from_db()
    assert third.state == "refused"
    elsewhere = Client()
    sign_in_staff(elsewhere, make_staff("admin_dinkes", facility=first.facility))
    assert "1 dari 1 selesai" in elsewhere.get("/dinkes/pcare/").text, "counts stay in the territory"
    for wrong in ({"galat": "apa"}, {"galat": "not_found", "layanan": "apa"}):
        assert office.post("/dinkes/pcare/kirim-ulang/", wrong, follow=True).status_code == 200
    assert RetryRun.objects.count() == 1


def test_a_class_is_sent_again_at_one_service_only(office: Client) -> None:
    delivery = refused()
    office.post("/dinkes/pcare/kirim-ulang/", {"galat": "not_found", "layanan": "satusehat"})
    delivery.refresh_from_db()
    assert delivery.state == "refused"
    assert not RetryRun.objects.exists()


def test_a_refused_delivery_is_handed_over_and_reported_on_paper(office: Client) -> None:
    delivery = refused()
    nurse = make_staff("petugas", facility=delivery.facility)
    empty = office.post(f"/dinkes/pcare/{delivery.pk}/serahkan/", {"to": nurse.pk, "note": ""})
    assert empty.status_code == 422
    office.post(f"/dinkes/pcare/{delivery.pk}/serahkan/", {"to": nurse.pk, "note": "Cocokkan NIK dengan KTP"})
    delivery.refresh_from_db()
    assert (delivery.assigned_to, delivery.state) == (nurse, "refused")
    desk = Client()
    sign_in_staff(desk, nurse)
    assert "Cocokkan NIK dengan KTP" in desk.get("/petugas/").text, "who got it sees it"
    keeper = make_staff("pengelola_stok", facility=delivery.facility)
    unable = office.post(f"/dinkes/pcare/{delivery.pk}/serahkan/", {"to": keeper.pk, "note": "Cocokkan NIK"})
    assert unable.status_code == 422, "a stock keeper opens no records"
    assert office.post(f"/dinkes/pcare/{delivery.pk}/dilaporkan/", {"evidence": " "}).status_code == 422
    office.post(f"/dinkes/pcare/{delivery.pk}/dilaporkan/", {"evidence": "Formulir 12, 21 November"})
    delivery.refresh_from_db()
    assert delivery.state == "reported"
    twice = office.post(f"/dinkes/pcare/{delivery.pk}/dilaporkan/", {"evidence": "lagi"})
    assert twice.status_code == 422
    assert "sudah selesai" in twice.text


def test_a_delivery_reported_while_it_is_being_sent_is_refused_in_words(office: Client) -> None:
    make_dose(make_facility())
    outbox.drain("pcare")
    upstream = health.upstream()
    assert upstream is not None
    work = sending._claim(upstream.pk, 1)[0]
    page = office.post(f"/dinkes/pcare/{work.delivery.pk}/dilaporkan/", {"evidence": "x"})
    assert page.status_code == 422
    assert "sedang dikirim" in page.text


def test_a_nurse_and_a_viewer_may_not_act_and_a_foreign_row_is_missing(client: Client) -> None:
    delivery = refused()
    viewer = make_staff("pemantau_dinkes", city=True)
    sign_in_staff(client, viewer)
    assert client.get("/dinkes/pcare/").status_code == 200
    assert client.post(f"/dinkes/pcare/{delivery.pk}/kirim-ulang/").status_code == 403
    assert client.post("/dinkes/pcare/jeda/", {"alasan": "x"}).status_code == 403
    sign_in_staff(client, make_staff("petugas", facility=delivery.facility))
    assert client.get("/dinkes/pcare/").status_code == 403
    elsewhere = make_staff("admin_dinkes", facility=make_facility(9))
    sign_in_staff(client, elsewhere)
    assert client.get(f"/dinkes/pcare/{delivery.pk}/").status_code == 404
    account = FacilityAccount.objects.get(facility=delivery.facility)
    assert client.get(f"/dinkes/pcare/akun/{account.pk}/").status_code == 404
    assert str(delivery.pk) not in client.get("/dinkes/pcare/?keadaan=refused").text


def test_sending_is_stopped_with_a_reason_and_goes_on(office: Client, simulator: Server) -> None:
    office.post("/dinkes/pcare/jeda/", {"alasan": ""})
    assert Upstream.objects.filter(paused_reason="").count() == Upstream.objects.count()
    office.post("/dinkes/pcare/jeda/", {"alasan": "Pemeliharaan BPJS"})
    make_dose(make_facility())
    deliver()
    assert simulator.service.total == 0
    assert "Pemeliharaan BPJS" in office.get("/dinkes/pcare/").text
    assert "selesai setelah dilanjutkan" in office.get("/dinkes/pcare/").text
    office.post("/dinkes/pcare/jeda/", {"lanjutkan": "1"})
    deliver()
    assert Delivery.objects.get().state == "sent"
    office.post("/dinkes/pcare/jeda/", {"layanan": "apa", "alasan": "x"})
    assert not Upstream.objects.exclude(paused_reason="").exists()


def test_an_account_is_repaired_on_its_page_and_its_queue_goes_on(office: Client) -> None:
    facility = make_facility()
    account = FacilityAccount.objects.get()
    account.password, account.password_changed_at = "lama", timezone.now() - timedelta(days=70)
    account.save()
    make_dose(facility)
    deliver()
    assert Delivery.objects.get().state == "paused"
    listing = office.get("/dinkes/pcare/akun/").text
    assert "Segera ganti" in listing
    assert ERROR_CLASSES["configuration"].title in listing
    page = office.get(f"/dinkes/pcare/akun/{account.pk}/").text
    assert "lama" not in page.split("<form", 1)[1]
    form = {
        "provider_code": account.provider_code,
        "practitioner_code": "000001",
        "cons_id": account.cons_id,
        "username": account.username,
        "application_code": "095",
        "is_active": "on",
        "profiles": ["vaksinasi"],
        "password": f"Sandi:{account.provider_code}#1",
    }
    assert office.post(f"/dinkes/pcare/akun/{account.pk}/", form | {"provider_code": "1"}).status_code == 422
    office.post(f"/dinkes/pcare/akun/{account.pk}/", form)
    account.refresh_from_db()
    assert account.secret, "an empty field keeps what was there"
    assert timezone.now() - account.password_changed_at < timedelta(minutes=1)
    deliver()
    assert Delivery.objects.get().state == "sent"


def shown(dose: Any, audience: str = "staff") -> str:
    template = Template("{% load pcare %}{% delivery_state dose audience=audience %}")
    return template.render(Context({"dose": dose, "audience": audience}))


def test_the_tag_on_a_dose_follows_its_way() -> None:
    dose = make_dose(make_facility())
    assert "Menunggu PCare" in shown(dose)
    outbox.drain("pcare")
    assert "sejak" in shown(dose, "citizen")
    assert "sertifikat Anda tetap berlaku" in shown(dose, "citizen")
    sending.send_due(60)
    assert "Diterima PCare" in shown(dose)
    state = queries.state_of_row(dose)
    assert state.kind == "ok"
    assert state.accepted_at is not None
    new = correct(dose)
    outbox.drain("pcare")
    assert "Menunggu PCare" in shown(new)


def test_the_tag_of_a_refused_dose_says_what_to_do_and_to_the_citizen_what_holds() -> None:
    delivery = refused()
    assert ERROR_CLASSES["not_found"].todo in shown(delivery.immunization)
    assert "Diperiksa petugas" in shown(delivery.immunization, "citizen")
    assert "000001010150" not in shown(delivery.immunization)


def test_the_tag_of_an_old_dose_without_delivery_is_quiet() -> None:
    dose = make_dose(make_facility(), announce=False, recorded_at=timezone.now() - timedelta(days=400))
    assert "Tidak dikirim" in shown(dose)


def test_the_tag_costs_no_query_when_prefetched(django_assert_num_queries: Any) -> None:
    from vaccination.models import Immunization

    make_dose(make_facility())
    outbox.drain("pcare")
    (dose,) = Immunization.objects.prefetch_related("deliveries")
    with django_assert_num_queries(0):
        shown(dose)


def test_every_error_class_speaks_plain_indonesian_with_something_to_do() -> None:
    for error in ERROR_CLASSES.values():
        assert error.sentence.endswith(".")
        assert error.todo.endswith(".")
        assert error.owner
        assert len(error.key) <= 20


@pytest.mark.usefixtures("exchange")
def test_a_trial_delivers_by_every_profile_to_the_simulator(simulator: Server) -> None:
    facility = make_facility()
    dose = make_dose(facility, announce=False)
    FacilityAccount.objects.all().delete()
    VaccineCode.objects.all().delete()
    assert demo.ensure_accounts() == 1
    assert demo.ensure_accounts() == 0
    for model in (FacilityAccount, SatusehatAccount):
        model.objects.update(active_since=timezone.now() - timedelta(hours=1))
    outbox_news(dose.pk)
    deliver()
    assert dict(Delivery.objects.values_list("profile", "state")) == {
        "vaksinasi": "sent",
        "kunjungan": "sent",
        "satusehat": "sent",
    }
    assert VaccineCode.objects.get().is_sample


def outbox_news(immunization_id: int) -> None:
    from django.db import transaction

    with transaction.atomic():
        outbox.add("immunization.recorded", immunization_id=immunization_id)


def test_the_task_sends_and_only_one_sender_runs(simulator: Server) -> None:
    make_dose(make_facility())
    outbox.drain("pcare")
    assert sending.has_work()
    assert tasks.hurry() == 0, "the sweep must not call itself again on our account"
    assert tasks.send_deliveries() == 1
    assert not sending.has_work()


def test_what_is_due_today_names_the_way_of_each_delivery_and_no_error_of_the_line() -> None:
    rejected = refused()
    assert rejected.said
    line = render_to_string("pcare_bridge/_late.html", {"late": [(rejected, [])]})
    assert rejected.said in line and rejected.get_profile_display() in line
    rejected.state, rejected.error_message = Delivery.WAITING, "PCare tidak menjawab. (RemoteProtocolError)"
    line = render_to_string("pcare_bridge/_late.html", {"late": [(rejected, [])]})
    assert "Menunggu PCare" in line and "RemoteProtocolError" not in line
