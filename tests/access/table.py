"""Who may open what. Columns of every pattern: see ROLES. Read by test_every_address.py.

200 open, 302 sent to sign in or onwards, 403 no such right, 404 not theirs, 410 link no longer good. For an address
that only takes POST the row says what a POST answers; where a role is let in (200) the test does not press the button.
"""

from dataclasses import dataclass

ROLES = ("tamu", "warga", "warga lain", "vaksinator", "asing", "stok", "kader", "dinkes", "pemantau")

#                    tamu warga lain vaks asing stok kader dinkes pemantau
PUBLIC = "           200  200  200  200  200  200  200  200  200"
MOVED_ON = "         302  302  302  302  302  302  302  302  302"
CITIZEN = "          302  200  200  302  302  302  302  302  302"
FAMILY = "           302  200  404  302  302  302  302  302  302"
DESK = "             302  302  302  200  200  403  403  403  403"
OUTREACH = "         302  302  302  200  200  403  200  403  403"
DESK_READ = "        302  302  302  200  200  200  403  403  403"
OWN_PERSON = "       302  302  302  200  404  403  403  403  403"
OWN_PLACE = "        302  302  302  200  404  200  403  403  403"
IDENTITY = "         302  302  302  200  200  403  403  200  403"
KEEPER = "           302  302  302  403  403  200  403  403  403"
STOCK_READ = "       302  302  302  200  200  200  403  200  200"
OFFICE = "           302  302  302  403  403  403  403  200  200"
OFFICE_ADMIN = "     302  302  302  403  403  403  403  200  403"


@dataclass(frozen=True)
class Row:
    """Answers by role, an example of the address where it names something, and the method to ask with."""

    answers: str
    example: str = ""
    method: str = "GET"

    def by_role(self) -> dict[str, int]:
        """Expected status of each role."""
        return dict(zip(ROLES, map(int, self.answers.split()), strict=True))


TABLE: dict[str, Row] = {
    "healthz": Row(PUBLIC),
    "api/v1/openapi.json": Row(PUBLIC),
    "api/v1/certificates/verify/": Row("400 400 400 400 400 400 400 400 400", method="POST"),
    "api/v1/facilities/": Row(PUBLIC),
    "api/v1/schedules/": Row(PUBLIC),
    "api/v1/stock/": Row(PUBLIC),
    "api/v1/immunizations/": Row("401 401 401 401 401 401 401 401 401"),
    "api/v1/immunizations/<uuid:key>/": Row("401 401 401 401 401 401 401 401 401", "api/v1/immunizations/{nowhere}/"),
    "api/v1/coverage/": Row(PUBLIC),
    "petugas/masuk/daftar/": Row(MOVED_ON),
    "petugas/akun/surel/": Row(MOVED_ON),
    "petugas/akun/kata-sandi/atur/": Row(MOVED_ON),
    "dinkes/petugas/": Row(OFFICE_ADMIN),
    "dinkes/petugas/baru/": Row(OFFICE_ADMIN),
    "dinkes/petugas/<int:pk>/": Row(OFFICE_ADMIN, "dinkes/petugas/{staff.pk}/"),
    "dinkes/petugas/<int:pk>/penugasan/": Row(OFFICE_ADMIN, "dinkes/petugas/{staff.pk}/penugasan/"),
    "dinkes/petugas/<int:pk>/penugasan/<int:membership_id>/akhiri/": Row(
        OFFICE_ADMIN, "dinkes/petugas/{staff.pk}/penugasan/{membership.pk}/akhiri/", method="POST"
    ),
    "^dinkes/petugas/(?P<pk>[0-9]{1,18})/(?P<action>nonaktifkan|aktifkan|reset-faktor|reset-sandi|buka-kunci)/$": Row(
        OFFICE_ADMIN, "dinkes/petugas/{staff.pk}/nonaktifkan/", method="POST"
    ),
    "dinkes/mitra/": Row(OFFICE_ADMIN),
    "dinkes/mitra/baru/": Row(OFFICE_ADMIN),
    "dinkes/mitra/<int:pk>/cabut/": Row(OFFICE_ADMIN, "dinkes/mitra/{staff.pk}/cabut/", method="POST"),
    "dinkes/daftar-kunci/": Row(OFFICE_ADMIN),
    "dinkes/daftar-kunci/<int:pk>/": Row("302 302 302 403 403 403 403 404 403", "dinkes/daftar-kunci/1/"),
    "dinkes/daftar-kunci/<int:pk>/sakelar/": Row(OFFICE_ADMIN, "dinkes/daftar-kunci/1/sakelar/", method="POST"),
    "dinkes/daftar-kunci/edisi/<int:pk>/": Row("302 302 302 403 403 403 403 404 403", "dinkes/daftar-kunci/edisi/1/"),
    "dinkes/daftar-kunci/edisi/<int:pk>/putusan/": Row(
        OFFICE_ADMIN, "dinkes/daftar-kunci/edisi/1/putusan/", method="POST"
    ),
    "dinkes/pesan/": Row(OFFICE_ADMIN),
    "dinkes/pesan/<uuid:message_id>/ulang/": Row(OFFICE_ADMIN, "dinkes/pesan/{nowhere}/ulang/", method="POST"),
    "petugas/kader/": Row("302 302 302 403 403 403 200 403 403"),
    "petugas/identitas/": Row(IDENTITY),
    "petugas/identitas/gabung/": Row(IDENTITY),
    "^petugas/identitas/(?P<code>[A-Z0-9-]{4,12})/$": Row(IDENTITY, "petugas/identitas/{claim.public_code}/"),
    "petugas/": Row("302 302 302 200 200 302 302 302 302"),
    "petugas/cari/": Row("302 302 302 302 302 403 403 403 403"),
    "petugas/fasilitas/": Row("302 302 302 200 200 200 200 200 200", method="POST"),
    "petugas/daftar/cetak/": Row(DESK),
    "petugas/janji/<uuid:public_id>/": Row(OWN_PERSON, "petugas/janji/{booking.public_id}/"),
    "petugas/warga/baru/": Row(DESK),
    "petugas/warga/<uuid:public_id>/": Row(OWN_PERSON, "petugas/warga/{vaccinated.public_id}/"),
    "petugas/warga/<uuid:public_id>/nik/": Row(OWN_PERSON, "petugas/warga/{vaccinated.public_id}/nik/", method="POST"),
    "petugas/warga/<uuid:public_id>/datang/": Row(OWN_PERSON, "petugas/warga/{vaccinated.public_id}/datang/"),
    "petugas/warga/<uuid:public_id>/riwayat/": Row(OWN_PERSON, "petugas/warga/{vaccinated.public_id}/riwayat/"),
    "petugas/kunjungan/<uuid:public_id>/skrining/": Row(OWN_PERSON, "petugas/kunjungan/{waiting.public_id}/skrining/"),
    "petugas/kunjungan/<uuid:public_id>/suntik/": Row(OWN_PERSON, "petugas/kunjungan/{waiting.public_id}/suntik/"),
    "petugas/kunjungan/<uuid:public_id>/hasil/": Row(OWN_PERSON, "petugas/kunjungan/{visit.public_id}/hasil/"),
    "petugas/kunjungan/<uuid:public_id>/pulang/": Row(
        OWN_PERSON, "petugas/kunjungan/{visit.public_id}/pulang/", method="POST"
    ),
    "petugas/kunjungan/<uuid:public_id>/akhiri/": Row(OWN_PERSON, "petugas/kunjungan/{waiting.public_id}/akhiri/"),
    "petugas/pantau/": Row(DESK),
    "petugas/dosis/<uuid:dose_uuid>/perbaiki/": Row(OWN_PERSON, "petugas/dosis/{dose.uuid}/perbaiki/"),
    "petugas/dosis/<uuid:dose_uuid>/batalkan/": Row(OWN_PERSON, "petugas/dosis/{dose.uuid}/batalkan/"),
    "petugas/dosis/<uuid:dose_uuid>/kipi/": Row(OWN_PERSON, "petugas/dosis/{dose.uuid}/kipi/"),
    "petugas/kipi/<int:event_id>/": Row(OWN_PERSON, "petugas/kipi/{event.pk}/"),
    "petugas/kunjungan/<uuid:public_id>/lengkapi/": Row(
        "302 302 302 200 404 403 403 200 403", "petugas/kunjungan/{waiting.public_id}/lengkapi/"
    ),
    "petugas/kiriman/<uuid:delivery_id>/": Row("302 302 302 200 404 403 403 200 403", "petugas/kiriman/{delivery.pk}/"),
    "petugas/stok/": Row(STOCK_READ),
    "petugas/stok/terima/": Row(KEEPER),
    "petugas/stok/buang/": Row(KEEPER),
    "petugas/stok/kirim/": Row(KEEPER),
    "petugas/stok/hitung/": Row(KEEPER),
    "petugas/stok/buka-vial/": Row(DESK_READ),
    "petugas/stok/vvm/": Row(KEEPER),
    "petugas/stok/vial/<int:vial_id>/buang/": Row(OWN_PLACE, "petugas/stok/vial/{vial.pk}/buang/", method="POST"),
    "petugas/stok/kiriman/<slug:code>/terima/": Row(
        "302 302 302 403 403 404 403 403 403", "petugas/stok/kiriman/{transfer.public_code}/terima/"
    ),
    "petugas/stok/kiriman/<slug:code>/batal/": Row(KEEPER, "petugas/stok/kiriman/{transfer.public_code}/batal/"),
    "petugas/stok/mutasi/": Row(STOCK_READ),
    "petugas/stok/mutasi.csv": Row(STOCK_READ),
    "dinkes/stok/": Row(OFFICE),
    "petugas/sertifikat/<uuid:dose>/sertifikat-vaksinasi.pdf": Row(
        OWN_PERSON, "petugas/sertifikat/{dose.uuid}/sertifikat-vaksinasi.pdf"
    ),
    "petugas/sertifikat/<uuid:dose>/cabut/": Row(OWN_PERSON, "petugas/sertifikat/{dose.uuid}/cabut/"),
    "petugas/warga/<uuid:public_id>/catatan-vaksinasi.pdf": Row(
        OWN_PERSON, "petugas/warga/{vaccinated.public_id}/catatan-vaksinasi.pdf"
    ),
    ".well-known/ca.crl": Row(PUBLIC),
    ".well-known/jwks.json": Row(PUBLIC),
    ".well-known/dsc.json": Row(PUBLIC),
    ".well-known/dsc.pem": Row(PUBLIC),
    ".well-known/revocations.jws": Row(PUBLIC),
    ".well-known/crl/<str:kid>.json": Row("404 404 404 404 404 404 404 404 404", ".well-known/crl/x.json"),
    "dinkes/pcare/": Row(OFFICE),
    "dinkes/pcare/cari/": Row(OFFICE, method="POST"),
    "dinkes/pcare/kirim-ulang/": Row(OFFICE_ADMIN, method="POST"),
    "dinkes/pcare/jeda/": Row(OFFICE_ADMIN, method="POST"),
    "dinkes/pcare/akun/": Row(OFFICE),
    "dinkes/pcare/akun/<int:account_id>/": Row(OFFICE_ADMIN, "dinkes/pcare/akun/{pcare.pk}/"),
    "dinkes/pcare/akun/<int:account_id>/lanjutkan/": Row(
        OFFICE_ADMIN, "dinkes/pcare/akun/{pcare.pk}/lanjutkan/", method="POST"
    ),
    "dinkes/pcare/akun/<int:account_id>/satusehat/": Row(OFFICE_ADMIN, "dinkes/pcare/akun/{pcare.pk}/satusehat/"),
    "dinkes/pcare/sakelar/": Row(OFFICE_ADMIN, method="POST"),
    "dinkes/pcare/berkas/": Row(OFFICE_ADMIN),
    "dinkes/pcare/berkas/<uuid:batch_id>/": Row(
        "302 302 302 403 403 403 403 404 403", "dinkes/pcare/berkas/{nowhere}/"
    ),
    "dinkes/pcare/berkas/<uuid:batch_id>/setujui/": Row(
        OFFICE_ADMIN, "dinkes/pcare/berkas/{nowhere}/setujui/", method="POST"
    ),
    "dinkes/pcare/berkas/<uuid:batch_id>/unduh/": Row(
        OFFICE_ADMIN, "dinkes/pcare/berkas/{nowhere}/unduh/", method="POST"
    ),
    "dinkes/pcare/pencocokan/": Row(OFFICE),
    "dinkes/pcare/pencocokan/surat/": Row(OFFICE),
    "dinkes/pcare/pencocokan/jalankan/": Row(OFFICE_ADMIN, method="POST"),
    "dinkes/pcare/pencocokan/<int:difference_id>/kirim-ulang/": Row(
        OFFICE_ADMIN, "dinkes/pcare/pencocokan/1/kirim-ulang/", method="POST"
    ),
    "dinkes/pcare/<uuid:delivery_id>/": Row(OFFICE, "dinkes/pcare/{delivery.pk}/"),
    "dinkes/pcare/<uuid:delivery_id>/kirim-ulang/": Row(
        OFFICE_ADMIN, "dinkes/pcare/{delivery.pk}/kirim-ulang/", method="POST"
    ),
    "dinkes/pcare/<uuid:delivery_id>/serahkan/": Row(
        OFFICE_ADMIN, "dinkes/pcare/{delivery.pk}/serahkan/", method="POST"
    ),
    "dinkes/pcare/<uuid:delivery_id>/dilaporkan/": Row(
        OFFICE_ADMIN, "dinkes/pcare/{delivery.pk}/dilaporkan/", method="POST"
    ),
    "petugas/stok/diumumkan/": Row(KEEPER),
    "petugas/stok/diumumkan/<int:delivery_id>/batal/": Row(KEEPER, "petugas/stok/diumumkan/{announced.pk}/batal/"),
    "dinkes/stok/diumumkan/": Row(OFFICE_ADMIN),
    "dinkes/stok/diumumkan/<int:delivery_id>/batal/": Row(OFFICE_ADMIN, "dinkes/stok/diumumkan/{announced.pk}/batal/"),
    "dinkes/jadwal/": Row(OFFICE),
    "dinkes/jadwal/<int:schedule_id>/": Row(OFFICE, "dinkes/jadwal/{schedule.pk}/"),
    "dinkes/jadwal/<int:schedule_id>/daftar.<schedule_file:kind>": Row(
        OFFICE, "dinkes/jadwal/{schedule.pk}/daftar.csv"
    ),
    "dinkes/jadwal/<int:schedule_id>/tutup/": Row(OFFICE_ADMIN, "dinkes/jadwal/{schedule.pk}/tutup/"),
    "dinkes/jadwal/<int:schedule_id>/kurangi/": Row(OFFICE_ADMIN, "dinkes/jadwal/{schedule.pk}/kurangi/"),
    "dinkes/jadwal/<int:schedule_id>/terdampak/": Row(OFFICE, "dinkes/jadwal/{schedule.pk}/terdampak/"),
    "dinkes/jadwal/<int:schedule_id>/terdampak.csv": Row(OFFICE, "dinkes/jadwal/{schedule.pk}/terdampak.csv"),
    "dinkes/jadwal/<int:schedule_id>/buka/": Row(OFFICE_ADMIN, "dinkes/jadwal/{schedule.pk}/buka/", method="POST"),
    "dinkes/jadwal/pola/": Row(OFFICE_ADMIN),
    "dinkes/jadwal/pola/baru/": Row(OFFICE_ADMIN),
    "dinkes/jadwal/pola/<int:template_id>/": Row(OFFICE_ADMIN, "dinkes/jadwal/pola/{template.pk}/"),
    "dinkes/jadwal/pola/<int:template_id>/hapus/": Row(
        OFFICE_ADMIN, "dinkes/jadwal/pola/{template.pk}/hapus/", method="POST"
    ),
    "dinkes/jadwal/pola/<int:template_id>/terbit/": Row(OFFICE_ADMIN, "dinkes/jadwal/pola/{template.pk}/terbit/"),
    "dinkes/antrean/": Row(OFFICE),
    "dinkes/antrean/nyalakan/": Row(OFFICE_ADMIN, method="POST"),
    "^dinkes/antrean/(?P<room_id>[0-9]{1,18})/(?P<action>mati|cepat|lambat|jeda|lanjut|pesan)/$": Row(
        OFFICE_ADMIN, "dinkes/antrean/{room.pk}/jeda/", method="POST"
    ),
    "dinkes/undian/": Row(OFFICE),
    "dinkes/undian/baru/": Row(OFFICE_ADMIN),
    "dinkes/undian/<int:draw_id>/": Row(OFFICE, "dinkes/undian/{draw.pk}/"),
    "dinkes/undian/<int:draw_id>/batal/": Row(OFFICE_ADMIN, "dinkes/undian/{draw.pk}/batal/"),
    "dinkes/undian/<int:draw_id>/laporan.csv": Row(OFFICE, "dinkes/undian/{draw.pk}/laporan.csv"),
    "petugas/tunggu/": Row(OUTREACH),
    "petugas/tunggu/baru/": Row(OUTREACH),
    "petugas/tunggu/<uuid:public_id>/jawab/": Row(
        "302 302 302 302 404 403 404 403 403", "petugas/tunggu/{by_desk.public_id}/jawab/", method="POST"
    ),
    "petugas/undian/": Row(OUTREACH),
    "petugas/undian/<int:draw_id>/": Row(OUTREACH, "petugas/undian/{draw.pk}/"),
    "petugas/jadwal/": Row(DESK_READ),
    "petugas/jadwal/<int:schedule_id>/": Row(OWN_PLACE, "petugas/jadwal/{schedule.pk}/"),
    "petugas/jadwal/<int:schedule_id>/daftar.<schedule_file:kind>": Row(
        OWN_PLACE, "petugas/jadwal/{schedule.pk}/daftar.csv"
    ),
    "dinkes/": Row(OFFICE),
    "dinkes/verifikasi-data/": Row(OFFICE),
    r"^dinkes/cakupan\.(?P<kind>csv|xlsx)$": Row(OFFICE, "dinkes/cakupan.csv"),
    r"^dinkes/kecamatan/(?P<code>[0-9]{2}\.[0-9]{2}\.[0-9]{2})/$": Row(OFFICE, "dinkes/kecamatan/33.74.01/"),
    "masuk/": Row("200 302 302 200 200 200 200 200 200"),
    "masuk/kode/": Row(MOVED_ON),
    "masuk/kode/ulang/": Row(MOVED_ON, method="POST"),
    "masuk/keluar/": Row(MOVED_ON, method="POST"),
    "keluarga/": Row(CITIZEN),
    "keluarga/tambah/": Row(CITIZEN),
    "^keluarga/periksa/(?P<code>[A-Z0-9-]{4,12})/$": Row(
        "302 404 200 302 302 302 302 302 302", "keluarga/periksa/{claim.public_code}/"
    ),
    "keluarga/<uuid:public_id>/ubah/": Row(FAMILY, "keluarga/{vaccinated.public_id}/ubah/"),
    "jadwal/": Row(PUBLIC),
    "jadwal/<int:schedule_id>/": Row(PUBLIC, "jadwal/{schedule.pk}/"),
    "janji/": Row(CITIZEN),
    "undian/": Row(PUBLIC),
    "undian/<int:draw_id>/": Row(PUBLIC, "undian/{draw.pk}/"),
    "undian/<int:draw_id>/peserta.csv": Row(PUBLIC, "undian/{draw.pk}/peserta.csv"),
    "undian/<int:draw_id>/hasil.csv": Row(PUBLIC, "undian/{draw.pk}/hasil.csv"),
    "janji/undian/<int:draw_id>/": Row(CITIZEN, "janji/undian/{draw.pk}/"),
    "janji/undian/<int:draw_id>/mundur/": Row(
        "302 404 404 302 302 302 302 302 302", "janji/undian/{draw.pk}/mundur/", method="POST"
    ),
    "janji/baru/": Row(CITIZEN),
    "janji/baru/<uuid:citizen_id>/": Row(FAMILY, "janji/baru/{free.public_id}/"),
    "janji/baru/<uuid:citizen_id>/jadwal/<int:schedule_id>/": Row(
        FAMILY, "janji/baru/{free.public_id}/jadwal/{schedule.pk}/"
    ),
    "janji/baru/<uuid:citizen_id>/sesi/<int:slot_id>/": Row(FAMILY, "janji/baru/{free.public_id}/sesi/{slot.pk}/"),
    # Without answers the check page sends the family back to the questions.
    "janji/baru/<uuid:citizen_id>/sesi/<int:slot_id>/periksa/": Row(
        FAMILY.replace("200", "302"), "janji/baru/{free.public_id}/sesi/{slot.pk}/periksa/"
    ),
    "janji/baru/<uuid:citizen_id>/program/<slug:programme>/": Row(
        FAMILY, "janji/baru/{free.public_id}/program/covid19/"
    ),
    "janji/baru/keluarga/": Row(FAMILY, "janji/baru/keluarga/?warga={free.public_id}&warga={vaccinated.public_id}"),
    "janji/baru/keluarga/program/<slug:programme>/": Row(
        FAMILY, "janji/baru/keluarga/program/covid19/?warga={free.public_id}&warga={vaccinated.public_id}"
    ),
    "janji/baru/keluarga/jadwal/<int:schedule_id>/": Row(
        FAMILY, "janji/baru/keluarga/jadwal/{schedule.pk}/?warga={free.public_id}&warga={vaccinated.public_id}"
    ),
    "janji/baru/keluarga/sesi/<int:slot_id>/": Row(
        FAMILY, "janji/baru/keluarga/sesi/{slot.pk}/?warga={free.public_id}&warga={vaccinated.public_id}"
    ),
    # Questions first: the page to check sends whoever has not answered to them.
    "janji/baru/keluarga/sesi/<int:slot_id>/periksa/": Row(
        FAMILY.replace("200", "302"),
        "janji/baru/keluarga/sesi/{slot.pk}/periksa/?warga={free.public_id}&warga={vaccinated.public_id}",
    ),
    "janji/<uuid:public_id>/keluarga/": Row(FAMILY, "janji/{booking.public_id}/keluarga/"),
    "janji/<uuid:public_id>/keluarga/pindah/": Row(FAMILY, "janji/{booking.public_id}/keluarga/pindah/"),
    "janji/<uuid:public_id>/keluarga/batal/": Row(FAMILY, "janji/{booking.public_id}/keluarga/batal/"),
    "janji/tunggu/baru/": Row(CITIZEN),
    "janji/tunggu/<uuid:public_id>/keluar/": Row(FAMILY, "janji/tunggu/{entry.public_id}/keluar/", method="POST"),
    "janji/tawaran/<uuid:public_id>/": Row(FAMILY, "janji/tawaran/{offer.public_id}/"),
    "janji/<uuid:public_id>/": Row(FAMILY, "janji/{booking.public_id}/"),
    "janji/<uuid:public_id>/kalender.ics": Row(FAMILY, "janji/{booking.public_id}/kalender.ics"),
    "janji/<uuid:public_id>/pindah/": Row(FAMILY, "janji/{booking.public_id}/pindah/"),
    "janji/<uuid:public_id>/batal/": Row(FAMILY, "janji/{booking.public_id}/batal/"),
    "antrean/": Row(PUBLIC),
    "antrean/keadaan.json": Row("403 403 403 403 403 403 403 403 403"),  # no turn in this browser
    "antrean/<int:room_id>/": Row(PUBLIC, "antrean/{room.pk}/"),
    "antrean/<int:room_id>/ikut/": Row(CITIZEN, "antrean/{room.pk}/ikut/", method="POST"),
    "antrean/<int:room_id>/masuk/": Row(CITIZEN, "antrean/{room.pk}/masuk/", method="POST"),
    "antrean/<int:room_id>/urutan.csv": Row(PUBLIC, "antrean/{room.pk}/urutan.csv"),
    "stok/": Row(PUBLIC),
    "verifikasi/": Row(PUBLIC),
    "verifikasi/kunci.json": Row(PUBLIC),
    "verifikasi/sw.js": Row(PUBLIC),
    "sertifikat/": Row(CITIZEN),
    "sertifikat/dosis/<uuid:dose>/": Row(FAMILY, "sertifikat/dosis/{dose.uuid}/"),
    "sertifikat/orang/<uuid:public_id>/catatan-vaksinasi.pdf": Row(
        FAMILY, "sertifikat/orang/{vaccinated.public_id}/catatan-vaksinasi.pdf"
    ),
    "sertifikat/berkas/<str:key>/sertifikat-vaksinasi.pdf": Row(
        "410 410 410 410 410 410 410 410 410", "sertifikat/berkas/x/sertifikat-vaksinasi.pdf"
    ),
    "sertifikat/berkas/<str:key>/vaksinasi.smart-health-card": Row(
        "410 410 410 410 410 410 410 410 410", "sertifikat/berkas/x/vaksinasi.smart-health-card"
    ),
    "sertifikat/<slug:token>/": Row(PUBLIC, "sertifikat/tautan-asing/"),
    "sertifikat/<slug:token>/kode/": Row(MOVED_ON, "sertifikat/tautan-asing/kode/"),
    "status/": Row(PUBLIC),
    "cakupan/": Row(PUBLIC),
    "cakupan/cakupan.csv": Row(PUBLIC),
    "": Row(PUBLIC),
    "keluarga/<uuid:public_id>/": Row(FAMILY, "keluarga/{vaccinated.public_id}/"),
    "demo/pesan/": Row(PUBLIC),
    "demo/akun/": Row(PUBLIC),
}
