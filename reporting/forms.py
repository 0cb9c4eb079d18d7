"""Filters of the coverage pages."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from reporting.coverage import DEFAULT_DOSE, DEFAULT_PROGRAMME, Dose, doses

DEFAULT_DAYS = 30
LONGEST_DAYS = 3660


class CoverageFilter(forms.Form):
    """Which dose, from when until when; everything has a default, so an empty query is valid."""

    dosis = forms.ChoiceField(label="Program dan dosis")
    dari = forms.DateField(label="Dari tanggal", widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    sampai = forms.DateField(label="Sampai tanggal", widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))

    def __init__(self, data: Any) -> None:
        self.doses: dict[str, Dose] = {dose.key: dose for dose in doses()}
        today = timezone.localdate()
        filled = {
            "dosis": data.get("dosis") or f"{DEFAULT_PROGRAMME}:{DEFAULT_DOSE}",
            "dari": data.get("dari") or (today - timedelta(days=DEFAULT_DAYS - 1)).isoformat(),
            "sampai": data.get("sampai") or today.isoformat(),
        }
        super().__init__(filled, use_required_attribute=False)
        groups: dict[str, list[tuple[str, str]]] = {}
        for dose in self.doses.values():
            groups.setdefault(dose.programme_name, []).append((dose.key, dose.label))
        choice = self.fields["dosis"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = list(groups.items())

    def clean_dari(self) -> date:
        """A readable year: the database and the chart both end somewhere."""
        return self._sane(self.cleaned_data["dari"])

    def clean_sampai(self) -> date:
        """See `clean_dari`."""
        return self._sane(self.cleaned_data["sampai"])

    def _sane(self, day: date) -> date:
        if not 2020 <= day.year <= timezone.localdate().year + 1:
            raise forms.ValidationError("Pilih tanggal antara tahun 2020 dan tahun depan.")
        return day

    def clean(self) -> dict[str, Any]:
        """The range must run forward and stay drawable."""
        values = super().clean() or {}
        since, until = values.get("dari"), values.get("sampai")
        if since and until and until < since:
            self.add_error("sampai", "Tanggal akhir harus sama dengan atau setelah tanggal awal.")
        elif since and until and (until - since).days > LONGEST_DAYS:
            self.add_error("dari", "Rentang paling panjang sepuluh tahun.")
        return values

    @property
    def dose(self) -> Dose:
        """The chosen dose; call only on a valid form."""
        return self.doses[self.cleaned_data["dosis"]]
