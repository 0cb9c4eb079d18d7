"""Desk forms: input checks and labels. Each carries a key, so that sending it twice does the work once."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone

from accounts.models import Membership, User
from programmes.catalogue import active_ruleset
from programmes.screening import Item
from regions.models import Facility, Kelurahan
from registration.models import Citizen
from stock.forms import KeyedForm, choices_of, rows_of
from stock.queries import LotOnShelf
from vaccination.adverse_events import SYMPTOMS
from vaccination.models import AdverseEvent, Immunization, Screening
from vaccination.past_doses import ORIGINS
from vaccination.queries import DoseChoice
from vaccination.services import OBSERVE_MINUTES, OBSERVE_MINUTES_ALLERGY

_AS_TYPED = {True: "ya", False: "tidak", None: None}
YES_NO = [("ya", "Ya"), ("tidak", "Tidak")]
BODY_SITES = [
    ("LA", "Lengan kiri"),
    ("RA", "Lengan kanan"),
    ("LT", "Paha kiri"),
    ("RT", "Paha kanan"),
    ("", "Lewat mulut"),
]
TIME_FORMATS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%d-%m-%Y %H.%M", "%d-%m-%Y %H:%M"]


class MomentField(forms.DateTimeField):
    """A local date and time, typed with the browser's own control."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(widget=widget, input_formats=TIME_FORMATS, **kwargs)


class DayField(forms.DateField):
    """A local date, typed with the browser's own control."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        super().__init__(widget=widget, input_formats=["%Y-%m-%d", "%d-%m-%Y", "%d/%m/%Y"], **kwargs)


TEMPERATURE = "Tulis suhu antara 30 dan 45, mis. 36,5."


class ScreeningForm(KeyedForm):
    """The questions of one version of a questionnaire, one reading, and the decision."""

    temperature_c = forms.DecimalField(
        label="Suhu (°C)", required=False, decimal_places=1, localize=True, error_messages={"invalid": TEMPERATURE},
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )  # fmt: skip
    systolic = forms.IntegerField(label="Tekanan darah atas (sistolik)", required=False, min_value=50, max_value=300)
    diastolic = forms.IntegerField(label="Tekanan darah bawah (diastolik)", required=False, min_value=20, max_value=200)
    outcome = forms.ChoiceField(
        label="Keputusan", required=False, widget=forms.RadioSelect,
        choices=[("", "Ikuti usulan formulir"), *Screening.Outcome.choices],
    )  # fmt: skip
    override_reason = forms.CharField(
        label="Alasan berbeda dari usulan", required=False, max_length=200,
        help_text="Diisi bila keputusan Anda berbeda dari usulan formulir.",
    )  # fmt: skip
    postponed_until = DayField(label="Ditunda sampai", required=False)

    def __init__(self, *args: Any, items: Sequence[Item], answers: dict[str, bool], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.items = items
        for item in items:
            self.fields[f"q_{item.key}"] = forms.ChoiceField(
                label=item.text,
                help_text=item.help_text,
                required=False,
                choices=YES_NO,
                widget=forms.RadioSelect,
                initial=_AS_TYPED[answers.get(item.key)],
            )

        for name, field in self.fields.items():
            if name != "postponed_until":
                vars(field)["conditional"] = True  # needed in some cases, so never marked "optional"

    def questions(self) -> list[forms.BoundField]:
        """The question fields in order."""
        return [self[f"q_{item.key}"] for item in self.items]

    def answers(self) -> dict[str, bool]:
        """What was answered; an untouched question is missing, never "no"."""
        given = {item.key: self.cleaned_data.get(f"q_{item.key}") for item in self.items}
        return {key: value == "ya" for key, value in given.items() if value}

    def reading(self) -> dict[str, Any]:
        """Temperature and blood pressure as typed."""
        return {key: self.cleaned_data.get(key) for key in ("temperature_c", "systolic", "diastolic")}

    def clean_temperature_c(self) -> Decimal | None:
        """A temperature of a living person; one sentence, also where a comma is missing ("365")."""
        value: Decimal | None = self.cleaned_data["temperature_c"]
        if value is not None and not 30 <= value <= 45:
            raise forms.ValidationError(TEMPERATURE)
        return value

    def clean(self) -> dict[str, Any]:
        """Blood pressure comes in pairs."""
        data = super().clean() or {}
        high, low = data.get("systolic"), data.get("diastolic")
        if (high is None) != (low is None) and not {"systolic", "diastolic"} & self.errors.keys():
            self.add_error("diastolic" if low is None else "systolic", "Isi kedua angka tekanan darah.")
        if high is not None and low is not None and low >= high:
            self.add_error("diastolic", "Angka bawah harus lebih kecil dari angka atas.")
        return data


def vaccinators(facility: Facility) -> list[User]:
    """People who may inject at this facility today."""
    valid = Membership.objects.valid_on(timezone.localdate()).filter(
        role=Membership.Role.VACCINATOR, facility=facility, user__is_active=True
    )
    return list(User.objects.filter(pk__in=valid.values("user_id")).order_by("full_name", "pk"))


class DoseForm(KeyedForm):
    """One injection: dose and lot, place on the body, time, who gave it."""

    choice = forms.ChoiceField(label="Dosis dan batch", widget=forms.RadioSelect)
    lot_confirmed = forms.BooleanField(
        label="Batch dikonfirmasi: nomor dan tanggal kedaluwarsa pada vial sudah saya cocokkan",
        error_messages={"required": "Cocokkan nomor batch pada vial, lalu centang."},
    )
    body_site = forms.ChoiceField(
        label="Lokasi suntik", choices=BODY_SITES, widget=forms.RadioSelect, initial="LA", required=False
    )
    occurred_at = MomentField(label="Waktu penyuntikan (WIB)")
    performer = forms.ModelChoiceField(label="Vaksinator", queryset=User.objects.none())
    observe_minutes = forms.TypedChoiceField(
        label="Lama pemantauan", coerce=int, widget=forms.RadioSelect, initial=OBSERVE_MINUTES,
        choices=[(OBSERVE_MINUTES, "15 menit"), (OBSERVE_MINUTES_ALLERGY, "30 menit (riwayat alergi atau keluhan)")],
    )  # fmt: skip
    override_reason = forms.CharField(
        label="Alasan tetap diberikan", required=False, max_length=200,
        help_text="Hanya untuk pilihan bertanda “perlu alasan”: siapa yang memutuskan dan mengapa.",
    )  # fmt: skip

    def __init__(
        self, *args: Any, choices: Sequence[DoseChoice], facility: Facility, user: User, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.choices_by_value = {choice.value: choice for choice in choices}
        field = choices_of(self, "choice")
        field.choices = [(choice.value, choice_text(choice)) for choice in choices]
        field.error_messages["invalid_choice"] = "Batch itu tidak tersedia lagi. Pilih batch lain."
        field.initial = choices[0].value if choices else None
        people = vaccinators(facility)
        performer = rows_of(self, "performer")
        performer.queryset = User.objects.filter(pk__in=[person.pk for person in people])
        performer.initial = user.pk if user in people else (people[0].pk if len(people) == 1 else None)
        self.fields["occurred_at"].initial = timezone.localtime
        vars(self.fields["body_site"])["conditional"] = True

    def dose_and_lot(self) -> tuple[str, int]:
        """Dose code and lot id of the chosen line."""
        dose_code, _colon, lot_id = self.cleaned_data["choice"].rpartition(":")
        return dose_code, int(lot_id)


def choice_text(choice: DoseChoice) -> str:
    """One line the vaccinator can compare with the vial."""
    lot = choice.lot
    parts = [
        f"{choice.option.dose_label} – {lot.vaccine_name}",
        choice.option.volume,
        f"batch {lot.lot_number}",
        f"kedaluwarsa {lot.expiration_date:%d-%m-%Y}",
        f"tersedia {lot.doses}",
    ]
    if lot.opened:
        parts.append(f"vial terbuka, sisa {lot.opened}")
    if choice.is_proposed:
        parts.append(f"USULAN: {lot.why_first}")
    if choice.needs_reason:
        parts.append(f"perlu alasan: {choice.option.text}")
    return " · ".join(part for part in parts if part)


class CorrectionForm(KeyedForm):
    """What was wrong in a dose on record, and why it is changed."""

    lot_id = forms.TypedChoiceField(label="Batch yang benar", coerce=int, required=False)
    dose_code = forms.ChoiceField(label="Dosis yang benar")
    occurred_at = MomentField(label="Waktu penyuntikan (WIB)")
    body_site = forms.ChoiceField(label="Lokasi suntik", choices=BODY_SITES, required=False)
    performer = forms.ModelChoiceField(label="Vaksinator", queryset=User.objects.none(), required=False)
    reason = forms.CharField(
        label="Alasan perbaikan", max_length=200, help_text="Contoh: nomor batch tertukar dengan vial lain."
    )
    override_reason = forms.CharField(label="Alasan menyimpang dari aturan", required=False, max_length=200)

    def __init__(self, *args: Any, row: Immunization, lots: Sequence[LotOnShelf], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = [(row.lot_id_used, f"{row.vaccine.short_name} – batch {row.lot_number} (seperti tercatat)")]
        others = [
            (lot.lot_id, f"{lot.vaccine_name} – batch {lot.lot_number} – kedaluwarsa {lot.expiration_date:%d-%m-%Y}")
            for lot in lots
            if lot.lot_id != row.lot_id_used
        ]
        if row.is_primary_source:
            choices_of(self, "lot_id").choices = own + others
            people = {person.pk for person in vaccinators(row.facility)} if row.facility else set()
            rows_of(self, "performer").queryset = User.objects.filter(pk__in=people | {row.performer_id})
        else:
            del self.fields["lot_id"], self.fields["performer"]
        codes = dict.fromkeys((rule.dose_code, rule.dose_label) for rule in active_ruleset().of(row.programme_id))
        choices_of(self, "dose_code").choices = list(codes)
        for name in self.fields.keys() & {"lot_id", "dose_code", "body_site"}:
            self.fields[name].initial = getattr(row, "lot_id_used" if name == "lot_id" else name)
        self.fields["occurred_at"].initial = timezone.localtime(row.occurred_at)
        if "performer" in self.fields:
            self.fields["performer"].initial = row.performer_id

    def point_at(self, name: str) -> None:
        """Begin at the field that another page says is wrong; an unknown name changes nothing."""
        if name in self.fields:
            self.fields[name].widget.attrs["autofocus"] = True

    def changes(self, row: Immunization) -> dict[str, Any]:
        """Only what differs from the row; minutes are compared, because the control knows no seconds."""
        data = {name: self.cleaned_data[name] for name in ("dose_code", "body_site", "occurred_at")}
        if data["occurred_at"] == row.occurred_at.replace(second=0, microsecond=0):
            del data["occurred_at"]
        if "lot_id" in self.fields:
            data |= {
                "lot_id": self.cleaned_data["lot_id"],
                "performer": self.cleaned_data["performer"] or row.performer,
            }
        return {name: value for name, value in data.items() if value != ""}


class ReasonForm(forms.Form):
    """A step that cannot be taken back without saying why."""

    reason = forms.CharField(label="Alasan", max_length=200)


class PastDoseForm(KeyedForm):
    """A dose given before or elsewhere."""

    dose = forms.ChoiceField(label="Vaksin dan dosis")
    occurred_on = DayField(label="Tanggal diberikan")
    origin = forms.ChoiceField(
        label="Asal keterangan", choices=list(ORIGINS.items()), widget=forms.RadioSelect, initial="card"
    )
    outside_facility = forms.CharField(label="Tempat", required=False, max_length=120)
    lot_number = forms.CharField(label="Nomor batch", required=False, max_length=20)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ruleset = active_ruleset()
        groups = []
        for code, scheme in ruleset.schemes.items():
            rules = dict.fromkeys((rule.vaccine, rule.dose_code, rule.dose_label) for rule in ruleset.of(code))
            lines = [
                (f"{code}:{vaccine}:{dose}", f"{ruleset.label(vaccine)} – {label}") for vaccine, dose, label in rules
            ]
            groups.append((scheme.label, sorted(lines, key=lambda line: line[1])))
        choices_of(self, "dose").choices = [("", "Pilih vaksin dan dosis"), *groups]

    def clean_occurred_on(self) -> date:
        """Not in the future."""
        day: date = self.cleaned_data["occurred_on"]
        if day > timezone.localdate():
            raise forms.ValidationError("Tanggal ada di masa depan.")
        return day


class WalkInForm(KeyedForm):
    """Which schedule of today, and which dose, for somebody who came without a ticket."""

    choice = forms.ChoiceField(
        label="Jadwal hari ini", widget=forms.RadioSelect, error_messages={"required": "Pilih jadwal dan dosis."}
    )

    def __init__(self, *args: Any, choices: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices_of(self, "choice").choices = choices
        if choices:
            self.fields["choice"].initial = choices[0][0]


class NewCitizenForm(forms.Form):
    """A person not on record yet, with the card in hand or with the reason for having none."""

    nik = forms.CharField(
        label="NIK",
        required=False,
        max_length=24,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    no_nik_reason = forms.ChoiceField(
        label="Alasan tanpa NIK", required=False, choices=[("", "Ada NIK"), *Citizen.NoNikReason.choices],
        help_text="Warga tetap dilayani; nomor sementara dibuat dan NIK disusulkan.",
    )  # fmt: skip
    full_name = forms.CharField(
        label="Nama lengkap", max_length=100, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    birth_date = DayField(label="Tanggal lahir")
    sex = forms.ChoiceField(label="Jenis kelamin", choices=Citizen.Sex.choices, widget=forms.RadioSelect)
    kelurahan = forms.ModelChoiceField(
        label="Kelurahan sesuai KTP", required=False, queryset=Kelurahan.objects.select_related("kecamatan"),
        empty_label="Di luar Kota Semarang atau belum diketahui",
    )  # fmt: skip
    contact_phone = forms.CharField(
        label="Nomor telepon", required=False, max_length=20, help_text="Untuk kode sertifikat dan kabar."
    )

    def clean(self) -> dict[str, Any]:
        """Either a NIK or a reason."""
        data = super().clean() or {}
        if not data.get("nik") and not data.get("no_nik_reason") and "nik" not in self.errors:
            self.add_error("no_nik_reason", "Isi NIK, atau pilih alasan tanpa NIK.")
        return data


class AdverseEventForm(KeyedForm):
    """A KIPI as the desk first hears of it."""

    onset_at = MomentField(label="Gejala mulai (WIB)")
    symptoms = forms.MultipleChoiceField(
        label="Gejala", choices=list(SYMPTOMS.items()), widget=forms.CheckboxSelectMultiple
    )
    description = forms.CharField(
        label="Uraian", required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3})
    )
    is_serious = forms.BooleanField(
        label="Serius", required=False,
        help_text="Meninggal, dirawat inap, cacat menetap, atau mengancam jiwa.",
    )  # fmt: skip
    treatment = forms.CharField(label="Penanganan", required=False, max_length=200)
    outcome = forms.ChoiceField(
        label="Keadaan sekarang", choices=AdverseEvent.Outcome.choices, initial=AdverseEvent.Outcome.UNKNOWN
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["onset_at"].initial = timezone.localtime


class LeaveForm(forms.Form):
    """End of the observation."""

    left_early = forms.BooleanField(label="Pulang lebih awal", required=False)
    note = forms.CharField(label="Catatan", required=False, max_length=200)
