"""Forms of citizens: sign-in, and adding or changing a person; every text here is read by a citizen."""

from datetime import date
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from regions.models import Kelurahan
from registration import names, nik, phone
from registration.models import Citizen

RELATIONS = [
    ("anak", _("Anak saya")),
    ("pasangan", _("Suami atau istri saya")),
    ("orang_tua", _("Orang tua saya")),
    ("lain", _("Anggota keluarga lain")),
    ("diri", _("Saya sendiri")),
]
DATE_FORMATS = ["%d-%m-%Y", "%d/%m/%Y", "%d.%m.%Y", "%d %m %Y", "%Y-%m-%d"]


class PhoneForm(forms.Form):
    """The phone that receives the code."""

    phone = forms.CharField(
        label=_("Nomor telepon"),
        help_text=_(
            "Nomor WhatsApp atau SMS yang aktif, misalnya 0812 3456 7890. Satu nomor dapat dipakai sekeluarga."
        ),
        max_length=25,
        widget=forms.TextInput(attrs={"type": "tel", "inputmode": "tel", "autocomplete": "tel"}),
    )

    def clean_phone(self) -> str:
        return phone.normalise(self.cleaned_data["phone"])


class CodeForm(forms.Form):
    """The six digits."""

    code = forms.CharField(
        label=_("Kode 6 angka"),
        max_length=12,
        widget=forms.TextInput(
            attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "pattern": "[0-9 ]*", "autofocus": True}
        ),
    )

    def clean_code(self) -> str:
        digits = "".join(self.cleaned_data["code"].split())
        if len(digits) != 6 or not digits.isascii() or not digits.isdigit():
            raise forms.ValidationError(_("Kode terdiri dari 6 angka. Periksa pesan yang Anda terima."))
        return digits


class KelurahanField(forms.ModelChoiceField):
    """All kelurahan, grouped by kecamatan: names repeat (RULES W-1), and a phone's own list needs no JavaScript."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(queryset=Kelurahan.objects.all(), required=False, **kwargs)
        self.choices = self._grouped

    def _grouped(self) -> list[tuple[Any, Any]]:
        groups: dict[str, list[tuple[str, str]]] = {}
        for row in Kelurahan.objects.select_related("kecamatan").order_by("kecamatan__name", "name"):
            groups.setdefault(row.kecamatan.name, []).append((row.code, row.name))
        return [("", self.empty_label or ""), *groups.items()]


class RelationForm(forms.Form):
    """Who is added."""

    relation = forms.ChoiceField(
        label=_("Siapa yang Anda tambahkan?"),
        choices=RELATIONS,
        widget=forms.RadioSelect,
    )


class NikForm(forms.Form):
    """The NIK, or why there is none yet."""

    has_nik = forms.ChoiceField(
        label=_("Apakah orang ini punya NIK?"),
        help_text=_("NIK ada di KTP, Kartu Keluarga, atau Kartu Identitas Anak."),
        choices=[("ya", _("Ya, punya NIK")), ("tidak", _("Belum punya NIK"))],
        widget=forms.RadioSelect,
        initial="ya",
    )
    nik = forms.CharField(
        label=_("NIK"),
        help_text=_("16 angka. Isi bila sudah punya NIK."),
        max_length=25,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "spellcheck": "false"}),
    )
    no_nik_reason = forms.ChoiceField(
        label=_("Alasan belum punya NIK"),
        help_text=_("Isi bila belum punya NIK. Puskesmas akan membantu mengurusnya ke Dukcapil."),
        choices=[("", _("Pilih alasan")), *Citizen.NoNikReason.choices],
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("nik", "no_nik_reason"):
            # Required in one of two cases, so the label must not say "opsional".
            vars(self.fields[name])["conditional"] = True

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("has_nik") == "ya":
            data["no_nik_reason"] = ""
            try:
                data["nik"] = nik.parse(data.get("nik", ""), today=timezone.localdate()).digits
            except nik.NikInvalid as error:
                self.add_error("nik", error)
        elif data.get("has_nik") == "tidak":
            data["nik"] = ""
            if not data.get("no_nik_reason"):
                self.add_error("no_nik_reason", _("Pilih alasan belum punya NIK."))
        return data


class PersonForm(forms.Form):
    """Name, birth date, sex."""

    full_name = forms.CharField(
        label=_("Nama lengkap"),
        help_text=_("Seperti pada KTP, KK, atau akta kelahiran, tanpa gelar."),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    birth_date = forms.DateField(
        label=_("Tanggal lahir"),
        help_text=_("Tanggal-bulan-tahun, misalnya 17-05-1990."),
        input_formats=DATE_FORMATS,
        error_messages={"invalid": _("Tanggal lahir belum sesuai. Tulis seperti 17-05-1990.")},
        widget=forms.DateInput(format="%d-%m-%Y", attrs={"inputmode": "text", "autocomplete": "off"}),
    )
    sex = forms.ChoiceField(label=_("Jenis kelamin"), choices=Citizen.Sex.choices, widget=forms.RadioSelect)

    def clean_full_name(self) -> str:
        return names.clean(self.cleaned_data["full_name"])

    def clean_birth_date(self) -> date:
        born = self.cleaned_data["birth_date"]
        if not date(1900, 1, 1) <= born <= timezone.localdate():
            raise forms.ValidationError(_("Tanggal lahir tidak boleh di masa depan atau sebelum tahun 1900."))
        return born


class GuardianForm(forms.Form):
    """Which adult of the family answers for a minor; twins are told apart by their order."""

    guardian = forms.ModelChoiceField(
        label=_("Orang tua atau wali"),
        help_text=_("Orang dewasa di keluarga ini yang bertanggung jawab."),
        queryset=Citizen.objects.none(),
        widget=forms.RadioSelect,
        empty_label=None,
        to_field_name="public_id",
    )
    birth_order = forms.TypedChoiceField(
        label=_("Urutan lahir"),
        help_text=_("Hanya untuk anak kembar."),
        choices=[(1, _("Bukan kembar, atau lahir pertama")), (2, _("Lahir kedua")), (3, _("Lahir ketiga"))],
        coerce=int,
        initial=1,
    )


class PlaceForm(forms.Form):
    """Where the person is registered and lives."""

    kelurahan = KelurahanField(
        label=_("Kelurahan sesuai KTP atau KK"),
        help_text=_("Menentukan pencatatan wilayah; Anda tetap boleh memilih tempat vaksinasi mana pun."),
        empty_label=_("Di luar Kota Semarang"),
    )
    domicile_kelurahan = KelurahanField(
        label=_("Kelurahan tempat tinggal sekarang"), empty_label=_("Sama dengan KTP atau KK")
    )
    address = forms.CharField(
        label=_("Alamat"),
        help_text=_("Jalan, RT, dan RW, bila ingin diisi."),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "street-address"}),
    )
    family_card_number = forms.CharField(
        label=_("Nomor Kartu Keluarga"),
        help_text=_("16 angka, untuk pemeriksaan tambahan di meja layanan."),
        max_length=25,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def clean_family_card_number(self) -> str:
        digits = nik.clean(self.cleaned_data["family_card_number"])
        if digits and not nik.looks_like(digits):
            raise forms.ValidationError(_("Nomor KK belum sesuai. Mohon periksa kembali 16 angka."))
        return digits
