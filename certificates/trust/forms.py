"""Forms of the health office's page of foreign keys."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from certificates.trust.importing import FORMATS
from certificates.trust.lists.entries import MAX_BYTES, ListRefused
from certificates.trust.lists.proofs import read_signer
from certificates.trust.models import TrustList

_REQUIRED = {"required": "Isian ini wajib."}


class HttpsField(forms.URLField):
    """An address of the internet; without a scheme it is https."""

    def __init__(self, **options: Any):
        super().__init__(**{"assume_scheme": "https", **options})


class TrustListForm(forms.ModelForm):
    """A new source of foreign keys."""

    class Meta:
        model = TrustList
        fields = ("name", "kind", "scope", "address", "iss", "signer")
        field_classes = {"address": HttpsField}
        widgets = {"signer": forms.Textarea(attrs={"rows": 4, "spellcheck": "false"})}
        help_texts = {
            "address": "Kosongkan bila daftar datang sebagai berkas. Harus https://.",
            "iss": "Hanya untuk satu penerbit SMART Health Card: https://… tanpa garis miring di akhir.",
            "signer": "Sertifikat atau kunci publik (PEM), atau JWK. Ambil dari sumber resmi, bukan dari daftarnya.",
        }
        error_messages = {
            "name": {**_REQUIRED, "unique": "Sudah ada daftar dengan nama ini."},
            "kind": _REQUIRED,
            "scope": _REQUIRED,
            "address": {"invalid": "Alamat harus diawali https://."},
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kind = self.fields["kind"]
        assert isinstance(kind, forms.ChoiceField)
        kind.choices = [("", "Pilih jenis"), *TrustList.Kind.choices]

    def clean_signer(self) -> str:
        """A key that can be read, or nothing."""
        text = str(self.cleaned_data["signer"]).strip()
        if text:
            try:
                read_signer(text)
            except ListRefused as error:
                raise ValidationError(str(error)) from error
        return text

    def clean(self) -> dict[str, Any]:
        """A WHO list is worth nothing without the key of its signer."""
        data = super().clean() or self.cleaned_data
        if data.get("kind") == TrustList.Kind.GDHCN and "signer" in data and not data["signer"]:
            self.add_error("signer", "Daftar WHO hanya dapat diperiksa dengan kunci penanda tangannya.")
        if data.get("kind"):
            self.instance.formats = list(FORMATS[data["kind"]])
        return data


class FetchForm(forms.Form):
    """A copy of a list: a file, or the list's own address when no file is given."""

    berkas = forms.FileField(
        label="Berkas daftar",
        required=False,
        help_text=f"JSON, PEM, atau master list ICAO, paling besar {MAX_BYTES // 1024 // 1024} MB.",
    )

    def clean_berkas(self) -> Any:
        """Not larger than a list may be."""
        upload = self.cleaned_data["berkas"]
        if upload and upload.size > MAX_BYTES:
            raise ValidationError(f"Berkas lebih dari {MAX_BYTES // 1024 // 1024} MB.")
        return upload


class ConfirmForm(forms.Form):
    """The person's yes to an edition."""

    dibandingkan = forms.BooleanField(
        label="Sidik jari sudah saya bandingkan dengan sumber lain",
        required=False,
        error_messages={"required": "Bandingkan sidik jarinya dahulu."},
    )
