"""Why a dose may or may not be given: stable codes for programs, one plain sentence for people."""

from typing import TYPE_CHECKING

from django.utils import formats
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from programmes.rules import Option

OK = "ok"
TOO_YOUNG, TOO_OLD, TOO_EARLY = "too_young", "too_old", "too_early"
NOT_OPEN, OTHER_GROUP, OTHER_COHORT, OTHER_SEX, OTHER_GRADE = (
    "not_open_yet",
    "other_group",
    "other_cohort",
    "other_sex",
    "other_grade",
)
OTHER_VACCINE, LIVE_VACCINE, RECOVERY = "other_vaccine_gap", "live_vaccine_gap", "recovery_wait"
COMPLETE, NOT_NEXT = "complete", "not_next_dose"
# From here on a person decides.
UNVERIFIED, NO_RULE, MIXED_SERIES = "unverified_rule", "no_rule", "mixed_series"
HISTORY_CONFLICT, FLAGGED_DOSE = "history_conflict", "flagged_dose"
PREGNANCY, T_STATUS, GRADE_UNKNOWN, SEX_UNKNOWN, NO_BIRTH_DATE = (
    "pregnancy",
    "t_status",
    "grade_unknown",
    "sex_unknown",
    "no_birth_date",
)


def local_label(label: str) -> str:
    """A dose's label in the active language; names of vaccines stay, only "Dosis 2" becomes "Dose 2"."""
    head, _space, number = label.partition(" ")
    return _("Dosis %(number)s") % {"number": number} if head == "Dosis" and number else label


def field_label(name: str) -> str:
    """Name of an unverified field as staff and citizens read it."""
    return {
        "min_age": _("usia minimal"),
        "max_age": _("usia maksimal"),
        "min_interval": _("jarak minimal"),
        "valid_from": _("tanggal mulai berlaku"),
        "rule": _("seluruh aturan produk ini"),
    }.get(name, name)


def explain(option: "Option") -> str:
    """One sentence for `option` in the active language; says what to do when a person has to decide."""
    text = _sentence(option)
    if option.manual_review:
        text = _("%(why)s Tinjau manual: petugas yang memutuskan di tempat layanan.") % {"why": text}
    return text


def _sentence(option: "Option") -> str:
    span = str(option.span) if option.span else ""
    day = formats.date_format(option.eligible_from, "j F Y") if option.eligible_from else ""
    match option.reason:
        case "ok":
            return _("Boleh diberikan pada tanggal ini.")
        case "too_young":
            return _("Usia minimal %(span)s; bisa mulai %(day)s.") % {"span": span, "day": day}
        case "too_old":
            if span:
                return _("Hanya untuk usia di bawah %(span)s.") % {"span": span}
            return _("Batas usia sudah lewat.")
        case "too_early":
            return _("Jarak minimal %(span)s dari dosis sebelumnya; bisa mulai %(day)s.") % {"span": span, "day": day}
        case "not_open_yet":
            return _("Untuk kelompok Anda dibuka mulai %(day)s.") % {"day": day}
        case "other_group":
            return _("Belum dibuka untuk kelompok Anda.")
        case "other_cohort":
            return _("Hanya untuk anak yang lahir setelah vaksin ini masuk program.")
        case "other_sex":
            return _("Vaksin ini untuk perempuan.")
        case "other_grade":
            return _("Diberikan di kelas lain pada bulan imunisasi anak sekolah.")
        case "other_vaccine_gap":
            return _("Jarak %(span)s dari vaksin lain; bisa mulai %(day)s.") % {"span": span, "day": day}
        case "live_vaccine_gap":
            return _("Jarak %(span)s dari vaksin hidup lain atau pada hari yang sama.") % {"span": span}
        case "recovery_wait":
            return _("Tunggu %(span)s setelah sembuh dari COVID-19; bisa mulai %(day)s.") % {"span": span, "day": day}
        case "complete":
            return _("Semua dosis program ini sudah lengkap.")
        case "not_next_dose":
            return _("Dosis ini bukan dosis berikutnya menurut riwayat.")
        case "unverified_rule":
            names = ", ".join(field_label(name) for name in option.unverified)
            if day:
                return _("Aturan belum terverifikasi (%(names)s); yang sudah pasti: mulai %(day)s.") % {
                    "names": names,
                    "day": day,
                }
            return _("Aturan belum terverifikasi (%(names)s).") % {"names": names}
        case "no_rule":
            return _("Kombinasi vaksin ini tidak ada dalam tabel aturan.")
        case "mixed_series":
            return _("Dosis sebelumnya memakai vaksin yang berbeda.")
        case "history_conflict":
            return _("Urutan atau tanggal dosis dalam riwayat tidak cocok.")
        case "flagged_dose":
            return _("Ada dosis yang diberikan lebih awal dari aturan.")
        case "pregnancy":
            return _("Ibu hamil diperiksa dengan formulir khusus.")
        case "t_status":
            return _("Status imunisasi tetanus perlu diperiksa dulu.")
        case "grade_unknown":
            return _("Diberikan menurut kelas di sekolah; kelas belum tercatat.")
        case "sex_unknown":
            return _("Jenis kelamin belum tercatat.")
        case "no_birth_date":
            return _("Tanggal lahir belum tercatat.")
    return _("Belum bisa diberikan.")
