"""`/dinkes/pcare/pencocokan/`: one day, ours against upstream, what differs and whose turn it is; the letter as PDF."""

from datetime import date, timedelta
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.access import StaffRequest, staff_required
from pcare_bridge import letter, reconciling
from pcare_bridge.forms import DayForm
from pcare_bridge.models import Difference, Reconciliation
from regions.models import Facility


def _day(request: StaffRequest, data: dict[str, str] | None = None) -> tuple[date, DayForm]:
    """The wished day, else yesterday."""
    yesterday = timezone.localdate() - timedelta(days=1)
    form = DayForm(data if data is not None else request.GET or None, initial={"tanggal": yesterday})
    wished = form.cleaned_data["tanggal"] if form.is_bound and form.is_valid() else None
    return wished or yesterday, form


def _rows(request: StaffRequest, wanted: date) -> QuerySet[Reconciliation]:
    mine = Facility.objects.visible_to(request.user)
    return (
        Reconciliation.objects.filter(day=wanted, facility__in=mine)
        .select_related("facility")
        .order_by("facility__name", "profile")
    )


@require_GET
@staff_required("pcare.view")
def day(request: StaffRequest) -> HttpResponse:
    """The comparisons of one day and every difference they found."""
    wanted, form = _day(request)
    rows = list(_rows(request, wanted))
    differences = Difference.objects.filter(reconciliation__in=rows).select_related(
        "reconciliation__facility", "delivery__immunization__vaccine"
    )
    context = {
        "day": wanted,
        "form": form,
        "rows": rows,
        # A city has hundreds of lines a day, most of them of places that gave nothing.
        "shown": [row for row in rows if row.given or row.person_count or row.last_error],
        "to_come": sum(row.state in (Reconciliation.WAITING, Reconciliation.IN_FLIGHT) for row in rows),
        "differences": differences.order_by("kind", "pk")[:500],
        "may_manage": request.user.territory().can("pcare.manage"),
    }
    return render(request, "pcare_bridge/reconciliation.html", context, status=422 if form.errors else 200)


@require_POST
@staff_required("pcare.manage")
def run(request: StaffRequest) -> HttpResponse:
    """Compare a day now: the worker does it, the page shows how far it is."""
    wanted, form = _day(request, request.POST.dict())
    if form.errors:
        messages.error(request, "Pilih tanggal yang sudah lewat atau hari ini.")
        return redirect("pcare:reconciliation")
    mine = Facility.objects.visible_to(request.user).values_list("pk", flat=True)
    queued = reconciling.request(wanted, list(mine))
    messages.success(request, f"{queued} pencocokan dijalankan. Muat ulang halaman ini untuk melihat hasilnya.")
    return redirect(f"{reverse('pcare:reconciliation')}?{urlencode({'tanggal': wanted.isoformat()})}")


@require_POST
@staff_required("pcare.manage")
def resend(request: StaffRequest, difference_id: int) -> HttpResponse:
    """Send again what is missing or different there, or take away what we wrote a second time."""
    mine = Facility.objects.visible_to(request.user)
    rows = Difference.objects.filter(reconciliation__facility__in=mine).select_related("reconciliation")
    difference = get_object_or_404(rows, pk=difference_id)
    if reconciling.send_again(difference):
        removing = difference.kind == Difference.Kind.TWICE
        done = "Catatan yang berlebih sedang dihapus" if removing else "Dikirim ulang"
        messages.success(request, f"{done}. Cocokkan lagi sesudah beberapa menit.")
    else:
        messages.warning(request, "Selisih ini tidak dapat diselesaikan dengan mengirim ulang.")
    wanted = difference.reconciliation.day.isoformat()
    return redirect(f"{reverse('pcare:reconciliation')}?{urlencode({'tanggal': wanted})}")


@require_GET
@staff_required("pcare.view")
def letter_pdf(request: StaffRequest) -> HttpResponse:
    """The letter of one day; figures only, no person."""
    wanted, _form = _day(request)
    answer = HttpResponse(letter.render(wanted, list(_rows(request, wanted))), content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="pencocokan-{wanted.isoformat()}.pdf"'
    answer["Cache-Control"] = "no-store"
    return answer
