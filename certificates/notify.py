"""Telling the citizen that the certificate is there. The message holds the only copy of the link."""

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from certificates.models import Certificate


def certificate_ready(certificate: Certificate, token: str) -> None:
    """Queue the message in the caller's transaction; nothing happens for a person without a phone."""
    from messaging import services as messaging

    account = certificate.immunization.citizen.account
    if account is None or account.verified_at is None:
        return
    with translation.override(account.language):
        address = settings.PUBLIC_BASE_URL.rstrip("/") + reverse("certificates:link", args=[token])
        text = _(
            "Sertifikat vaksinasi dari Dinas Kesehatan Kota Semarang sudah terbit. Buka: {address} "
            "Saat dibuka, kami kirim kode ke nomor ini. Jangan berikan tautan atau kode kepada orang lain."
        ).format(address=address)
    messaging.send(
        kind="certificate_ready",
        to=account.phone,
        text=text,
        language=account.language,
        parameters=(address,),
        dedupe_key=f"certificate_ready:{certificate.pk}",
    )
