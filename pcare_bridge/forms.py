"""Input of the health office's PCare pages."""

import re
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import Membership, User
from core.formats import mask_nik
from pcare_bridge import planning
from pcare_bridge.errors import ERROR_CLASSES
from pcare_bridge.models import SERVICES, Delivery, FacilityAccount, SatusehatAccount, VaccineCode
from regions.models import Facility
from registration.models import Citizen

CLASS_CHOICES = [(item.key, item.title) for item in ERROR_CLASSES.values()]


def _offer_facilities(form: forms.BaseForm, name: str, user: Any) -> None:
    """Let the field choose among the facilities of the user's territory; none chosen means all of them."""
    field = form.fields[name]
    assert isinstance(field, forms.ModelChoiceField)
    field.queryset = Facility.objects.visible_to(user)
    vars(field)["conditional"] = True


def _begin_at(form: forms.BaseForm, name: str) -> None:
    """Put the field that is wrong first and into focus; an unknown name changes nothing."""
    if name in form.fields:
        form.order_fields([name])
        form.fields[name].widget.attrs["autofocus"] = True


class FilterForm(forms.Form):
    """What the list shows; an unknown value is ignored with a sentence, never a 500."""

    keadaan = forms.ChoiceField(
        label="Keadaan", required=False, choices=[("", "Semua keadaan"), *Delivery.STATES_OF_ALL]
    )
    galat = forms.ChoiceField(label="Sebab", required=False, choices=[("", "Semua sebab"), *CLASS_CHOICES])
    fasilitas = forms.ModelChoiceField(
        label="Fasilitas", required=False, queryset=Facility.objects.none(), to_field_name="code", empty_label="Semua"
    )
    nomor = forms.CharField(label="Nomor PCare atau batch", required=False, max_length=40, strip=True)

    def __init__(self, data: Any, user: Any) -> None:
        super().__init__(data)
        _offer_facilities(self, "fasilitas", user)
        for one in self.fields.values():
            vars(one)["conditional"] = True  # a filter needs no "(opsional)" beside it


class NikForm(forms.Form):
    """Search by NIK; posted, so that the number never stands in an address."""

    nik = forms.CharField(label="NIK", max_length=20, widget=forms.TextInput(attrs={"inputmode": "numeric"}))

    def clean_nik(self) -> str:
        nik = re.sub(r"[ .-]", "", self.cleaned_data["nik"])
        if not re.fullmatch(r"[0-9]{16}", nik):
            raise ValidationError("NIK terdiri dari 16 angka.")
        return nik


class DayForm(forms.Form):
    """A day of injections, today at the latest."""

    tanggal = forms.DateField(
        label="Tanggal penyuntikan", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def clean_tanggal(self) -> date:
        day: date = self.cleaned_data["tanggal"]
        if day > timezone.localdate():
            raise ValidationError("Tanggal belum tiba.")
        return day


class ReportForm(forms.Form):
    """How a dose was reported outside the portal."""

    evidence = forms.CharField(
        label="Bukti laporan", max_length=200, help_text="Dilaporkan di mana, kapan, oleh siapa, nomor berkas.",
        error_messages={"required": "Tulis di mana, kapan, dan oleh siapa dosis ini dilaporkan."},
    )  # fmt: skip


class HandOverForm(forms.Form):
    """To whom a refused delivery goes, and what to do."""

    to = forms.ModelChoiceField(
        label="Ditangani oleh", queryset=User.objects.none(), empty_label="Pilih petugas",
        error_messages={"required": "Pilih petugas yang akan menanganinya."},
    )  # fmt: skip
    note = forms.CharField(
        label="Catatan", max_length=200, help_text="Apa yang perlu dilakukan.",
        error_messages={"required": "Tulis apa yang perlu dilakukan."},
    )  # fmt: skip

    def __init__(self, data: Any, delivery: Delivery) -> None:
        super().__init__(data)
        # Those who can look at the person's record and do something about it.
        roles = (Membership.Role.NURSE, Membership.Role.VACCINATOR, Membership.Role.CITY_ADMIN)
        valid = Membership.objects.valid_on(timezone.localdate()).filter(role__in=roles)
        near = valid.filter(facility_id=delivery.facility_id) | valid.filter(scope="city")
        people = User.objects.filter(is_active=True, memberships__in=near).distinct()
        field = self.fields["to"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = people


class PersonForm(forms.Form):
    """The person as a card says; the field that was refused stands first and says why."""

    nik = forms.CharField(
        label="NIK", required=False, max_length=25,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    full_name = forms.CharField(label="Nama lengkap", max_length=100)
    birth_date = forms.DateField(
        label="Tanggal lahir", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    sex = forms.ChoiceField(label="Jenis kelamin", choices=Citizen.Sex.choices, widget=forms.RadioSelect)
    contact_phone = forms.CharField(
        label="Telepon", required=False, max_length=25, widget=forms.TextInput(attrs={"inputmode": "tel"})
    )
    seen = forms.BooleanField(
        label="Sudah dicocokkan dengan KTP, KK, atau KIA",
        error_messages={"required": "Cocokkan dulu dengan kartu orangnya."},
    )

    def __init__(self, data: Any, citizen: Citizen, wrong: str) -> None:
        super().__init__(data, initial={name: getattr(citizen, name) or "" for name in self.PLAIN})
        self.citizen = citizen
        held = f"Tercatat {mask_nik(citizen.nik)}. Kosongkan bila tidak berubah." if citizen.nik else "Belum ada."
        self.fields["nik"].help_text = held
        self.fields["nik"].required = wrong == "nik" and not citizen.nik
        for name in ("nik", "contact_phone"):
            vars(self.fields[name])["conditional"] = True
        _begin_at(self, wrong)

    PLAIN = ("full_name", "birth_date", "sex", "contact_phone")

    def changes(self) -> dict[str, Any]:
        """Only what differs from the record."""
        data = {name: self.cleaned_data[name] for name in self.PLAIN}
        found = {name: value for name, value in data.items() if value != (getattr(self.citizen, name) or "")}
        if self.cleaned_data["nik"]:
            found["nik"] = self.cleaned_data["nik"]
        return found


class CodesForm(forms.ModelForm):
    """What the services call one vaccine."""

    class Meta:
        model = VaccineCode
        fields = ["code", "kfa_group", "cvx_code", "diagnosis_code"]

    def __init__(self, *args: Any, wrong: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].label = "Kode produk KFA (kdVaksin)"
        self.fields["code"].help_text = "93 dan enam angka, dari katalog KFA."
        self.fields["kfa_group"].help_text = "VG dan tiga angka; untuk SATUSEHAT."
        self.fields["cvx_code"].help_text = "Untuk SATUSEHAT."
        self.fields["diagnosis_code"].help_text = "ICD-10 kunjungan imunisasi, misalnya Z23.2; untuk PCare Kunjungan."
        for name in ("kfa_group", "cvx_code", "diagnosis_code"):
            vars(self.fields[name])["conditional"] = True
        _begin_at(self, wrong)


class AccountForm(forms.ModelForm):
    """A facility's credentials; secret parts are written, never shown, and kept when left empty."""

    SECRETS = ("secret", "user_key", "password")

    class Meta:
        model = FacilityAccount
        fields = [
            "provider_code", "practitioner_code", "clinic_code", "cons_id", "username", "application_code", "is_active",
        ]  # fmt: skip
        labels = {
            "provider_code": "Kode fasilitas di PCare (kdProvider)",
            "practitioner_code": "Kode vaksinator di PCare (kdDokter)",
            "clinic_code": "Kode poli kunjungan sehat (kdPoli)",
            "application_code": "Kode aplikasi (kdAplikasi)",
            "is_active": "Kirim dosis fasilitas ini ke PCare",
        }

    profiles = forms.MultipleChoiceField(
        label="Dikirim sebagai",
        choices=[(value, label) for value, label in Delivery.Profile.choices if SERVICES[value] == "pcare"],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Pilih paling sedikit satu cara kirim, atau matikan akun ini."},
        help_text="Cara yang baru dipilih berlaku untuk dosis sejak sekarang; yang dilepas menghabiskan antreannya.",
    )
    secret = forms.CharField(label="Kunci rahasia", required=False, max_length=100, widget=forms.PasswordInput)
    user_key = forms.CharField(label="User key", required=False, max_length=100, widget=forms.PasswordInput)
    password = forms.CharField(label="Kata sandi PCare", required=False, max_length=100, widget=forms.PasswordInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["profiles"].initial = self.instance.profiles
        for name in self.SECRETS:
            self.fields[name].help_text = "Kosongkan bila tidak berubah."
            self.fields[name].widget.attrs["autocomplete"] = "off"
            vars(self.fields[name])["conditional"] = True  # kept, not optional

    def clean_provider_code(self) -> str:
        code = self.cleaned_data["provider_code"].strip().upper()
        if not re.fullmatch(r"[0-9A-Z]{8}", code):
            raise ValidationError("kdProvider terdiri dari 8 angka atau huruf besar.")
        return code

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "kunjungan" in data.get("profiles", []) and not data.get("clinic_code"):
            self.add_error("clinic_code", "Isi kode poli: PCare Kunjungan tidak dapat dikirim tanpa itu.")
        return data

    def clean_user_key(self) -> str:
        key = self.cleaned_data["user_key"].strip()
        if not key.isascii():
            raise ValidationError("User key hanya huruf dan angka.")
        return key

    def save(self, commit: bool = True) -> FacilityAccount:
        account: FacilityAccount = super().save(commit=False)
        for name in self.SECRETS:
            if self.cleaned_data[name]:
                setattr(account, name, self.cleaned_data[name])
        if self.cleaned_data["password"]:
            account.password_changed_at = timezone.now()
        if account.pk is None:
            account.profiles = self.cleaned_data["profiles"]
        account.save()
        planning.switch_profiles(account, self.cleaned_data["profiles"])
        return account


class SatusehatForm(forms.ModelForm):
    """A facility's SATUSEHAT account; secret parts are written, never shown, and kept when left empty."""

    SECRETS = ("client_id", "client_secret", "practitioner_nik")

    class Meta:
        model = SatusehatAccount
        fields = ["organization_id", "location_id", "is_active"]
        labels = {"is_active": "Kirim dosis fasilitas ini ke SATUSEHAT"}

    client_id = forms.CharField(label="Client id", required=False, max_length=100, widget=forms.PasswordInput)
    client_secret = forms.CharField(label="Client secret", required=False, max_length=100, widget=forms.PasswordInput)
    practitioner_nik = forms.CharField(
        label="NIK vaksinator",
        required=False,
        max_length=16,
        widget=forms.PasswordInput(attrs={"inputmode": "numeric"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.SECRETS:
            known = bool(getattr(self.instance, name, ""))
            self.fields[name].required = not known
            self.fields[name].help_text = "Kosongkan bila tidak berubah." if known else ""
            self.fields[name].widget.attrs["autocomplete"] = "off"
            vars(self.fields[name])["conditional"] = True  # kept, not optional

    def clean_practitioner_nik(self) -> str:
        nik: str = self.cleaned_data["practitioner_nik"]
        if nik and not re.fullmatch(r"[0-9]{16}", nik):
            raise ValidationError("NIK terdiri dari 16 angka.")
        return nik

    def save(self, commit: bool = True) -> SatusehatAccount:
        account: SatusehatAccount = super().save(commit=False)
        for name in self.SECRETS:
            if self.cleaned_data[name]:
                setattr(account, name, self.cleaned_data[name])
        if self.cleaned_data["client_secret"]:
            account.password_changed_at, account.access_token = timezone.now(), None
        account.save()
        return account


class SwitchForm(forms.Form):
    """Stop one profile, here or everywhere, with a reason."""

    profil = forms.ChoiceField(label="Cara kirim", choices=Delivery.Profile.choices)
    di = forms.ModelChoiceField(
        label="Fasilitas", required=False, queryset=Facility.objects.none(), empty_label="Semua fasilitas"
    )
    alasan = forms.CharField(label="Alasan", max_length=150)

    def __init__(self, data: Any, user: Any) -> None:
        super().__init__(data, auto_id="id_sakelar_%s")
        _offer_facilities(self, "di", user)


class BatchForm(forms.Form):
    """What goes into a file, and why."""

    profil = forms.ChoiceField(label="Cara kirim", choices=Delivery.Profile.choices)
    di = forms.ModelChoiceField(
        label="Fasilitas", required=False, queryset=Facility.objects.none(), empty_label="Semua fasilitas"
    )
    lengkap = forms.BooleanField(
        label="Dengan NIK dan nama lengkap", required=False,
        help_text="Perlu persetujuan orang kedua. Dosis di dalamnya lalu tidak dikirim sendiri, supaya tidak ganda.",
    )  # fmt: skip
    alasan = forms.CharField(label="Alasan", max_length=200, help_text="Untuk siapa berkas ini dan mengapa.")

    def __init__(self, data: Any, user: Any) -> None:
        super().__init__(data)
        _offer_facilities(self, "di", user)
        vars(self.fields["lengkap"])["conditional"] = True


class ResultForm(forms.Form):
    """The file with the columns `nomor`, `hasil` and `pesan` filled in."""

    berkas = forms.FileField(label="Berkas hasil (XLSX atau CSV)")
