"""People as a kader or the desk names them: card number and birth date, up to five at once."""

from typing import Any

from django import forms

from accounts.access import StaffRequest
from core.readlog import log_read
from registration import nik
from registration import services as registration
from registration.models import Citizen


class PersonForm(forms.Form):
    """One person: card number and birth date must belong together."""

    identitas = forms.CharField(
        label="NIK atau nomor sementara",
        max_length=25,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "text", "autocomplete": "off", "spellcheck": "false"}),
    )
    lahir = forms.DateField(
        label="Tanggal lahir", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            vars(field)["conditional"] = True  # both or neither: not called optional on the page

    def clean(self) -> dict[str, Any]:
        """Unknown and wrong give the same answer: this page tells nobody who is on record."""
        data = super().clean() or {}
        typed, born = data.get("identitas", "").strip(), data.get("lahir")
        if not typed and not born:
            return data
        found = None
        if typed and born:
            found = registration.find_by_nik(nik.clean(typed)) or registration.find_by_temporary_code(typed)
        if found is None or found.birth_date != born:
            raise forms.ValidationError(
                "Data tidak ditemukan: periksa nomor dan tanggal lahir. Bila belum terdaftar, daftarkan dulu warganya."
            )
        data["citizen"] = found
        return data


class PeopleForms(forms.BaseFormSet):
    """A person, or a family; at least one."""

    def clean(self) -> None:
        """An empty page is told so, once."""
        if not any(self.errors) and not citizens_of(self):
            raise forms.ValidationError("Isi nomor dan tanggal lahir paling sedikit satu orang.")


People = forms.formset_factory(PersonForm, formset=PeopleForms, extra=1, min_num=1, max_num=5, absolute_max=5)


def citizens_of(people: forms.BaseFormSet) -> list[Citizen]:
    """Whom the valid forms name, each once, in the order typed."""
    found = [form.cleaned_data.get("citizen") for form in people.forms if form.is_valid()]
    return list({one.pk: one for one in found if one}.values())


def channel_of(request: StaffRequest) -> str:
    """By which door the people came: "desk" or "kader"."""
    return "desk" if request.user.territory().can("desk.check_in") else "kader"


def log_reads(request: StaffRequest, citizens: list[Citizen], purpose: str, note: str) -> None:
    """Note that this member of staff opened these records, and why."""
    for citizen in citizens:
        log_read(user=request.user, citizen_id=citizen.pk, purpose=purpose, note=note)
