"""The desk: /petugas/."""

from django.urls import include, path

from vaccination.views import doses, people, today, visits

desk = [
    path("", today.today, name="today"),
    path("cari/", today.find, name="find"),
    path("fasilitas/", today.switch_facility, name="facility"),
    path("daftar/cetak/", today.print_list, name="print"),
    path("janji/<uuid:public_id>/", people.appointment, name="appointment"),
    path("warga/baru/", people.new_citizen, name="new_citizen"),
    path("warga/<uuid:public_id>/", people.record, name="citizen"),
    path("warga/<uuid:public_id>/nik/", people.reveal_nik, name="reveal_nik"),
    path("warga/<uuid:public_id>/datang/", people.walk_in, name="walk_in"),
    path("warga/<uuid:public_id>/riwayat/", people.past_dose, name="past_dose"),
    path("kunjungan/<uuid:public_id>/skrining/", visits.screening, name="screening"),
    path("kunjungan/<uuid:public_id>/suntik/", visits.dose, name="dose"),
    path("kunjungan/<uuid:public_id>/hasil/", visits.given, name="given"),
    path("kunjungan/<uuid:public_id>/pulang/", visits.finish, name="finish"),
    path("kunjungan/<uuid:public_id>/akhiri/", visits.end, name="end"),
    path("pantau/", visits.observation, name="observation"),
    path("dosis/<uuid:dose_uuid>/perbaiki/", doses.correct, name="correct"),
    path("dosis/<uuid:dose_uuid>/batalkan/", doses.withdraw, name="withdraw"),
    path("dosis/<uuid:dose_uuid>/kipi/", doses.adverse_event, name="adverse_event"),
    path("kipi/<int:event_id>/", doses.adverse_event_done, name="adverse_event_done"),
]
urlpatterns = [path("petugas/", include((desk, "desk")))]
