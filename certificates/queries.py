"""What other apps and pages ask about certificates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext as _

from certificates.assemble import why_not
from certificates.models import Certificate, Revocation
from programmes.models import DoseRule
from registration.models import CitizenAccount
from vaccination.models import Immunization


@dataclass(frozen=True)
class CertificateState:
    """One step of the dose's journey: `kind` is ok, wait or stop (the status tag); `url` opens it for the family.

    `because` says of a revoked one why, in a sentence for its owner.
    """

    kind: str
    text: str
    url: str = ""
    issued_at: datetime | None = None
    revoked_at: datetime | None = None
    because: str = ""


def certificate_state(immunization: Immunization) -> CertificateState:
    """State of the proof of one dose. No query per row when the caller prefetched `certificates`."""
    certificates = sorted(immunization.certificates.all(), key=lambda row: row.pk)
    valid = next((row for row in certificates if row.status == Certificate.Status.VALID), None)
    if valid and not immunization.is_given:  # the correction is on its way to the certificate
        corrected = REVOKED_BECAUSE[Revocation.Reason.CORRECTED]()
        return CertificateState("stop", _("Sertifikat dicabut"), "", valid.issued_at, because=corrected)
    if valid:
        return CertificateState("ok", _("Sertifikat terbit"), _page(immunization), valid.issued_at)
    if state := _ended(certificates):
        return state
    reason = why_not(immunization)
    if reason:
        return CertificateState("stop", str(NO_CERTIFICATE[reason]()))
    # The page signs on first view, so for the citizen it is ready before any worker has come by.
    return CertificateState("ok", _("Sertifikat siap dibuka"), _page(immunization))


def _ended(certificates: Sequence[Certificate]) -> CertificateState | None:
    """The newest certificate was revoked and none follows; nothing where only the code was spoilt."""
    newest = next((row for row in reversed(certificates) if row.status == Certificate.Status.REVOKED), None)
    if newest is None:
        return None
    revocation = getattr(newest, "revocation", None)
    if revocation is None:
        return CertificateState("stop", _("Sertifikat dicabut"), "", newest.issued_at)
    if revocation.reason in Revocation.RENEWABLE:
        return None
    because = REVOKED_BECAUSE[revocation.reason]()
    return CertificateState("stop", _("Sertifikat dicabut"), "", newest.issued_at, revocation.revoked_at, because)


def _page(immunization: Immunization) -> str:
    return reverse("certificates:of_dose", args=[immunization.uuid])


REVOKED_BECAUSE: dict[str, Callable[[], str]] = {
    Revocation.Reason.CORRECTED: lambda: _("Data vaksinasi ini diperbaiki."),
    Revocation.Reason.KEY: lambda: _("Kunci yang menandatanganinya tidak lagi dipercaya."),
    Revocation.Reason.HOLDER: lambda: _("Kodenya tersebar, dan pemiliknya meminta agar dicabut."),
    Revocation.Reason.MISTAKE: lambda: _("Sertifikat itu terbit karena kekeliruan."),
    Revocation.Reason.FRAUD: lambda: _("Ada keraguan apakah dosis ini benar diberikan."),
}

NO_CERTIFICATE = {
    "not-completed": lambda: _("Tidak ada sertifikat: vaksinasi ini tidak diberikan atau salah catat."),
    "not-recorded-here": lambda: _(
        "Tidak ada sertifikat: dosis ini dicatat dari keterangan, bukan saat diberikan di sini."
    ),
    "revoked": lambda: _("Sertifikat ini sudah dicabut oleh penerbitnya. Tanyakan ke puskesmas tempat vaksinasi."),
    "not-counted": lambda: _("Tidak ada sertifikat: dosis ini belum dihitung. Tanyakan ke puskesmas."),
}

# Where a WHO certificate was asked for and can be written, the page has an HC1 code all the same.
WITHOUT_EU_CODE = {
    "not-covid": lambda: _(
        "Sertifikat Uni Eropa hanya ada untuk vaksin COVID-19. Kode di halaman ini tetap membuktikan vaksinasi ini."
    ),
    "no-eu-code": lambda: _(
        "Vaksin ini tidak mempunyai kode produk Uni Eropa, jadi sertifikat Uni Eropa tidak diterbitkan. "
        "Kode di halaman ini tetap membuktikan vaksinasi ini."
    ),
    "name-script": lambda: _(
        "Nama tidak dapat ditulis dengan huruf Latin menurut aturan ICAO, jadi sertifikat Uni Eropa tidak diterbitkan."
    ),
    "birth-year": lambda: _(
        "Tahun lahir di luar batas sertifikat Uni Eropa (1900–2099), jadi sertifikat itu tidak diterbitkan."
    ),
}


def without_eu_code(certificate: Certificate) -> str:
    """Why a certificate has no EU code, in the active language, for its page and its paper; empty when it has one."""
    reason = WITHOUT_EU_CODE.get(certificate.eu_reason)
    return reason() if reason else ""


def with_label(doses: QuerySet[Immunization]) -> QuerySet[Immunization]:
    """Each dose with `dose_label`, the ministry's name of it; empty when no rule names it."""
    rule = DoseRule.objects.filter(programme_id=OuterRef("programme_id"), dose_code=OuterRef("dose_code"))
    return doses.annotate(dose_label=Coalesce(Subquery(rule.values("dose_label")[:1]), Value("")))


def doses_of_family(account: CitizenAccount | None) -> list[Immunization]:
    """Completed doses of the account's family `with_label`, the newest first, ready for `certificate_state`."""
    return list(
        with_label(Immunization.objects.completed())
        .filter(citizen__account=account, citizen__merged_into__isnull=True)
        .select_related("citizen", "vaccine", "facility", "programme")
        .prefetch_related("certificates__revocation")
        .order_by("-occurred_at", "-pk")
    )
