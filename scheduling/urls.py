"""Schedules for everybody, booking and tickets for signed-in citizens."""

from django.urls import path

from scheduling.views import appointments, booking, public, waiting

app_name = "scheduling"
urlpatterns = [
    path("jadwal/", public.schedule_list, name="list"),
    path("jadwal/<int:schedule_id>/", public.schedule_detail, name="detail"),
    path("janji/", appointments.appointment_list, name="appointments"),
    path("janji/baru/", booking.choose_member, name="new"),
    path("janji/baru/<uuid:citizen_id>/", booking.choose_programme, name="new_for"),
    path("janji/baru/<uuid:citizen_id>/jadwal/<int:schedule_id>/", booking.choose_slot, name="choose_slot"),
    path("janji/baru/<uuid:citizen_id>/sesi/<int:slot_id>/", booking.answer_questions, name="questions"),
    path("janji/baru/<uuid:citizen_id>/sesi/<int:slot_id>/periksa/", booking.check_answers, name="check"),
    path("janji/baru/<uuid:citizen_id>/program/<slug:programme>/", booking.choose_schedule, name="choose_schedule"),
    path("janji/tunggu/baru/", waiting.join, name="join_waitlist"),
    path("janji/tunggu/<uuid:public_id>/keluar/", waiting.leave, name="leave_waitlist"),
    path("janji/tawaran/<uuid:public_id>/", waiting.offer, name="offer"),
    path("janji/<uuid:public_id>/", appointments.ticket, name="ticket"),
    path("janji/<uuid:public_id>/kalender.ics", appointments.calendar_entry, name="calendar"),
    path("janji/<uuid:public_id>/pindah/", appointments.move, name="move"),
    path("janji/<uuid:public_id>/batal/", appointments.cancel, name="cancel"),
]
