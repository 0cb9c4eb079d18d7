"""Forms of the health office about staff, assignments and partner tokens."""

from datetime import timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from accounts import partner
from accounts.models import Membership, User
from regions.models import Facility, Kecamatan, Kelurahan


class InviteForm(forms.Form):
    """A new account."""

    full_name = forms.CharField(
        label="Nama lengkap", max_length=100, help_text="Dengan gelar, seperti pada papan nama."
    )
    username = forms.RegexField(
        label="Nama pengguna",
        regex=r"^[a-z0-9][a-z0-9._-]{2,29}$",
        help_text="3 sampai 30 tanda: huruf kecil, angka, titik, atau tanda hubung. Tidak dapat diganti.",
        error_messages={"invalid": "Gunakan huruf kecil, angka, titik, atau tanda hubung, 3 sampai 30 tanda."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    professional_id = forms.CharField(label="Nomor STR/SIP", max_length=40, required=False)

    def clean_username(self) -> str:
        username = self.cleaned_data["username"]
        if User.objects.filter(username=username).exists():
            raise forms.ValidationError("Nama pengguna ini sudah dipakai.")
        return username


class MembershipForm(forms.ModelForm):
    """One assignment; the scope says which of the three places counts."""

    kelurahan = forms.ModelChoiceField(
        label="Kelurahan", queryset=Kelurahan.objects.select_related("kecamatan").order_by("kecamatan__name", "name"),
        required=False, empty_label="–",
    )  # fmt: skip
    facility = forms.ModelChoiceField(
        label="Fasilitas", queryset=Facility.objects.filter(is_active=True), required=False, empty_label="–"
    )
    kecamatan = forms.ModelChoiceField(
        label="Kecamatan", queryset=Kecamatan.objects.all(), required=False, empty_label="–"
    )

    class Meta:
        model = Membership
        fields = ["role", "scope", "facility", "kelurahan", "kecamatan", "valid_from", "valid_until"]
        widgets = {
            "valid_from": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "valid_until": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        }
        help_texts = {"valid_until": "Kosongkan bila belum ditentukan. Setelah tanggal ini semua hak berhenti sendiri."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("facility", "kelurahan", "kecamatan"):
            vars(self.fields[name])["conditional"] = True  # one of the three, by scope: not "opsional"
        for name, choices in (("role", Membership.Role.choices), ("scope", Membership.Scope.choices)):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [("", "Pilih"), *choices]

    # Where each role works: a nurse of "the whole city" would see everybody's record.
    PLACES = {
        "petugas": {"facility"}, "vaksinator": {"facility"}, "pengelola_stok": {"facility"}, "mitra": {"facility"},
        "kader": {"kelurahan"}, "admin_dinkes": {"city"}, "pemantau_dinkes": {"city", "kecamatan"},
    }  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        role, scope = data.get("role"), data.get("scope")
        if role and scope and scope not in self.PLACES[role]:
            allowed = " atau ".join(Membership.Scope(one).label.lower() for one in sorted(self.PLACES[role]))
            self.add_error("scope", f"Peran ini bekerja untuk satu {allowed}.")
        for place in ("facility", "kelurahan", "kecamatan"):
            if place != scope:
                data[place] = None  # what was chosen before the scope changed
            elif not data.get(place):
                self.add_error(place, "Pilih tempatnya.")
        first, last = data.get("valid_from"), data.get("valid_until")
        if first and last and last < first:
            self.add_error("valid_until", "Tanggal akhir sebelum tanggal mulai.")
        return data


class PartnerChoiceField(forms.ModelChoiceField):
    """Names the person and the hospital."""

    def label_from_instance(self, obj: Membership) -> str:
        return f"{obj.user} – {obj.facility}"


class TokenForm(forms.Form):
    """A partner's token."""

    name = forms.CharField(label="Nama sistem", max_length=80, help_text="Misalnya: SIMRS RS Contoh, produksi.")
    membership = PartnerChoiceField(
        label="Akun mitra",
        queryset=Membership.objects.none(),
        empty_label="Pilih akun",
        help_text="Akun dengan peran mitra di fasilitasnya.",
    )
    scopes = forms.MultipleChoiceField(
        label="Hak", choices=list(partner.SCOPES.items()), widget=forms.CheckboxSelectMultiple, initial=["doses.write"]
    )
    days = forms.IntegerField(label="Berlaku (hari)", min_value=1, max_value=partner.LONGEST_DAYS, initial=180)
    rate_per_minute = forms.IntegerField(label="Batas panggilan per menit", min_value=1, max_value=6000, initial=60)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        partners = Membership.objects.valid_on(timezone.localdate()).filter(role=Membership.Role.PARTNER)
        membership = self.fields["membership"]
        assert isinstance(membership, forms.ModelChoiceField)
        membership.queryset = partners.filter(user__is_active=True).select_related("user", "facility")


class StaffFilterForm(forms.Form):
    """Search in the list of staff."""

    cari = forms.CharField(label="Nama", required=False, max_length=60)
    peran = forms.ChoiceField(label="Peran", required=False, choices=[("", "Semua peran"), *Membership.Role.choices])
    hanya = forms.ChoiceField(
        label="Keadaan",
        required=False,
        choices=[("", "Semua"), ("aktif", "Aktif"), ("nonaktif", "Nonaktif"), ("berakhir", "Berakhir dalam 30 hari")],
    )

    def apply(self, rows: QuerySet[User]) -> QuerySet[User]:
        """Filter `rows` of User; an unreadable filter is no filter."""
        if not self.is_valid():
            return rows
        if text := self.cleaned_data["cari"].replace("\x00", ""):
            rows = rows.filter(full_name__icontains=text) | rows.filter(username__icontains=text)
        if role := self.cleaned_data["peran"]:
            rows = rows.filter(memberships__role=role)
        state, today = self.cleaned_data["hanya"], timezone.localdate()
        if state in ("aktif", "nonaktif"):
            rows = rows.filter(is_active=state == "aktif")
        elif state == "berakhir":
            rows = rows.filter(memberships__valid_until__range=(today, today + timedelta(days=30)))
        return rows.distinct()
