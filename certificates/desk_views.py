"""The desk prints the certificate of a person in front of it: many have no phone, and paper is proof too."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache

from accounts.access import StaffRequest, staff_required
from certificates import keys, pdf, queries, record, revoking, services
from certificates.assemble import NotCertifiable, why_not
from certificates.forms import RevokeForm
from certificates.models import Certificate
from certificates.views import pdf_response
from core.readlog import log_read
from registration.models import Citizen
from vaccination.models import Immunization
from vaccination.people import citizen_or_404
from vaccination.views.doses import dose_context, dose_or_404

NO_PROOF = {
    "not-completed": "Dosis ini tidak diberikan atau salah catat.",
    "not-recorded-here": "Dosis ini dicatat dari kartu atau keterangan, bukan saat diberikan. "
    "Hanya tempat yang memberikannya yang dapat membuktikan.",
    "revoked": "Sertifikat dosis ini sudah dicabut, dan tidak diterbitkan lagi. Tanyakan ke Dinas Kesehatan.",
    "not-counted": "Dosis ini tercatat, tetapi tidak dihitung menurut aturan, jadi tidak dapat menjadi bukti.",
}


@staff_required("desk.check_in")
def print_record(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """The lifelong record of a person in the user's territory or found at this desk; the opening is logged."""
    citizen = citizen_or_404(request, public_id)
    log_read(user=request.user, citizen_id=citizen.pk, purpose="certificate", note="Cetak catatan vaksinasi")
    return pdf_response(record.render(citizen), name=record.FILE_NAME)


@staff_required("desk.check_in")
def print_certificate(request: HttpRequest, dose: UUID) -> HttpResponse:
    """PDF of one dose of a person in the user's territory; the opening is logged and the person sees it."""
    people = Citizen.objects.visible_to(request.user).values("pk")
    immunization = get_object_or_404(Immunization, uuid=dose, citizen__in=people)
    log_read(user=request.user, citizen_id=immunization.citizen_id, purpose="certificate", note="Cetak sertifikat")
    if reason := why_not(immunization):
        return render(request, "certificates/desk_none.html", {"text": NO_PROOF[reason]}, status=410)
    try:
        return pdf_response(pdf.render(services.issue(immunization.pk, actor="desk")))
    except NotCertifiable as refused:  # corrected between the two looks
        return render(request, "certificates/desk_none.html", {"text": NO_PROOF[refused.reason]}, status=410)
    except keys.NoSigningKey as error:
        return render(request, "certificates/desk_none.html", {"text": str(error)}, status=503)


@staff_required("dose.correct")
@never_cache
def revoke_certificate(request: StaffRequest, dose: UUID) -> HttpResponse:
    """End the proof of one dose given here: the page says what that means and asks for reason, note and a yes."""
    row = dose_or_404(request, dose)
    form = RevokeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            revoking.revoke(row.pk, reason=data["reason"], note=data["note"], actor=request.user)
        except revoking.NothingToRevoke:
            form.add_error(None, "Dosis ini belum mempunyai sertifikat.")
        else:
            messages.success(request, "Sertifikat dicabut. Warga diberi tahu; dosisnya tetap tercatat.")
            return redirect("desk:citizen", public_id=row.citizen.public_id)
    elif request.method != "POST":
        log_read(user=request.user, citizen_id=row.citizen_id, purpose="certificate", note="Buka halaman pencabutan")
    context = dose_context(row, form) | {
        "state": queries.certificate_state(row),
        "may_revoke": row.certificates.exclude(status=Certificate.Status.REVOKED).exists() or form.is_bound,
    }
    return render(request, "certificates/revoke.html", context)
