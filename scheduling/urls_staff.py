"""Schedules for the health office and for the desk."""

from django.urls import path, register_converter

from scheduling.views import draws_staff, staff, waiting_staff


class FileKind:
    """The two forms of a download."""

    regex = "csv|xlsx"

    def to_python(self, value: str) -> str:
        """As written."""
        return value

    def to_url(self, value: str) -> str:
        """As written."""
        return value


register_converter(FileKind, "schedule_file")

app_name = "schedules"
urlpatterns = [
    path("dinkes/jadwal/", staff.dinkes_list, name="dinkes_list"),
    path("dinkes/jadwal/<int:schedule_id>/", staff.dinkes_detail, name="dinkes_detail"),
    path("dinkes/jadwal/<int:schedule_id>/daftar.<schedule_file:kind>", staff.dinkes_download, name="dinkes_download"),
    path("dinkes/jadwal/<int:schedule_id>/tutup/", staff.close, name="close"),
    path("dinkes/jadwal/<int:schedule_id>/kurangi/", staff.shrink, name="shrink"),
    path("dinkes/jadwal/<int:schedule_id>/terdampak/", staff.displaced, name="displaced"),
    path("dinkes/jadwal/<int:schedule_id>/terdampak.csv", staff.displaced_csv, name="displaced_csv"),
    path("dinkes/jadwal/<int:schedule_id>/buka/", staff.reopen, name="reopen"),
    path("dinkes/jadwal/pola/", staff.template_list, name="templates"),
    path("dinkes/jadwal/pola/baru/", staff.edit_template, name="new_template"),
    path("dinkes/jadwal/pola/<int:template_id>/", staff.edit_template, name="edit_template"),
    path("dinkes/jadwal/pola/<int:template_id>/hapus/", staff.delete_template, name="delete_template"),
    path("dinkes/jadwal/pola/<int:template_id>/terbit/", staff.publish, name="publish"),
    path("dinkes/undian/", draws_staff.office_list, name="draws"),
    path("dinkes/undian/baru/", draws_staff.announce, name="draw_new"),
    path("dinkes/undian/<int:draw_id>/", draws_staff.office_page, name="draw"),
    path("dinkes/undian/<int:draw_id>/batal/", draws_staff.cancel, name="draw_cancel"),
    path("dinkes/undian/<int:draw_id>/laporan.csv", draws_staff.report, name="draw_report"),
    path("petugas/undian/", draws_staff.desk_list, name="draw_desk"),
    path("petugas/undian/<int:draw_id>/", draws_staff.desk_enter, name="draw_desk_enter"),
    path("petugas/tunggu/", waiting_staff.entries, name="waiting_desk"),
    path("petugas/tunggu/baru/", waiting_staff.join, name="waiting_desk_join"),
    path("petugas/tunggu/<uuid:public_id>/jawab/", waiting_staff.answer, name="waiting_desk_answer"),
    path("petugas/jadwal/", staff.petugas_list, name="petugas_list"),
    path("petugas/jadwal/<int:schedule_id>/", staff.petugas_detail, name="petugas_detail"),
    path(
        "petugas/jadwal/<int:schedule_id>/daftar.<schedule_file:kind>", staff.petugas_download, name="petugas_download"
    ),
]
