"""/petugas/tunggu/: the desk or a kader puts people on the waiting list, and answers for who has no phone."""

from typing import Any
from uuid import UUID, uuid5

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import StaffRequest, staff_required
from scheduling import errors, flow
from scheduling.models import WaitlistEntry
from scheduling.people import People, channel_of, citizens_of, log_reads
from scheduling.waiting import by_hand, offers, waitlist
from scheduling.waiting.forms import SearchForm
from stock.workplace import current_facility

PER_PAGE = 20


@never_cache
@require_safe
@staff_required("waitlist.join")
def entries(request: StaffRequest) -> HttpResponse:
    """The people this kader, or the desk, put on the list: where they stand, what was offered, what ended."""
    page = Paginator(by_hand.listed(request.user), PER_PAGE).get_page(request.GET.get("page"))
    context = {"rows": by_hand.rows_of(list(page)), "page_obj": page, "desk": channel_of(request) == "desk"}
    return render(request, "scheduling/waiting_staff/list.html", context)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@staff_required("waitlist.join")
def join(request: StaffRequest) -> HttpResponse:
    """One person, or a family that wants places together; in the same order as from a phone at home."""
    data = request.POST if request.method == "POST" else None
    people, search = People(data, prefix="orang"), SearchForm(data, programme=request.GET.get("program", ""))
    problem: errors.BookingError | None = None
    if data is not None and people.is_valid() and search.is_valid():
        citizens = citizens_of(people)
        log_reads(request, citizens, "waitlist", "daftar tunggu")
        key = uuid5(flow.request_key(request), " ".join(str(one.public_id) for one in citizens))
        try:
            waitlist.join(
                citizens=citizens, **search.wanted(), joined_via=channel_of(request), client_uuid=key,
                user=request.user, desk=current_facility(request) if channel_of(request) == "desk" else None,
            )  # fmt: skip
        except errors.BookingError as error:
            problem = error
        else:
            messages.success(request, "Sudah masuk daftar tunggu.")
            return redirect("schedules:waiting_desk")
    context: dict[str, Any] = {
        "people": people, "form": search, "key": flow.request_key(request),
        "problem_text": problem.sentence if problem else "",
    }  # fmt: skip
    return render(
        request, "scheduling/waiting_staff/join.html", context,
        status=409 if problem else 422 if data is not None else 200,
    )  # fmt: skip


@require_POST
@staff_required("waitlist.join")
def answer(request: StaffRequest, public_id: UUID) -> HttpResponse:
    """What the people said to the offer that was on the page, or that they no longer wait.

    The same answer twice is one answer, and says the same.
    """
    entry = get_object_or_404(by_hand.entries_of(request.user), public_id=public_id)
    action = request.POST.get("aksi")
    if action in ("terima", "tolak", "keluar"):
        log_reads(request, by_hand.people_of(entry), "waitlist", f"daftar tunggu: {action}")
        try:
            messages.success(request, _answered(entry, action, request.POST.get("tawaran", "")))
        except errors.OfferOver:
            messages.warning(request, "Tawaran ini sudah tidak berlaku. Keadaannya sekarang ada di bawah.")
        except errors.BookingError as error:
            messages.error(request, error.sentence)
    return redirect("schedules:waiting_desk")


def _answered(entry: WaitlistEntry, action: str, offer_id: str) -> str:
    """Do it, and what to tell. Raises BookingError."""
    if action == "keluar":
        waitlist.leave(entry.pk)
        return "Sudah keluar dari daftar tunggu."
    offer = by_hand.offer_of(entry, offer_id)
    if action == "terima":
        return by_hand.ticket_text(offers.accept(offer.pk, offer.public_id))
    offers.decline(offer.pk)
    return "Tawaran ditolak. Warga tetap menunggu hari lain."
