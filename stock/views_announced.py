"""Pages of deliveries that are to come: the keeper's own (/petugas/) and all of the city (/dinkes/)."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Case, QuerySet, Value, When
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from accounts.access import StaffRequest, staff_required
from regions.models import Facility
from stock import announcements, forms
from stock.models import AnnouncedDelivery
from stock.workplace import current_facility

PER_PAGE = 50


@staff_required("stock.manage")
@never_cache
def here(request: StaffRequest) -> HttpResponse:
    """What is announced for this facility, and a form for one more."""
    facility = current_facility(request)
    form = forms.AnnounceForm(request.POST or None, initial=_asked(request))
    rows = AnnouncedDelivery.objects.filter(facility=facility)
    return _page(request, form, rows, "stock:announced", facility=facility)


@staff_required("schedule.manage")
@never_cache
def city(request: StaffRequest) -> HttpResponse:
    """What is announced anywhere, and a form for one more."""
    facilities = Facility.objects.visible_to(request.user).filter(is_active=True)
    form = forms.AnnounceForFacilityForm(request.POST or None, facilities=facilities, initial=_asked(request))
    return _page(request, form, AnnouncedDelivery.objects.visible_to(request.user), "stock:announced_city")


@staff_required("stock.manage")
@never_cache
def cancel_here(request: StaffRequest, delivery_id: int) -> HttpResponse:
    """Take back an announcement of this facility."""
    rows = AnnouncedDelivery.objects.filter(facility=current_facility(request))
    return _cancel(request, rows, delivery_id, "stock:announced")


@staff_required("schedule.manage")
@never_cache
def cancel_city(request: StaffRequest, delivery_id: int) -> HttpResponse:
    """Take back any announcement."""
    return _cancel(request, AnnouncedDelivery.objects.visible_to(request.user), delivery_id, "stock:announced_city")


def _page(
    request: StaffRequest, form: Any, rows: QuerySet[AnnouncedDelivery], link: str, facility: Facility | None = None
) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            row = announcements.announce(
                facility=facility or data["facility"], vaccine_code=data["vaccine"].pk, doses=data["doses"],
                expected_on=data["expected_on"], document=data["document"], actor=request.user,
                client_uuid=data["client_uuid"],
            )  # fmt: skip
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(
                request,
                f"{row.doses} dosis {data['vaccine'].short_name} diumumkan untuk {row.facility}. "
                "Tempat yang menunggu stok dibuka sebatas jumlah ini.",
            )
            return redirect(link)
    waiting_first = Case(When(state=AnnouncedDelivery.State.ANNOUNCED, then=Value(0)), default=Value(1))
    rows = rows.select_related("facility", "vaccine", "announced_by").order_by(waiting_first, "-expected_on", "-pk")
    context = {
        "form": form, "facility": facility, "today": timezone.localdate(), "cancel": f"{link}_cancel",
        "page_obj": Paginator(rows, PER_PAGE).get_page(request.GET.get("page")),
    }  # fmt: skip
    return render(request, "stock/announced.html", context, status=422 if form.errors else 200)


def _cancel(request: StaffRequest, rows: QuerySet[AnnouncedDelivery], delivery_id: int, link: str) -> HttpResponse:
    row = get_object_or_404(rows.select_related("facility", "vaccine"), pk=delivery_id)
    form = forms.ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            announcements.cancel(delivery_id=row.pk, actor=request.user, reason=form.cleaned_data["reason"])
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, "Pengumuman dibatalkan. Tempat yang tidak lagi cukup stoknya ditutup.")
            return redirect(link)
    context = {
        "form": form, "facility": row.facility, "title": "Batalkan kiriman yang diumumkan", "danger": True,
        "button": "Batalkan pengumuman", "announced": row,
    }  # fmt: skip
    return render(request, "stock/form.html", context, status=422 if form.errors else 200)


def _asked(request: StaffRequest) -> dict[str, Any]:
    return {"facility": request.GET.get("fasilitas"), "vaccine": request.GET.get("vaksin")}
