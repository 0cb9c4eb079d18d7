"""Forms of the stock keeper; each carries a key, so that sending it twice writes one line."""

import uuid
from datetime import date
from typing import Any, cast

from django import forms
from django.utils import timezone

from programmes.models import Vaccine
from regions.models import Facility
from stock.models import AnnouncedDelivery, StockBalance, Transfer

WASTE_REASONS = [
    (text, text)
    for text in (
        "Kedaluwarsa",
        "VVM C atau D",
        "Beku",
        "Suhu keluar dari 2–8 °C",
        "Vial pecah atau bocor",
        "Terkontaminasi",
        "Hilang",
        "Lainnya",
    )
]
MAX_DOSES = 100_000


def choices_of(form: forms.Form, name: str) -> forms.ChoiceField:
    """A field of `form` whose choices are set when the form is made."""
    return cast(forms.ChoiceField, form.fields[name])


def rows_of(form: forms.Form, name: str) -> forms.ModelChoiceField:
    """A field of `form` whose rows are set when the form is made."""
    return cast(forms.ModelChoiceField, form.fields[name])


class KeyedForm(forms.Form):
    """A form with a hidden key, made when the page is shown."""

    client_uuid = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["client_uuid"].initial = uuid.uuid4


class AnnouncedField(forms.ModelChoiceField):
    """An announced delivery by what is in it and when it was expected."""

    def label_from_instance(self, obj: Any) -> str:
        """Vaccine, doses, day."""
        return f"{obj.vaccine.short_name}, {obj.doses} dosis, {obj.expected_on:%d-%m-%Y}"


class ReceiveForm(KeyedForm):
    """A box that arrived from the store."""

    vaccine = forms.ModelChoiceField(
        label="Vaksin",
        queryset=Vaccine.objects.filter(is_active=True).order_by("short_name"),
        empty_label="Pilih vaksin",
    )
    lot_number = forms.CharField(
        label="Nomor batch", max_length=20, help_text="Seperti tercetak pada dus; boleh dipindai."
    )
    expiration_date = forms.DateField(
        label="Kedaluwarsa", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d", "%d-%m-%Y", "%d/%m/%Y"],
    )  # fmt: skip
    doses = forms.IntegerField(label="Jumlah dosis", min_value=1, max_value=MAX_DOSES)
    vvm_stage = forms.ChoiceField(
        label="VVM",
        choices=[
            ("A", "A – kotak lebih muda dari lingkaran"),
            ("B", "B – mulai gelap, pakai dulu"),
            ("C", "C"),
            ("D", "D"),
        ],
    )
    document = forms.CharField(label="Nomor SBBK", max_length=60, required=False)
    announced = AnnouncedField(
        label="Kiriman yang diumumkan", queryset=AnnouncedDelivery.objects.none(), required=False,
        empty_label="Tidak diumumkan sebelumnya", help_text="Agar dosisnya tidak dihitung dua kali.",
    )  # fmt: skip

    def __init__(self, *args: Any, facility: Facility, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        waiting = AnnouncedDelivery.objects.filter(facility=facility, state=AnnouncedDelivery.State.ANNOUNCED)
        rows_of(self, "announced").queryset = waiting.select_related("vaccine").order_by("expected_on")
        if not waiting.exists():
            del self.fields["announced"]

    def clean_expiration_date(self) -> date:
        """A lot that ended is not booked in."""
        day: date = self.cleaned_data["expiration_date"]
        if day < timezone.localdate():
            raise forms.ValidationError("Batch ini sudah kedaluwarsa. Jangan diterima; kembalikan dengan berita acara.")
        return day


class AnnounceForm(KeyedForm):
    """A delivery that is to come."""

    vaccine = forms.ModelChoiceField(
        label="Vaksin", queryset=Vaccine.objects.filter(is_active=True).order_by("short_name"),
        empty_label="Pilih vaksin",
    )  # fmt: skip
    doses = forms.IntegerField(label="Jumlah dosis", min_value=1, max_value=MAX_DOSES)
    expected_on = forms.DateField(
        label="Diperkirakan tiba",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="Tempat dibuka untuk jadwal mulai sehari setelahnya.",
    )
    document = forms.CharField(label="Nomor surat atau SBBK", max_length=60, required=False)


class AnnounceForFacilityForm(AnnounceForm):
    """The same for any facility, by the health office."""

    facility = forms.ModelChoiceField(
        label="Fasilitas", queryset=Facility.objects.none(), empty_label="Pilih fasilitas"
    )
    field_order = ["facility", "vaccine", "doses", "expected_on", "document"]

    def __init__(self, *args: Any, facilities: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows_of(self, "facility").queryset = facilities


class LotForm(KeyedForm):
    """Anything done to one lot of this facility."""

    lot = forms.TypedChoiceField(label="Batch", coerce=int)

    def __init__(self, *args: Any, facility: Facility, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = (
            StockBalance.objects.filter(facility=facility, **self.only())
            .select_related("lot__vaccine")
            .order_by("lot__vaccine__short_name", "lot__expiration_date")
        )
        choices_of(self, "lot").choices = [("", "Pilih batch")] + [
            (
                row.lot_id,
                f"{row.lot.vaccine.short_name} – {row.lot.lot_number} – kedaluwarsa "
                f"{row.lot.expiration_date:%d-%m-%Y} – {row.doses_on_hand} dosis",
            )
            for row in rows
        ]

    def only(self) -> dict[str, Any]:
        """Which balances may be chosen."""
        return {"doses_on_hand__gt": 0}


class WasteForm(LotForm):
    """Doses lost, and why."""

    doses = forms.IntegerField(label="Jumlah dosis", min_value=1, max_value=MAX_DOSES)
    reason = forms.ChoiceField(label="Alasan", choices=WASTE_REASONS)
    note = forms.CharField(label="Keterangan", max_length=120, required=False)


class SendForm(LotForm):
    """Doses for another facility."""

    doses = forms.IntegerField(label="Jumlah dosis", min_value=1, max_value=MAX_DOSES)
    to_facility = forms.ModelChoiceField(
        label="Dikirim ke", queryset=Facility.objects.none(), empty_label="Pilih fasilitas"
    )
    note = forms.CharField(label="Catatan", max_length=120, required=False)

    def __init__(self, *args: Any, facility: Facility, **kwargs: Any) -> None:
        super().__init__(*args, facility=facility, **kwargs)
        others = Facility.objects.filter(is_active=True).exclude(pk=facility.pk)
        rows_of(self, "to_facility").queryset = others


class CountForm(LotForm):
    """What was counted by hand."""

    doses = forms.IntegerField(label="Hasil hitung (dosis)", min_value=0, max_value=MAX_DOSES)
    reason = forms.CharField(label="Alasan selisih", max_length=120, required=False)

    def only(self) -> dict[str, Any]:
        """Empty lots too: a forgotten box can turn up."""
        return {}


class OpenVialForm(LotForm):
    """One vial taken from the fridge."""


class StageForm(LotForm):
    """The monitor on the label, as read today."""

    stage = forms.ChoiceField(label="VVM sekarang", choices=[(c, c) for c in "ABCD"])


class ReceiveTransferForm(forms.Form):
    """Signing for what another facility sent."""

    doses = forms.IntegerField(label="Dosis diterima", min_value=0, max_value=MAX_DOSES)
    vvm_stage = forms.ChoiceField(label="VVM saat tiba", choices=[(c, c) for c in "AB"])
    note = forms.CharField(
        label="Catatan selisih",
        max_length=120,
        required=False,
        help_text="Wajib bila jumlah berbeda dari yang dikirim.",
    )

    def __init__(self, *args: Any, transfer: Transfer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["doses"].initial = transfer.quantity_sent


class ReasonForm(forms.Form):
    """A step that needs a reason."""

    reason = forms.CharField(label="Alasan", max_length=120)
