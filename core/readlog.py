"""Who opened whose record, and why (UU 27/2022; RULES D-9)."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from core.models import ReadLog

PURPOSES = {
    "check_in": _("Pendaftaran di meja layanan"),
    "screening": _("Skrining kesehatan"),
    "dose": _("Pencatatan penyuntikan"),
    "observation": _("Pemantauan setelah suntik"),
    "correction": _("Perbaikan data"),
    "identity": _("Pemeriksaan identitas"),
    "pcare": _("Tindak lanjut pengiriman ke PCare"),
    "certificate": _("Bantuan sertifikat"),
    "complaint": _("Penanganan pengaduan"),
    "day_list": _("Daftar harian fasilitas"),
    "draw": _("Pendaftaran undian"),
    "waitlist": _("Pendaftaran daftar tunggu"),
    "partner": _("Pencatatan oleh fasilitas mitra"),
}


def log_read(*, user: Any, citizen_id: int, purpose: str, note: str = "") -> ReadLog:
    """Record that `user` opened the record of `citizen_id`; `purpose` is a key of PURPOSES, else KeyError."""
    PURPOSES[purpose]
    return ReadLog.objects.create(user=user, citizen_id=citizen_id, purpose=purpose, note=note[:200])
