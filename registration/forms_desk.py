"""Forms of the identity desk; staff pages are Indonesian only."""

from typing import Any

from django import forms
from django.db.models import Q
from django.utils import timezone

from accounts.territory import Territory
from regions.models import Kelurahan
from registration import nik, phone


def nik_field(label: str, help_text: str) -> forms.CharField:
    """Sixteen digits typed from a card."""
    return forms.CharField(
        label=label,
        help_text=help_text,
        max_length=25,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "spellcheck": "false"}),
    )


class ClaimCodeForm(forms.Form):
    """The code a citizen shows."""

    kode = forms.RegexField(
        label="Kode pengajuan",
        regex=r"^\s*[A-Za-z]{2}-?[A-Za-z0-9]{4}-?[A-Za-z0-9]{4}\s*$",
        help_text="Kode di ponsel warga, misalnya KL-7KQM-X29B.",
        error_messages={"invalid": "Kode belum sesuai. Contoh: KL-7KQM-X29B."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )

    def clean_kode(self) -> str:
        signs = self.cleaned_data["kode"].strip().upper().replace("-", "")
        return f"{signs[:2]}-{signs[2:6]}-{signs[6:]}"


class DecisionForm(forms.Form):
    """What the card says, and what follows."""

    card_nik = nik_field("NIK pada kartu", "Ketik dari kartu asli, bukan dari layar.")
    decision = forms.ChoiceField(
        label="Keputusan",
        choices=[
            ("attach", "Data yang ada memang milik orang ini: pindahkan ke keluarganya"),
            ("release", "Data yang ada milik orang lain dan salah ketik NIK: lepaskan NIK-nya, buat data baru"),
            ("reject", "Kartu tidak membuktikan: tolak"),
        ],
        widget=forms.RadioSelect,
    )
    seen = forms.BooleanField(label="Kartu asli sudah saya lihat dan orangnya hadir", required=False)
    note = forms.CharField(label="Keterangan", max_length=200, required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("decision") in ("attach", "release") and not data.get("seen"):
            self.add_error("seen", "Keputusan ini memerlukan kartu asli.")
        if data.get("decision") in ("release", "reject") and not data.get("note", "").strip():
            self.add_error("note", "Tulis alasan singkat.")
        return data


class MergeForm(forms.Form):
    """A temporary number and the NIK of the same person."""

    temporary_code = forms.RegexField(
        label="Nomor sementara",
        regex=r"^\s*[A-Za-z]{2}-?[A-Za-z0-9]{4}-?[A-Za-z0-9]{4}\s*$",
        help_text="Misalnya TS-7KQM-X29B.",
        error_messages={"invalid": "Nomor sementara belum sesuai. Contoh: TS-7KQM-X29B."},
    )
    nik = nik_field("NIK pada kartu", "16 angka dari KTP, KK, atau KIA.")
    reason = forms.CharField(label="Alasan", max_length=200, initial="NIK sudah terbit, kartu asli dilihat di meja.")

    def clean_temporary_code(self) -> str:
        signs = self.cleaned_data["temporary_code"].strip().upper().replace("-", "")
        return f"{signs[:2]}-{signs[2:6]}-{signs[6:]}"

    def clean_nik(self) -> str:
        return nik.parse(self.cleaned_data["nik"], today=timezone.localdate()).digits


class ResidentForm(forms.Form):
    """Where a cadre's resident lives, and a phone to reach the family, if there is one."""

    kelurahan = forms.ModelChoiceField(
        label="Kelurahan tempat tinggal", queryset=Kelurahan.objects.none(), empty_label=None
    )
    address = forms.CharField(label="Alamat", help_text="Jalan, RT, dan RW.", max_length=200, required=False)
    contact_phone = forms.CharField(
        label="Telepon keluarga",
        help_text="Nomor siapa pun yang dapat dihubungi. Boleh dikosongkan.",
        max_length=25,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, territory: Territory, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Kelurahan.objects.select_related("kecamatan")
        if not territory.is_city:
            rows = rows.filter(Q(pk__in=territory.kelurahan_codes) | Q(kecamatan_id__in=territory.kecamatan_codes))
        field = self.fields["kelurahan"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = rows

    def clean_contact_phone(self) -> str:
        typed = self.cleaned_data["contact_phone"]
        return phone.normalise(typed, landline=True) if typed else ""
