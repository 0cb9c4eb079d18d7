"""Schedules for everybody, booking and tickets for signed-in citizens."""

from django.urls import path

from scheduling.views import appointments, booking, draws, family, family_tickets, public, waiting

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
    path("janji/baru/keluarga/", family.choose_programme, name="family"),
    path("janji/baru/keluarga/program/<slug:programme>/", family.choose_schedule, name="family_schedules"),
    path("janji/baru/keluarga/jadwal/<int:schedule_id>/", family.choose_slot, name="family_slots"),
    path("janji/baru/keluarga/sesi/<int:slot_id>/", family.answer_questions, name="family_questions"),
    path("janji/baru/keluarga/sesi/<int:slot_id>/periksa/", family.check_answers, name="family_check"),
    path("janji/<uuid:public_id>/keluarga/", family_tickets.all_tickets, name="family_tickets"),
    path("janji/<uuid:public_id>/keluarga/pindah/", family_tickets.move, name="family_move"),
    path("janji/<uuid:public_id>/keluarga/batal/", family_tickets.cancel, name="family_cancel"),
    path("janji/tunggu/baru/", waiting.join, name="join_waitlist"),
    path("janji/tunggu/<uuid:public_id>/keluar/", waiting.leave, name="leave_waitlist"),
    path("janji/tawaran/<uuid:public_id>/", waiting.offer, name="offer"),
    path("undian/", draws.draw_list, name="draw_list"),
    path("undian/<int:draw_id>/", draws.draw_page, name="draw"),
    path("undian/<int:draw_id>/peserta.csv", draws.participants, name="draw_participants"),
    path("undian/<int:draw_id>/hasil.csv", draws.result, name="draw_result"),
    path("janji/undian/<int:draw_id>/", draws.enter, name="draw_enter"),
    path("janji/undian/<int:draw_id>/mundur/", draws.withdraw, name="draw_withdraw"),
    path("janji/<uuid:public_id>/", appointments.ticket, name="ticket"),
    path("janji/<uuid:public_id>/kalender.ics", appointments.calendar_entry, name="calendar"),
    path("janji/<uuid:public_id>/pindah/", appointments.move, name="move"),
    path("janji/<uuid:public_id>/batal/", appointments.cancel, name="cancel"),
]
