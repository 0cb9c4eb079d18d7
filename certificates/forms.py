"""Input of the certificate pages."""

from django import forms
from django.utils.translation import gettext_lazy as _


class VerifyForm(forms.Form):
    """One pasted or scanned code."""

    code = forms.CharField(
        label=_("Isi kode"),
        help_text=_(
            "Pindai kode QR dengan pemindai, atau salin seluruh teksnya ke sini. Kode kami diawali HC1: atau shc:/."
        ),
        max_length=40_000,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 5, "autocomplete": "off", "spellcheck": "false"}),
        error_messages={
            "required": _("Isi kotak ini dengan teks kode QR."),
            "max_length": _("Teks ini terlalu panjang untuk sebuah kode sertifikat."),
        },
    )
