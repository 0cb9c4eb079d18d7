"""What can go wrong with a delivery, in one table: what the machine does, what a person reads (PROTOCOL section 6)."""

from dataclasses import dataclass, replace
from enum import StrEnum

from pcare_bridge.envelope import SUCCESS_CODES, Reply


class Handling(StrEnum):
    """What the queue does with a row of this class."""

    RETRY = "retry"  # weather: try again by the pauses
    PAUSE = "pause"  # our configuration: stop the account's queue, spend no attempts
    PERSON = "person"  # final for this data: a person decides


@dataclass(frozen=True)
class ErrorClass:
    """One row of the table; `max_attempts` limits a class that deserves less patience than the 72 hours."""

    key: str
    handling: Handling
    title: str
    sentence: str
    todo: str
    owner: str
    max_attempts: int | None = None
    alert: bool = False

    def about(self, service: str) -> "ErrorClass":
        """The same in words about another service than PCare."""
        if service == "PCare":
            return self
        texts = {name: getattr(self, name).replace("PCare", service) for name in ("title", "sentence", "todo")}
        return replace(self, **texts)


_TABLE = [
    ErrorClass(
        "unreachable",
        Handling.RETRY,
        "PCare tidak terjangkau",
        "PCare tidak menjawab atau sambungan terputus.",
        "Tidak perlu apa-apa. Data aman dan dikirim ulang sendiri begitu PCare kembali.",
        "sistem",
    ),
    ErrorClass(
        "server_fault",
        Handling.RETRY,
        "PCare sedang rusak",
        "PCare menjawab dengan galat di sisinya sendiri.",
        "Tidak perlu apa-apa. Data dikirim ulang sendiri. Bila lebih dari satu hari, hubungi BPJS Kesehatan.",
        "sistem",
    ),
    ErrorClass(
        "unreadable",
        Handling.RETRY,
        "Jawaban tidak terbaca",
        "PCare menjawab dengan sesuatu yang bukan jawaban (halaman galat, kosong, atau sandi yang tidak cocok).",
        "Tidak perlu apa-apa. Data dikirim ulang sendiri.",
        "sistem",
    ),
    ErrorClass(
        "slow",
        Handling.RETRY,
        "PCare terlalu lambat",
        "PCare kehabisan waktu saat memproses.",
        "Tidak perlu apa-apa. Data dikirim ulang sendiri.",
        "sistem",
    ),
    ErrorClass(
        "looking",
        Handling.RETRY,
        "Memeriksa kiriman sebelumnya",
        "Jawaban kiriman sebelumnya hilang, jadi daftar PCare dibaca dulu supaya tidak tercatat ganda.",
        "Tidak perlu apa-apa. Data dikirim sendiri begitu daftar itu selesai dibaca.",
        "sistem",
    ),
    ErrorClass(
        "rate_limited",
        Handling.RETRY,
        "Diminta melambat",
        "PCare meminta pengiriman diperlambat.",
        "Tidak perlu apa-apa. Pengiriman dilanjutkan sesudah jeda yang diminta.",
        "sistem",
    ),
    ErrorClass(
        "dependency",
        Handling.RETRY,
        "Layanan di belakang PCare gagal",
        "Layanan lain di belakang PCare tidak dapat membaca data peserta.",
        "Dicoba paling banyak lima kali. Sesudah itu cocokkan NIK, lalu tekan Betulkan dan kirim ulang.",
        "petugas fasilitas",
        max_attempts=5,
    ),
    ErrorClass(
        "expired",
        Handling.PERSON,
        "Terlalu lama gagal",
        "Sudah 72 jam dicoba dan belum berhasil.",
        "Tekan Kirim ulang bila PCare sudah normal, atau laporkan di atas kertas dan tandai di sini.",
        "Dinas Kesehatan",
        alert=True,
    ),
    ErrorClass(
        "configuration",
        Handling.PAUSE,
        "Akun PCare ditolak",
        "PCare menolak akun fasilitas ini: kata sandi kedaluwarsa, kunci salah, atau jam server meleset.",
        "Perbarui kata sandi akun PCare fasilitas, lalu tekan Lanjutkan. Data tetap menunggu dan tidak hilang.",
        "Dinas Kesehatan",
        alert=True,
    ),
    ErrorClass(
        "wrong_key",
        Handling.PAUSE,
        "Kunci sandi tidak cocok",
        "Tiga jawaban berturut-turut tidak dapat dibuka: kunci rahasia salah atau jam server meleset.",
        "Periksa cons-id, kunci rahasia, dan jam server, lalu tekan Lanjutkan.",
        "Dinas Kesehatan",
        alert=True,
    ),
    ErrorClass(
        "other_account",
        Handling.PERSON,
        "Dimulai akun lain",
        "Catatan dosis ini di PCare dimulai dengan akun lain, dan PCare hanya menerima lanjutannya dari akun itu.",
        "Isi kembali akun itu di halaman Akun, atau selesaikan langsung di PCare lalu tandai dilaporkan.",
        "Dinas Kesehatan",
    ),
    ErrorClass(
        "path",
        Handling.PERSON,
        "Alamat layanan salah",
        "Alamat layanan PCare tidak dikenal.",
        "Periksa alamat dasar PCare pada pengaturan, lalu kirim ulang seluruh kelompok ini.",
        "Dinas Kesehatan",
        alert=True,
    ),
    ErrorClass(
        "malformed",
        Handling.PERSON,
        "Bentuk data ditolak",
        "PCare menyatakan bentuk permintaan salah.",
        "Teruskan kepada pengelola sistem; setelah diperbaiki tekan Kirim ulang.",
        "pengelola sistem",
    ),
    ErrorClass(
        "not_found",
        Handling.PERSON,
        "Data tidak ada di PCare",
        "PCare tidak mengenal NIK atau catatan ini.",
        "Cocokkan NIK dengan KTP atau KK, lalu tekan Betulkan dan kirim ulang; atau laporkan di atas kertas.",
        "petugas fasilitas",
    ),
    ErrorClass(
        "not_eligible",
        Handling.PERSON,
        "Bukan peserta JKN aktif",
        "Orang ini tidak terdaftar sebagai peserta JKN yang aktif, jadi kunjungannya tidak diterima.",
        "Tidak perlu diulang. Laporkan lewat SATUSEHAT atau di atas kertas, lalu tandai di sini.",
        "petugas fasilitas",
    ),
    ErrorClass(
        "no_practitioner",
        Handling.PAUSE,
        "Vaksinator tidak dikenal",
        "SATUSEHAT tidak mengenal NIK vaksinator pada akun fasilitas ini.",
        "Betulkan NIK vaksinator pada akun SATUSEHAT fasilitas. Data tetap menunggu dan tidak hilang.",
        "Dinas Kesehatan",
        alert=True,
    ),
    ErrorClass(
        "screening",
        Handling.PERSON,
        "Skrining kesehatan belum diisi",
        "Peserta JKN ini belum mengisi skrining kesehatan tahunan.",
        "Minta peserta mengisi skrining di Mobile JKN, lalu tekan Kirim ulang.",
        "petugas fasilitas",
    ),
    ErrorClass(
        "refused",
        Handling.PERSON,
        "Isi ditolak PCare",
        "PCare menolak isi data ini.",
        "Baca alasan PCare, lalu tekan Betulkan dan kirim ulang; atau Kirim ulang bila alasan itu sudah lewat.",
        "petugas fasilitas",
    ),
    ErrorClass(
        "recorded_elsewhere",
        Handling.PERSON,
        "Sudah dicatat pihak lain",
        "PCare sudah memiliki dosis ini untuk NIK yang sama, dan bukan dari portal ini.",
        "Bandingkan dengan catatan di PCare. Bila sama, tandai sudah dilaporkan; bila beda, betulkan catatan dosis.",
        "petugas fasilitas",
    ),
    ErrorClass(
        "incomplete",
        Handling.PERSON,
        "Data belum lengkap",
        "Data yang diwajibkan PCare belum lengkap, jadi belum dikirim.",
        "Tekan Betulkan dan kirim ulang: isian yang kurang terbuka di sana, dan terkirim begitu disimpan.",
        "petugas fasilitas",
    ),
    ErrorClass(
        "in_file",
        Handling.PERSON,
        "Dilaporkan lewat berkas",
        "Dosis ini ada di berkas unggah dan tidak dikirim sendiri supaya tidak tercatat ganda.",
        "Unggah hasil berkas di halaman Berkas, atau tekan Kirim ulang bila berkas itu tidak jadi dipakai.",
        "Dinas Kesehatan",
    ),
    ErrorClass(
        "file_refused",
        Handling.PERSON,
        "Ditolak saat unggah berkas",
        "Baris dosis ini ditolak ketika berkas diunggah ke PCare.",
        "Baca alasannya di bawah, lalu tekan Betulkan dan kirim ulang.",
        "petugas fasilitas",
    ),
    ErrorClass(
        "unexpected",
        Handling.PERSON,
        "Jawaban di luar daftar",
        "PCare menjawab dengan kode yang tidak dikenal.",
        "Teruskan kepada pengelola sistem; setelah jelas tekan Kirim ulang.",
        "pengelola sistem",
        alert=True,
    ),
]

ERROR_CLASSES = {item.key: item for item in _TABLE}

# Codes of PCare only: the sibling queue service means "refused" by 201, so this table is never shared.
_BY_CODE = {
    204: "not_found",
    400: "malformed",
    403: "configuration",
    404: "path",
    405: "path",
    408: "slow",
    412: "refused",
    424: "dependency",
    429: "rate_limited",
    500: "server_fault",
    502: "server_fault",
    503: "server_fault",
    504: "server_fault",
    5000: "server_fault",
    50000: "server_fault",
}

# Answers after which a write certainly did not happen; everything else leaves it in doubt.
CERTAINLY_NOT_WRITTEN = frozenset(
    {
        "malformed",
        "configuration",
        "path",
        "refused",
        "recorded_elsewhere",
        "rate_limited",
        "not_found",
        "screening",
        "incomplete",
        "not_eligible",
        "no_practitioner",
    }
)


def classify(reply: Reply) -> ErrorClass | None:
    """Return the error class of a reply, or None for a success."""
    if reply.ok:
        return None
    if reply.code == 401:
        # The same code carries a business refusal about the yearly health screening (PROTOCOL 6).
        key = "screening" if "skrining" in f"{reply.message} {reply.text}".lower() else "configuration"
        return ERROR_CLASSES[key]
    if reply.code in _BY_CODE:
        return ERROR_CLASSES[_BY_CODE[reply.code]]
    if reply.unreadable or reply.code in SUCCESS_CODES or 300 <= reply.code < 400:
        return ERROR_CLASSES["unreadable"]
    return ERROR_CLASSES["server_fault" if 500 <= reply.code < 600 else "unexpected"]


def alerts_operators(error: ErrorClass, message: str) -> bool:
    """Whether operators must be told: by class, or a 400 that speaks of signature or header (PROTOCOL section 6)."""
    speech = message.lower()
    return error.alert or (error.key == "malformed" and ("signature" in speech or "header" in speech))
