"""What visitors and staff may type, with Indonesian labels."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.formats import DAYS
from programmes.catalogue import active_ruleset
from programmes.models import Programme, Vaccine
from programmes.reasons import local_label
from programmes.screening import Item
from regions.models import Facility, Kecamatan
from scheduling import queries
from scheduling.models import ScheduleTemplate, Slot
from scheduling.publishing import MAX_RANGE_DAYS

ANY = _("Semua")


class FilterForm(forms.Form):
    """The search on /jadwal/; a wrong value is named and left out, the rest still filters."""

    kecamatan = forms.ChoiceField(label=_("Kecamatan"), required=False)
    tanggal = forms.DateField(
        label=_("Tanggal"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    program = forms.ChoiceField(label=_("Program"), required=False)
    vaksin = forms.ChoiceField(label=_("Vaksin"), required=False)
    dosis = forms.ChoiceField(label=_("Dosis"), required=False)
    dekat = forms.ChoiceField(label=_("Dekat dengan"), required=False)

    def __init__(self, data: Any, rows: list[queries.Row]) -> None:
        """Offer only what is on: programmes, vaccines and doses of `rows`."""
        super().__init__(data)
        kecamatan = [(row.code, row.name) for row in Kecamatan.objects.all()]
        programmes = {row.schedule.programme_id: row.schedule.programme.local_name for row in rows}
        vaccines = {row.schedule.vaccine_id: row.schedule.vaccine.short_name for row in rows}
        ruleset = active_ruleset()
        on = {(row.schedule.vaccine_id, code) for row in rows for code in row.schedule.dose_codes}
        doses = {
            rule.dose_code: local_label(rule.dose_label)
            for code in programmes
            for rule in ruleset.of(code)
            if (rule.vaccine, rule.dose_code) in on
        }
        self._choices("kecamatan", kecamatan)
        self._choices("program", sorted(programmes.items(), key=lambda pair: pair[1]))
        self._choices("vaksin", sorted(vaccines.items(), key=lambda pair: pair[1]))
        self._choices("dosis", list(doses.items()))
        self._choices("dekat", kecamatan, _("Tidak diurutkan"))
        self.is_valid()

    def filters(self) -> queries.Filters:
        """The valid part of what was asked."""
        wanted = self.cleaned_data
        return queries.Filters(
            kecamatan=wanted.get("kecamatan", ""),
            day=wanted.get("tanggal"),
            programme=wanted.get("program", ""),
            vaccine=wanted.get("vaksin", ""),
            dose=wanted.get("dosis", ""),
            near=wanted.get("dekat", ""),
        )

    def _choices(self, name: str, choices: list[tuple[str, str]], empty: Any = ANY) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", empty), *choices]


SAID_BEFORE = {True: "ya", False: "tidak"}


@lru_cache(maxsize=256)
def _fields(items: tuple[Item, ...]) -> dict[str, forms.Field]:
    """One field per question, shared by all forms that ask the same: nobody may change one."""
    return {
        item.key: forms.TypedChoiceField(
            label=item.text,
            help_text=item.help_text,
            choices=[("tidak", _("Tidak")), ("ya", _("Ya"))],
            coerce=lambda value: value == "ya",
            widget=forms.RadioSelect,
            error_messages={"required": _("Pilih ya atau tidak.")},
        )
        for item in items
    }


class AnswersForm(forms.Form):
    """Pre-screening at home: every question yes or no, none chosen beforehand."""

    def __init__(self, items: tuple[Item, ...], data: Any = None, initial: dict[str, bool] | None = None) -> None:
        super().__init__(data, initial={key: SAID_BEFORE[yes] for key, yes in (initial or {}).items()})
        self.items = items
        self.fields.update(_fields(items))

    def answers(self) -> dict[str, bool]:
        """Question key → yes; only of a valid form."""
        return {item.key: bool(self.cleaned_data[item.key]) for item in self.items}


@lru_cache(maxsize=256)
def blank_answers(items: tuple[Item, ...]) -> AnswersForm:
    """The form nobody has filled in, one for all who are asked the same: pages draw it once."""
    return AnswersForm(items)


class CancelForm(forms.Form):
    """Why somebody cancels; nobody has to say."""

    alasan = forms.CharField(label=_("Alasan"), required=False, max_length=200)


WEEKDAYS = list(enumerate(DAYS["id"]))


class TemplateForm(forms.ModelForm):
    """One weekly pattern; doses are chosen from the rules of its vaccine."""

    weekdays = forms.TypedMultipleChoiceField(
        label="Hari pelayanan", choices=WEEKDAYS, coerce=int, widget=forms.CheckboxSelectMultiple
    )
    dose_codes = forms.CharField(
        label="Dosis yang dilayani",
        help_text="Kode dosis dipisah koma, mis. booster1, booster2. Kosong: semua dosis vaksin ini.",
        required=False,
    )

    class Meta:
        model = ScheduleTemplate
        fields = [
            "name", "facility", "vaccine", "dose_codes", "weekdays", "open_time", "close_time", "slot_minutes",
            "places_per_slot", "walk_in_percent", "walk_in_hour", "release_mode", "release_days_before", "release_time",
            "draw_hours_before", "is_active",
        ]  # fmt: skip
        widgets = {
            name: forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
            for name in ("open_time", "close_time", "walk_in_hour", "release_time")
        }
        labels = {"facility": "Fasilitas", "vaccine": "Vaksin"}
        help_texts = {
            "slot_minutes": "Sisa waktu yang kurang dari setengah sesi digabung ke sesi terakhir.",
            "walk_in_percent": "Disisihkan untuk warga yang datang tanpa janji.",
            "walk_in_hour": "Kosong: tempat daring tidak pernah dialihkan.",
            "release_mode": "Undian: setiap hari pelayanan diundi sendiri, pendaftarannya dibuka saat diterbitkan dan "
            "peluangnya sama untuk semua. Undian dengan tambahan undi atau beberapa jadwal dibuat di halaman Undian.",
            "release_time": "Kosong: langsung dibuka saat diterbitkan. Untuk undian wajib: saat sisa tempat dibuka.",
            "draw_hours_before": "Hanya untuk undian. Mengundi memerlukan waktu, paling sedikit 1 jam.",
        }

    def __init__(self, *args: Any, facilities: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        facility, vaccine = self.fields["facility"], self.fields["vaccine"]
        assert isinstance(facility, forms.ModelChoiceField) and isinstance(vaccine, forms.ModelChoiceField)
        facility.queryset, facility.empty_label = facilities.filter(is_active=True), "Pilih fasilitas"
        vaccine.empty_label = "Pilih vaksin"
        vaccine.queryset = Vaccine.objects.filter(
            is_active=True, programme__in=Programme.objects.filter(is_bookable=True)
        ).order_by("programme", "short_name")
        if self.instance.pk:
            self.initial["dose_codes"] = ", ".join(self.instance.dose_codes)

    def clean_places_per_slot(self) -> int:
        """Between one and 2.000: a typing error must not write a million rows."""
        places = int(self.cleaned_data["places_per_slot"])
        if not 1 <= places <= 2000:
            raise forms.ValidationError("Isi antara 1 dan 2.000.")
        return places

    def clean_slot_minutes(self) -> int:
        """Between five minutes and a day."""
        minutes = int(self.cleaned_data["slot_minutes"])
        if not 5 <= minutes <= 1440:
            raise forms.ValidationError("Isi antara 5 dan 1.440 menit.")
        return minutes

    def clean_walk_in_percent(self) -> int:
        """A share of the whole."""
        percent = int(self.cleaned_data["walk_in_percent"])
        if percent > 100:
            raise forms.ValidationError("Isi antara 0 dan 100.")
        return percent

    def clean_release_days_before(self) -> int:
        """At most as far ahead as schedules are published."""
        days = int(self.cleaned_data["release_days_before"])
        if days > MAX_RANGE_DAYS:
            raise forms.ValidationError(f"Paling lama {MAX_RANGE_DAYS} hari sebelumnya.")
        return days

    def clean(self) -> dict[str, Any]:
        """Closing after opening, and doses that the rules of the vaccine know."""
        data = super().clean() or {}
        opens, closes, vaccine = data.get("open_time"), data.get("close_time"), data.get("vaccine")
        if opens and closes and closes <= opens:
            self.add_error("close_time", "Jam tutup harus setelah jam buka.")
        if data.get("release_mode") == ScheduleTemplate.Release.DRAW:
            self._check_draw(data)
        if vaccine:
            known = [rule.dose_code for rule in active_ruleset().of(vaccine.programme_id) if rule.vaccine == vaccine.pk]
            known = list(dict.fromkeys(known))
            asked = [code.strip() for code in (data.get("dose_codes") or "").split(",") if code.strip()]
            if unknown := [code for code in asked if code not in known]:
                self.add_error(
                    "dose_codes", f"Tidak dikenal untuk vaksin ini: {', '.join(unknown)}. Pilihan: {', '.join(known)}."
                )
            data["dose_codes"] = asked or known
        return data

    def _check_draw(self, data: dict[str, Any]) -> None:
        release, opens = data.get("release_time"), data.get("open_time")
        if release is None and "release_time" not in self.errors:
            self.add_error("release_time", "Isi jam sisa tempat dibuka sesudah undian.")
        elif release and opens and not data.get("release_days_before") and release >= opens:
            self.add_error("release_time", "Sisa tempat harus dibuka sebelum pelayanan dimulai.")
        if not data.get("draw_hours_before"):
            self.add_error("draw_hours_before", "Isi paling sedikit 1 jam.")

    def save(self, commit: bool = True) -> ScheduleTemplate:
        """The programme follows from the vaccine."""
        self.instance.programme_id = self.cleaned_data["vaccine"].programme_id
        return super().save(commit)


class RangeForm(forms.Form):
    """From which to which day a template is published."""

    dari = forms.DateField(label="Dari tanggal", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    sampai = forms.DateField(label="Sampai tanggal", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))

    def clean(self) -> dict[str, Any]:
        """Not backwards, not in the past, not further than a quarter."""
        data = super().clean() or {}
        first, last = data.get("dari"), data.get("sampai")
        if first and last:
            if last < first:
                self.add_error("sampai", "Tanggal akhir sebelum tanggal awal.")
            elif last < timezone.localdate():
                self.add_error("sampai", "Rentang ini sudah lewat.")
            elif last - first > timedelta(days=MAX_RANGE_DAYS):
                self.add_error("sampai", f"Paling panjang {MAX_RANGE_DAYS} hari sekaligus.")
        return data


class CloseForm(forms.Form):
    """Why a schedule closes; the text goes to everybody booked and onto the public page."""

    alasan = forms.CharField(
        label="Alasan penutupan",
        max_length=200,
        help_text="Dikirim ke semua warga yang sudah mendaftar dan tampil di halaman jadwal. "
        "Contoh: petugas vaksinasi sakit.",
    )


class ShrinkForm(forms.Form):
    """How many places each chosen session keeps: a number, or a share of what it has."""

    sesi = forms.TypedMultipleChoiceField(
        label="Sesi", coerce=int, widget=forms.CheckboxSelectMultiple, required=False,
        help_text="Kosongkan untuk semua sesi.",
    )  # fmt: skip
    tempat = forms.IntegerField(
        label="Tempat per sesi menjadi", min_value=0, max_value=2000, required=False,
        help_text="0 menutup sesi yang dipilih.",
    )  # fmt: skip
    persen = forms.IntegerField(label="Atau sisakan persen dari sekarang", min_value=0, max_value=100, required=False)
    alasan = forms.CharField(
        label="Alasan", max_length=200, help_text="Dikirim kepada warga yang dipindahkan. Contoh: tenaga berkurang."
    )

    def __init__(self, data: Any, sessions: Sequence[Slot]) -> None:
        super().__init__(data)
        self.sessions = sessions
        field = self.fields["sesi"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [
            (slot.pk, f"{timezone.localtime(slot.starts_at):%H.%M}–{timezone.localtime(slot.ends_at):%H.%M}")
            for slot in sessions
        ]

    def clean(self) -> dict[str, Any]:
        """A number or a share, not both."""
        data = super().clean() or {}
        given = [name for name in ("tempat", "persen") if data.get(name) is not None]
        if len(given) != 1 and not {"tempat", "persen"} & self.errors.keys():
            self.add_error("tempat", "Isi jumlah tempat atau persen, salah satu saja.")
        return data

    def keep(self, places: dict[int, int]) -> dict[int, int]:
        """Session → places to keep, of a valid form; `places` is what each has now."""
        chosen = set(self.cleaned_data["sesi"]) or {slot.pk for slot in self.sessions}
        number, share = self.cleaned_data["tempat"], self.cleaned_data["persen"]
        return {
            pk: number if number is not None else -(-places.get(pk, 0) * share // 100)
            for pk in places
            if pk in chosen
        }  # fmt: skip


class KeepForm(forms.Form):
    """The previewed shrinking, confirmed: numbers per session, so that sending it twice takes nothing more."""

    alasan = forms.CharField(max_length=200)
    sisa = forms.RegexField(r"^[0-9]{1,18}:[0-9]{1,5}(,[0-9]{1,18}:[0-9]{1,5})*$", max_length=8000)

    def keep(self) -> dict[int, int]:
        """Session → places to keep, of a valid form."""
        pairs = (pair.split(":") for pair in self.cleaned_data["sisa"].split(","))
        return {int(slot): int(places) for slot, places in pairs}


class StaffFilterForm(forms.Form):
    """The list of schedules at the office or a facility."""

    tanggal = forms.DateField(
        label="Tanggal", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    fasilitas = forms.ModelChoiceField(
        label="Fasilitas", required=False, queryset=Facility.objects.none(), empty_label="Semua"
    )
    keadaan = forms.ChoiceField(
        label="Keadaan", required=False, choices=[("", "Semua"), ("open", "Dibuka"), ("closed", "Ditutup")]
    )

    def __init__(self, data: Any, facilities: Any) -> None:
        super().__init__(data)
        field = self.fields["fasilitas"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = facilities
        self.is_valid()

    def day(self) -> date | None:
        """The wanted day, or None for all coming ones."""
        return self.cleaned_data.get("tanggal")
