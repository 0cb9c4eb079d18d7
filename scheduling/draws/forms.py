"""What citizens and staff may type about draws, with Indonesian labels."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.formats import long_date
from programmes.models import Programme
from registration.models import Citizen
from scheduling.draws import weights as draw_weights
from scheduling.draws.queries import Prize
from scheduling.draws.services import MOST_WISHES
from scheduling.models import Schedule

ORDINALS = (_("Pilihan pertama"), _("Pilihan kedua"), _("Pilihan ketiga"))
CLOCK = "%Y-%m-%dT%H:%M"


def _name(prize: Prize) -> str:
    """Vaccine and day first: a phone cuts a long choice off at its end."""
    schedule = prize.schedule
    return (
        f"{schedule.vaccine.short_name} · {schedule.date:%d-%m} {schedule.open_time:%H.%M} · {schedule.facility.name}"
    )


class WishForm(forms.Form):
    """The wished schedules in order; a draw over one schedule asks nothing."""

    def __init__(self, *args: Any, prizes: Sequence[Prize], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prizes = [prize for prize in prizes if prize.schedule.state == Schedule.State.OPEN]
        choices = [(str(prize.schedule.pk), _name(prize)) for prize in self.prizes]
        if len(choices) > 1:
            for number, label in enumerate(ORDINALS[: min(MOST_WISHES, len(choices))], start=1):
                empty = [] if number == 1 else [("", _("Tidak ada"))]
                self.fields[f"pilihan{number}"] = forms.ChoiceField(
                    label=label, choices=[*empty, *choices], required=number == 1
                )

    def wishes(self) -> list[int]:
        """Schedule keys in the order named, each once."""
        if len(self.prizes) <= 1:
            return [prize.schedule.pk for prize in self.prizes]
        named = [self.cleaned_data.get(f"pilihan{number}") for number in range(1, MOST_WISHES + 1)]
        return [int(pk) for pk in dict.fromkeys(named) if pk]


class EntryForm(WishForm):
    """Who of a family takes part, where they would like to go, and whether only together."""

    def __init__(self, *args: Any, members: Sequence[Citizen], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.members = {str(one.public_id): one for one in members}
        people = forms.MultipleChoiceField(
            label=_("Siapa yang ikut?"),
            choices=[(key, one.full_name) for key, one in self.members.items()],
            widget=forms.CheckboxSelectMultiple,
            error_messages={"required": _("Centang paling sedikit satu orang.")},
        )
        if len(self.members) == 1:
            people.initial = list(self.members)
        self.fields = {"warga": people} | self.fields
        if len(self.members) > 1:
            self.fields["bersama"] = forms.BooleanField(
                label=_("Satu nomor bersama"),
                help_text=_(
                    "Semua yang dicentang dapat tempat berdampingan, atau tidak sama sekali. Tanpa centang ini setiap "
                    "orang mendapat nomornya sendiri."
                ),
                required=False,
            )

    def people(self) -> list[Citizen]:
        """The ticked members, in the order of the family page."""
        ticked = set(self.cleaned_data["warga"])
        return [one for key, one in self.members.items() if key in ticked]


class CancelDrawForm(forms.Form):
    """Why a draw is called off; told to everybody who entered."""

    alasan = forms.CharField(
        label="Alasan pembatalan", max_length=200, help_text="Dikirim ke semua peserta dan tampil di halaman undian."
    )


class ScheduleChoice(forms.ModelMultipleChoiceField):
    """Schedules as the office knows them."""

    def label_from_instance(self, obj: Any) -> str:
        """Place, day, vaccine, and how many places would be drawn."""
        day = long_date(obj.date, "id")
        return f"{obj.facility.name} · {day} {obj.open_time:%H.%M} · {obj.vaccine.short_name}"


class DrawFilterForm(forms.Form):
    """Which schedules the form of a new draw offers: a city has a hundred, a draw is of one programme and few days."""

    program = forms.ChoiceField(label="Program", required=False)
    mulai = forms.DateField(label="Dari tanggal", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    sampai = forms.DateField(label="Sampai tanggal", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, data: Any, schedules: QuerySet[Schedule]) -> None:
        """Offer the programmes of `schedules`."""
        super().__init__(data)
        programmes = Programme.objects.filter(pk__in=schedules.order_by().values("programme_id"))
        field = self.fields["program"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "Semua"), *((one.pk, one.local_name) for one in programmes)]

    def wanted(self) -> dict[str, Any]:
        """For `drawable_schedules`; a wrong value is named beside its field and left out, the rest still filters."""
        self.is_valid()
        given = {"programme": "program", "first": "mulai", "last": "sampai"}
        return {name: self.cleaned_data[field] for name, field in given.items() if self.cleaned_data.get(field)}


class DrawForm(forms.Form):
    """A new draw; the seed is made by the house, never typed."""

    judul = forms.CharField(
        label="Judul", max_length=120, help_text="Mis. Booster lansia 28–30 November.",
        error_messages={"required": "Tulis judul undian."},
    )  # fmt: skip
    jadwal = ScheduleChoice(
        label="Jadwal yang diundi",
        queryset=Schedule.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        help_text="Hanya jadwal yang belum dibuka untuk umum, dari satu program.",
        error_messages={"required": "Centang paling sedikit satu jadwal."},
    )
    buka = forms.DateTimeField(label="Pendaftaran undian dibuka", input_formats=[CLOCK])
    tutup = forms.DateTimeField(label="Pendaftaran undian ditutup", input_formats=[CLOCK])
    sisa = forms.DateTimeField(
        label="Sisa tempat dibuka untuk umum",
        input_formats=[CLOCK],
        help_text="Paling cepat 30 menit setelah pendaftaran ditutup; siapa cepat dapat.",
    )
    usia = forms.IntegerField(label="Tambahan bagi usia mulai (tahun)", required=False, min_value=0, max_value=120)
    usia_undi = forms.IntegerField(
        label="Tambahan undi untuk usia itu", required=False, min_value=1, max_value=draw_weights.MOST_EXTRA
    )
    gagal_undi = forms.IntegerField(
        label="Tambahan undi setiap kali belum dapat tempat", required=False, min_value=1,
        max_value=draw_weights.MOST_EXTRA,
        help_text="Undian atau daftar tunggu program ini dalam setahun; paling banyak 3 kali.",
    )  # fmt: skip
    cakupan = forms.DecimalField(
        label="Tambahan bagi kecamatan dengan cakupan di bawah (%)", required=False, min_value=1, max_value=100,
        help_text="Kecamatannya ditetapkan sekarang dan diumumkan.",
    )  # fmt: skip
    cakupan_undi = forms.IntegerField(
        label="Tambahan undi untuk kecamatan itu", required=False, min_value=1, max_value=draw_weights.MOST_EXTRA
    )

    def __init__(self, *args: Any, schedules: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["jadwal"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = schedules
        for name in ("buka", "tutup", "sisa"):
            self.fields[name].widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=CLOCK)

    def clean(self) -> dict[str, Any]:
        """A window that lies ahead, one programme, and weights that come in pairs."""
        data = super().clean() or {}
        opens, closes, rest = (data.get(name) for name in ("buka", "tutup", "sisa"))
        if opens and closes and closes <= max(opens, timezone.now()):
            self.add_error("tutup", "Pendaftaran harus ditutup setelah dibuka, dan nanti.")
        if closes and rest and (rest - closes).total_seconds() < 1800:
            self.add_error("sisa", "Beri waktu paling sedikit 30 menit untuk mengundi.")
        if len({one.programme_id for one in data.get("jadwal", [])}) > 1:
            self.add_error("jadwal", "Pilih jadwal dari satu program.")
        for condition, extra in (("usia", "usia_undi"), ("cakupan", "cakupan_undi")):
            if (data.get(condition) is None) != (data.get(extra) is None):
                self.add_error(extra if data.get(extra) is None else condition, "Isi keduanya atau kosongkan keduanya.")
        return data

    def weights(self) -> list[dict[str, Any]]:
        """The rules as data; of a valid form."""
        data, rules = self.cleaned_data, []
        schedule = next(iter(data["jadwal"]))
        if data.get("usia") is not None:
            rules.append(draw_weights.age_rule(data["usia"], data["usia_undi"]))
        if data.get("gagal_undi"):
            rules.append(draw_weights.missed_rule(data["gagal_undi"], 3))
        if data.get("cakupan") is not None:
            dose = schedule.dose_codes[0] if schedule.dose_codes else ""
            below = Decimal(data["cakupan"])
            rules.append(draw_weights.coverage_rule(schedule.programme_id, dose, below, data["cakupan_undi"]))
        return rules


def next_full_hour(after: datetime) -> datetime:
    """A tidy first proposal for a time field."""
    return timezone.localtime(after).replace(minute=0, second=0, microsecond=0)
