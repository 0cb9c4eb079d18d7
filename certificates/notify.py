"""Telling the citizen that the certificate is there, or gone. The first message holds the only copy of the link."""

from collections.abc import Callable, Iterable
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from certificates.models import Revocation
from certificates.queries import REVOKED_BECAUSE
from messaging import services as messaging
from registration.models import Citizen
from registration.queries import notification_language, notification_phone


def certificates_ready(new: Iterable[tuple[UUID, Citizen, str]]) -> None:
    """Queue the messages in the caller's transaction: public number, person and random part of the link of each."""
    letters = (_ready(*one) for one in new)
    messaging.send_many(letter for letter in letters if letter)


def _ready(public_id: UUID, citizen: Citizen, token: str) -> messaging.Letter | None:
    def text() -> str:
        return _(
            "Sertifikat vaksinasi dari Dinas Kesehatan Kota Semarang sudah terbit. Buka: %(address)s "
            "Saat dibuka, kami kirim kode ke nomor ini. Jangan berikan tautan atau kode kepada orang lain."
        )

    path = reverse("certificates:link", args=[token])
    return _letter(citizen, "certificate_ready", str(public_id), path, text)


def certificate_revoked(revocation: Revocation) -> None:
    """Queue the news and the reason in the caller's transaction, once for each certificate; nobody's name is in it."""
    renewable = revocation.reason in Revocation.RENEWABLE

    def text() -> str:
        if renewable:
            return _(
                "Kode sertifikat vaksinasi dari Dinas Kesehatan Kota Semarang sudah dicabut dan tidak berlaku lagi. "
                "%(because)s Kode baru dibuat saat Anda membuka sertifikatnya: %(address)s"
            )
        return _(
            "Satu sertifikat vaksinasi dari Dinas Kesehatan Kota Semarang sudah dicabut dan tidak berlaku lagi. "
            "%(because)s Dosisnya tetap tercatat: %(address)s Ada pertanyaan? Tanyakan ke puskesmas tempat vaksinasi."
        )

    key = f"{revocation.certificate_id}:{int(renewable)}"
    citizen, because = revocation.certificate.immunization.citizen, REVOKED_BECAUSE[revocation.reason]
    letter = _letter(citizen, "certificate_revoked", key, reverse("certificates:list"), text, because)
    if letter:
        messaging.send_many([letter])


def _letter(
    citizen: Citizen, kind: str, key: str, path: str, text: Callable[[], str], because: Callable[[], str] | None = None
) -> messaging.Letter | None:
    """A message in the person's language with the address of a page; nothing for a person without a phone."""
    phone, language = notification_phone(citizen), notification_language(citizen)
    if phone is None:
        return None
    values = {"address": settings.PUBLIC_BASE_URL + path}
    with translation.override(language):
        if because:
            values["because"] = because()
        return messaging.Letter(
            kind=kind,
            to=phone,
            text=text() % values,
            language=language,
            parameters=tuple(values.values()),
            dedupe_key=f"{kind}:{key}",
        )
