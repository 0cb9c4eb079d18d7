"""Who opened whose record, and why (UU 27/2022; RULES D-9)."""

from typing import Any

from core.models import ReadLog

PURPOSES = {
    "check_in": "Pendaftaran di meja layanan",
    "screening": "Skrining kesehatan",
    "dose": "Pencatatan penyuntikan",
    "observation": "Pemantauan setelah suntik",
    "correction": "Perbaikan data",
    "identity": "Pemeriksaan identitas",
    "pcare": "Tindak lanjut pengiriman ke PCare",
    "certificate": "Bantuan sertifikat",
    "complaint": "Penanganan pengaduan",
    "day_list": "Daftar harian fasilitas",
    "partner": "Pencatatan oleh fasilitas mitra",
}


def log_read(*, user: Any, citizen_id: int, purpose: str, note: str = "") -> ReadLog:
    """Record that `user` opened the record of `citizen_id`; `purpose` is a key of PURPOSES, else KeyError."""
    PURPOSES[purpose]
    return ReadLog.objects.create(user=user, citizen_id=citizen_id, purpose=purpose, note=note[:200])
