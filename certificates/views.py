"""Pages of a person's certificates: the family's list, one certificate, its files."""

from __future__ import annotations

import json
import logging
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _

from certificates import access, keys, pdf, qr, queries, record, services
from certificates.assemble import NotCertifiable
from certificates.models import Certificate
from registration.models import Citizen
from registration.session import citizen_required
from vaccination.models import Immunization

logger = logging.getLogger(__name__)


@citizen_required
def family_list(request: HttpRequest) -> HttpResponse:
    """Each person's doses: those with something to open, then those without, folded away with the reason."""
    people: dict[int, dict[str, Any]] = {}  # by person, not by name: father and son may share one
    for dose in queries.doses_of_family(access.account_of(request)):
        person = people.setdefault(dose.citizen_id, {"citizen": dose.citizen, "proofs": [], "others": []})
        state = queries.certificate_state(dose)
        person["proofs" if state.url or state.issued_at else "others"].append((dose, state))
    return render(request, "certificates/list.html", {"people": list(people.values())})


@citizen_required
def of_dose(request: HttpRequest, dose: UUID) -> HttpResponse:
    """The certificate of one dose of the family; signed now if the worker has not come by yet."""
    immunization = get_object_or_404(Immunization, uuid=dose, citizen__account=access.account_of(request))
    return dose_page(request, immunization, actor="citizen page")


def dose_page(request: HttpRequest, immunization: Immunization, *, actor: str) -> HttpResponse:
    """The certificate of a dose that the caller may show, signed now if there is none; else why there is none."""
    try:
        certificate = services.issue(immunization.pk, actor=actor)
    except NotCertifiable as refused:
        return render(request, "certificates/none.html", {"text": refused_text(immunization, refused)}, status=410)
    except keys.NoSigningKey:
        return not_now(request)
    return certificate_page(request, certificate)


def not_now(request: HttpRequest) -> HttpResponse:
    """No key can sign at the moment: an operator's matter, told to the citizen as waiting."""
    logger.exception("no signing key")
    text = _("Vaksinasi ini sudah tercatat. Sertifikatnya belum dapat ditandatangani saat ini; coba lagi nanti.")
    return render(request, "certificates/none.html", {"text": text}, status=503)


def refused_text(immunization: Immunization, refused: NotCertifiable) -> str:
    """Why this dose has no certificate, for its owner."""
    state = queries.certificate_state(immunization)
    if state.because:
        said = _("Sertifikat ini sudah dicabut. %(because)s Ada pertanyaan? Tanyakan ke puskesmas tempat vaksinasi.")
        return said % {"because": state.because}
    return queries.NO_CERTIFICATE[refused.reason]()


def certificate_page(request: HttpRequest, certificate: Certificate) -> HttpResponse:
    """One valid certificate with both codes and its downloads."""
    hc1_svg, shc_svg = qr.pictures(certificate)
    return render(
        request,
        "certificates/certificate.html",
        {
            "certificate": certificate,
            "facts": certificate.facts,
            # Made by ourselves from a QR library; no text of a person is in it.
            "hc1_svg": mark_safe(hc1_svg),
            "shc_svg": mark_safe(shc_svg),
            "why_no_eu": queries.without_eu_code(certificate),
            "download_key": access.download_key(certificate),
            "minutes": access.DOWNLOAD_SECONDS // 60,
        },
    )


def download_pdf(request: HttpRequest, key: str) -> HttpResponse:
    """The PDF behind a short-lived address."""
    certificate = access.by_download_key(key)
    if certificate is None:
        return _gone(request)
    return pdf_response(pdf.render(certificate))


def pdf_response(data: bytes, *, name: str = pdf.FILE_NAME) -> HttpResponse:
    """A certificate or record as a file whose name says nothing about the person."""
    response = HttpResponse(data, content_type="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{name}"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


def download_card(request: HttpRequest, key: str) -> HttpResponse:
    """The wallet file of the SMART Health Card."""
    certificate = access.by_download_key(key)
    if certificate is None:
        return _gone(request)
    body = json.dumps({"verifiableCredential": [certificate.shc]})
    response = HttpResponse(body, content_type="application/smart-health-card")
    response.headers["Content-Disposition"] = 'attachment; filename="vaksinasi.smart-health-card"'
    return response


@citizen_required
def record_sheet(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The lifelong record of one member of the family, for a school or a doctor."""
    citizen = get_object_or_404(
        Citizen, public_id=public_id, account=access.account_of(request), merged_into__isnull=True
    )
    return pdf_response(record.render(citizen), name=record.FILE_NAME)


def _gone(request: HttpRequest) -> HttpResponse:
    text = _("Tautan unduhan hanya berlaku 15 menit. Buka lagi sertifikatnya, lalu unduh ulang.")
    return render(request, "certificates/none.html", {"text": text}, status=410)
