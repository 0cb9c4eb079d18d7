"""Input of the certificate pages."""

from django import forms
from django.utils.translation import gettext_lazy as _

from certificates.models import Revocation
from certificates.revoking import BY_HAND


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


REVOCATION_CHOICES = {
    Revocation.Reason.HOLDER: "Diminta pemegang: kodenya tersebar. Kode baru dibuat saat sertifikat dibuka lagi.",
    Revocation.Reason.MISTAKE: "Terbit karena kekeliruan. Tidak ada sertifikat lagi untuk dosis ini.",
    Revocation.Reason.FRAUD: "Dosisnya diragukan. Tidak ada sertifikat lagi untuk dosis ini.",
}


class RevokeForm(forms.Form):
    """Why the proof of a dose ends, and the word that it is meant."""

    reason = forms.ChoiceField(
        label="Alasan",
        choices=[(reason.value, REVOCATION_CHOICES[reason]) for reason in BY_HAND],
        widget=forms.RadioSelect,
        error_messages={"required": "Pilih alasan pencabutan."},
    )
    note = forms.CharField(
        label="Keterangan",
        help_text="Apa yang terjadi, dalam satu kalimat. Tanpa NIK dan nomor telepon.",
        max_length=140,
        error_messages={"required": "Tulis keterangan singkat."},
    )
    sure = forms.BooleanField(
        label="Saya yakin sertifikat ini harus dicabut",
        error_messages={"required": "Centang bila Anda yakin, atau kembali ke catatan warga."},
    )
