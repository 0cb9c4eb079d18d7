"""Telling the citizen that the certificate is there, or gone. The first message holds the only copy of the link."""

from collections.abc import Iterable
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from certificates.models import Certificate
from messaging import services as messaging
from registration.models import Citizen
from registration.queries import notification_phone


def certificates_ready(new: Iterable[tuple[UUID, Citizen, str]]) -> None:
    """Queue the messages in the caller's transaction: public number, person and random part of the link of each."""
    messaging.send_many(letter for one in new if (letter := _ready(*one)))


def _ready(public_id: UUID, citizen: Citizen, token: str) -> messaging.Letter | None:
    """What a person is told; nothing without a phone."""
    phone = notification_phone(citizen)
    if phone is None:
        return None
    language = citizen.account.language if citizen.account else settings.LANGUAGE_CODE
    with translation.override(language):
        address = settings.PUBLIC_BASE_URL.rstrip("/") + reverse("certificates:link", args=[token])
        text = _(
            "Sertifikat vaksinasi dari Dinas Kesehatan Kota Semarang sudah terbit. Buka: %(address)s "
            "Saat dibuka, kami kirim kode ke nomor ini. Jangan berikan tautan atau kode kepada orang lain."
        ) % {"address": address}
    return messaging.Letter(
        kind="certificate_ready",
        to=phone,
        text=text,
        language=language,
        parameters=(address,),
        dedupe_key=f"certificate_ready:{public_id}",
    )


def certificate_revoked(certificate: Certificate, *, renewable: bool) -> None:
    """Queue the news in the caller's transaction, once for each certificate; nobody's name is in it."""
    citizen = certificate.immunization.citizen
    phone = notification_phone(citizen)
    if phone is None:
        return
    language = citizen.account.language if citizen.account else settings.LANGUAGE_CODE
    with translation.override(language):
        address = settings.PUBLIC_BASE_URL.rstrip("/") + reverse("certificates:list")
        if renewable:
            text = _(
                "Kode sertifikat vaksinasi dari Dinas Kesehatan Kota Semarang sudah dicabut dan tidak berlaku lagi. "
                "Kode baru dibuat saat Anda membuka sertifikatnya: %(address)s"
            )
        else:
            text = _(
                "Satu sertifikat vaksinasi dari Dinas Kesehatan Kota Semarang sudah dicabut dan tidak berlaku lagi. "
                "Dosisnya tetap tercatat: %(address)s Tanyakan alasannya ke puskesmas tempat vaksinasi."
            )
        text %= {"address": address}
    messaging.send(
        kind="certificate_revoked",
        to=phone,
        text=text,
        language=language,
        parameters=(address,),
        dedupe_key=f"certificate_revoked:{certificate.pk}:{int(renewable)}",
    )
