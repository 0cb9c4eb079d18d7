"""`/dinkes/pcare/berkas/`: waiting doses as a file, a second person's approval, and the result read back in."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required
from pcare_bridge import filing
from pcare_bridge.forms import BatchForm, ResultForm
from pcare_bridge.models import FileBatch
from regions.models import Facility

TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}


@require_http_methods(["GET", "POST"])
@staff_required("pcare.manage")
def batches(request: StaffRequest) -> HttpResponse:
    """The latest files, and a form for a new one."""
    form = BatchForm(request.POST or None, request.user)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            batch = filing.request(
                profile=data["profil"],
                facility=data["di"],
                is_full=data["lengkap"],
                reason=data["alasan"],
                by=request.user,
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect("pcare:batch", batch_id=batch.pk)
    rows = _visible(request)[:50]
    return render(
        request, "pcare_bridge/batches.html", {"form": form, "rows": rows}, status=422 if form.errors else 200
    )


def _visible(request: StaffRequest) -> QuerySet[FileBatch]:
    """Files of the territory; one over all facilities belongs to the city."""
    rows = FileBatch.objects.select_related("facility", "requested_by", "approved_by")
    if request.user.territory().is_city:
        return rows
    return rows.filter(facility__in=Facility.objects.visible_to(request.user))


def _batch(request: StaffRequest, batch_id: UUID) -> FileBatch:
    return get_object_or_404(_visible(request), pk=batch_id)


@require_http_methods(["GET", "POST"])
@staff_required("pcare.manage")
def batch(request: StaffRequest, batch_id: UUID) -> HttpResponse:
    """One file: approve, download, and give back its result; wrong lines are named one by one."""
    row = _batch(request, batch_id)
    form = ResultForm(request.POST or None, request.FILES or None)
    result: filing.Imported | None = None
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["berkas"]
        try:
            rows = filing.read_rows(upload.name, upload.read(filing.MAX_BYTES + 1))
            result = filing.take_results(row, rows, request.user)
        except ValidationError as error:
            form.add_error("berkas", error)
    context: dict[str, Any] = {
        "batch": row,
        "form": form,
        "result": result,
        "count": row.deliveries.count(),
        "is_mine": row.requested_by == request.user,
    }
    failed = bool(form.errors or (result and result.errors))
    return render(request, "pcare_bridge/batch.html", context, status=422 if failed else 200)


@require_POST
@staff_required("pcare.manage", fresh=True)
def approve(request: StaffRequest, batch_id: UUID) -> HttpResponse:
    """The second person's yes."""
    try:
        filing.approve(_batch(request, batch_id).pk, request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, "Disetujui. Yang meminta dapat mengunduhnya selama 24 jam.")
    return redirect("pcare:batch", batch_id=batch_id)


@require_POST
@staff_required("pcare.manage")
def download(request: StaffRequest, batch_id: UUID) -> HttpResponse:
    """The file itself; posted, because a full one changes states and is logged."""
    kind = "csv" if request.POST.get("bentuk") == "csv" else "xlsx"
    try:
        content = filing.export(_batch(request, batch_id), kind, request.user)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("pcare:batch", batch_id=batch_id)
    answer = HttpResponse(content, content_type=TYPES[kind])
    answer["Content-Disposition"] = f'attachment; filename="berkas-vaksinasi.{kind}"'
    answer["Cache-Control"] = "no-store"
    return answer
