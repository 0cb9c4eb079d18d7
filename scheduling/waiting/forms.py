"""What somebody says who joins the waiting list."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from programmes.models import Programme, Vaccine
from regions.models import Facility, Kecamatan
from registration.models import Citizen, CitizenAccount
from registration.queries import home_kecamatan
from scheduling.models import Schedule

CITY = "kota"
USUAL_DAYS, LONGEST_DAYS = 14, 60


class SearchForm(forms.Form):
    """What is sought, where and until when; what the page before knew is filled in."""

    program = forms.ChoiceField(label=_("Program"), error_messages={"required": _("Pilih programnya.")})
    tempat = forms.ChoiceField(
        label=_("Di mana"), help_text=_("Makin luas pilihannya, makin cepat ada tempat."), required=True
    )
    vaksin = forms.ChoiceField(label=_("Vaksin"), required=False)
    dari = forms.DateField(
        label=_("Dari tanggal"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )  # fmt: skip
    sampai = forms.DateField(
        label=_("Sampai tanggal"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )  # fmt: skip

    def __init__(
        self, data: Any, *, schedule: Schedule | None = None, programme: str = "", home: str | None = None,
        initial: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """`schedule` is the full one this came from; `home` a kecamatan to propose."""
        today = timezone.localdate()
        programmes = Programme.objects.filter(is_bookable=True).order_by("code")
        offered = [(one.code, one.local_name) for one in programmes]
        # From the address: whatever is written there is only looked for among those there are.
        known = schedule.programme_id if schedule else programme if programme in dict(offered) else ""
        first = max(schedule.date, today) if schedule else today
        proposal = {
            "program": known,
            "tempat": f"f:{schedule.facility.code}" if schedule else f"k:{home or ''}",
            "vaksin": "",
            "dari": today,
            "sampai": min(first + timedelta(days=USUAL_DAYS), today + timedelta(days=LONGEST_DAYS)),
        }
        super().__init__(data, initial=proposal | (initial or {}))
        self._choices("program", offered)
        self._choices("tempat", _places())
        vaccines = (
            Vaccine.objects.filter(programme=known) if known else Vaccine.objects.filter(programme__in=programmes)
        )
        self._choices(
            "vaksin", [("", _("Semua yang cocok")), *((one.code, one.short_name) for one in vaccines.order_by("code"))]
        )

    def clean(self) -> dict[str, Any]:
        """Dates in order, neither past nor further ahead than schedules are published."""
        found = super().clean() or {}
        first, last, today = found.get("dari"), found.get("sampai"), timezone.localdate()
        if first and last and last < first:
            self.add_error("sampai", _("Tanggal akhir harus sama atau sesudah tanggal mulai."))
        elif last and last < today:
            self.add_error("sampai", _("Tanggal akhir sudah lewat."))
        elif last and last > today + timedelta(days=LONGEST_DAYS):
            self.add_error("sampai", _("Pilih tanggal paling lama 60 hari dari sekarang."))
        return found

    def wanted(self) -> dict[str, Any]:
        """The arguments of `waitlist.join` but for the people; only of a valid form."""
        kind, _colon, code = self.cleaned_data["tempat"].partition(":")
        return {
            "programme": self.cleaned_data["program"],
            "facility": Facility.objects.get(code=code) if kind == "f" else None,
            "kecamatan": Kecamatan.objects.get(code=code) if kind == "k" else None,
            "vaccine": Vaccine.objects.filter(code=self.cleaned_data["vaksin"]).first(),
            "first": max(self.cleaned_data["dari"], timezone.localdate()),
            "last": self.cleaned_data["sampai"],
        }

    def _choices(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices


class WaitForm(SearchForm):
    """For whom of the family as well."""

    warga = forms.MultipleChoiceField(
        label=_("Untuk siapa"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Bila lebih dari satu, tempatnya dicarikan berdampingan untuk semua sekaligus."),
        error_messages={"required": _("Pilih sedikitnya satu orang.")},
    )
    field_order = ("warga",)

    def __init__(
        self, data: Any, *, members: list[Citizen], schedule: Schedule | None, programme: str, chosen: list[str],
        account: CitizenAccount,
    ) -> None:  # fmt: skip
        """`members` of the family may be chosen and nobody else."""
        ticked = chosen or ([str(members[0].public_id)] if len(members) == 1 else [])
        super().__init__(
            data, schedule=schedule, programme=programme, home=home_kecamatan(account), initial={"warga": ticked}
        )
        self.members = {str(one.public_id): one for one in members}
        self._choices("warga", [(key, one.full_name) for key, one in self.members.items()])

    def wanted(self) -> dict[str, Any]:
        """The arguments of `waitlist.join`; only of a valid form."""
        return {"citizens": [self.members[key] for key in self.cleaned_data["warga"]]} | super().wanted()


def _places() -> list[Any]:
    facilities = Facility.objects.filter(is_active=True).order_by("name")
    return [
        (CITY, _("Semua tempat di kota")),
        (_("Semua tempat di kecamatan"), [(f"k:{one.code}", one.name) for one in Kecamatan.objects.order_by("name")]),
        (_("Satu tempat saja"), [(f"f:{one.code}", one.name) for one in facilities]),
    ]
