"""/janji/tunggu/ and /janji/tawaran/: join the waiting list, leave it, answer an offered place in one tap."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from registration.queries import family
from registration.session import CitizenRequest, citizen_form, citizen_required
from scheduling import errors, flow
from scheduling.models import Appointment, Offer, Schedule, Slot, WaitlistEntry
from scheduling.waiting import offers, waitlist
from scheduling.waiting.forms import WaitForm

CLOCK_SHOWN_BELOW_SECONDS = 5400
ENDED_SHOWN_DAYS = 7
TOLD_ENDS = (WaitlistEntry.Because.MISSED, WaitlistEntry.Because.OVER)


@require_http_methods(["GET", "HEAD", "POST"])
@citizen_required
def join(request: CitizenRequest) -> HttpResponse:
    """For whom, where and until when a place is sought; `jadwal`, `program` and `warga` say what is known already."""
    members = family(request.citizen_account)
    asked = request.POST if request.method == "POST" else request.GET
    schedule = _schedule(asked.get("jadwal", ""))
    form = WaitForm(
        request.POST if request.method == "POST" else None,
        members=members, schedule=schedule, programme=asked.get("program", ""), chosen=request.GET.getlist("warga"),
        account=request.citizen_account,
    )  # fmt: skip
    problem: errors.BookingError | None = None
    key = flow.request_key(request)
    if form.is_valid():
        try:
            waitlist.join(**form.wanted(), client_uuid=key)
            return HttpResponseRedirect(flow.with_query(reverse("scheduling:appointments"), tunggu=1) + "#tunggu")
        except errors.BookingError as error:
            problem = error
    context = {
        "form": form, "schedule": schedule, "key": key, "has_members": bool(members),
        "problem_code": problem.code if problem else "",
        "problem_text": problem.sentence if problem else "",
        "existing": getattr(problem, "appointment", None),
    }  # fmt: skip
    return render(
        request, "scheduling/waitlist_join.html", context, status=409 if problem else 422 if form.errors else 200
    )


@citizen_form(lambda public_id: reverse("scheduling:appointments"))
def leave(request: CitizenRequest, public_id: UUID) -> HttpResponse:
    """Off the list in one tap; again changes nothing."""
    entry = get_object_or_404(_entries(request), public_id=public_id)
    waitlist.leave(entry.pk)
    return HttpResponseRedirect(flow.with_query(reverse("scheduling:appointments"), keluar=1))


@require_http_methods(["GET", "HEAD", "POST"])
@citizen_required
def offer(request: CitizenRequest, public_id: UUID) -> HttpResponse:
    """An offered place: accept, decline, or accept and choose another time; the same answer twice is one answer."""
    rows = Offer.objects.filter(entry__in=_entries(request)).select_related(
        "entry__programme", "schedule__facility__kecamatan", "schedule__vaccine", "slot"
    )
    found = get_object_or_404(rows, public_id=public_id)
    problem: errors.BookingError | None = None
    if request.method == "POST":
        try:
            return _answer(request, found)
        except errors.BookingError as error:
            problem = error
            found = get_object_or_404(rows, public_id=public_id)
    return render(
        request, "scheduling/offer.html", _offer_context(request, found, problem), status=409 if problem else 200
    )


def waiting_of(request: CitizenRequest) -> dict[str, Any]:
    """What /janji/ shows of the waiting list: open entries with their standing, and those that just ended unserved."""
    entries = _entries(request).select_related("programme", "vaccine", "facility__kecamatan", "kecamatan")
    active = entries.filter(state__in=WaitlistEntry.ACTIVE).order_by("pk")
    ended = entries.filter(
        ended_at__gt=timezone.now() - timedelta(days=ENDED_SHOWN_DAYS), ended_because__in=TOLD_ENDS
    ).order_by("-ended_at")
    return {
        "waiting": [(entry, _names(request, entry), waitlist.standing(entry)) for entry in active],
        "ended": [(entry, _names(request, entry)) for entry in ended],
        "just_joined": "tunggu" in request.GET,
        "just_left": "keluar" in request.GET,
    }


def _answer(request: CitizenRequest, found: Offer) -> HttpResponse:
    """Raises BookingError."""
    action = request.POST.get("aksi")
    if action == "tolak":
        offers.decline(found.pk)
        return HttpResponseRedirect(request.path)
    if action not in ("terima", "pindah"):
        return HttpResponseRedirect(request.path)
    made = offers.accept(found.pk, flow.request_key(request))
    return HttpResponseRedirect(_after_accepting(made, action))


def _after_accepting(made: list[Appointment], action: str) -> str:
    """The ticket, the list for a family, or the page that moves what was just booked."""
    first = reverse("scheduling:ticket", args=[made[0].public_id])
    if len(made) > 1 and action == "pindah":
        return reverse("scheduling:family_move", args=[made[0].public_id])
    if len(made) > 1:
        return flow.with_query(reverse("scheduling:family_tickets", args=[made[0].public_id]), baru=1)
    if action == "pindah":
        return reverse("scheduling:move", args=[made[0].public_id])
    return flow.with_query(first, baru=1)


def _offer_context(request: CitizenRequest, found: Offer, problem: errors.BookingError | None) -> dict[str, Any]:
    now = timezone.now()
    left = int((found.expires_at - now).total_seconds())
    is_open = found.state == Offer.State.OPEN and left > 0
    entry = found.entry
    places = _places_of(found)
    return {
        "offer": found,
        "schedule": found.schedule,
        "names": _names(request, entry),
        "people": entry.members.filter(is_active=True).count(),
        "windows": places,
        "is_open": is_open,
        "is_late": found.state == Offer.State.EXPIRED or (found.state == Offer.State.OPEN and not is_open),
        "seconds_left": left if is_open and left < CLOCK_SHOWN_BELOW_SECONDS else 0,
        "same_day_deadline": timezone.localdate(found.expires_at) == timezone.localdate(now),
        "key": flow.request_key(request),
        "entry": entry,
        "standing": waitlist.standing(entry) if entry.is_active and not is_open else None,
        "tickets": found.appointments.select_related("citizen").order_by("slot__starts_at", "pk"),
        "first_member": entry.members.filter(citizen__account=request.citizen_account).first(),
        "problem_text": problem.sentence if problem and problem.code != errors.OfferOver.code else "",
        "problem_code": problem.code if problem else "",
        "existing": getattr(problem, "appointment", None),
    }


def _places_of(found: Offer) -> list[tuple[Any, int]]:
    """The sessions of the offer with how many places in each; the first one alone when nothing is kept any more."""
    slots = Slot.objects.filter(places__held_by=found.public_id, places__state="held")
    rows = list(slots.annotate(n=Count("places")).order_by("starts_at"))
    return [(slot, slot.n) for slot in rows] or [(found.slot, 0)]


def _entries(request: CitizenRequest) -> Any:
    own = WaitlistEntry.objects.filter(members__citizen__account=request.citizen_account)
    return WaitlistEntry.objects.filter(pk__in=own.values("pk"))


def _names(request: CitizenRequest, entry: WaitlistEntry) -> str:
    members = entry.members.filter(citizen__account=request.citizen_account)
    if entry.is_active:
        members = members.filter(is_active=True)
    return ", ".join(members.order_by("pk").values_list("citizen__full_name", flat=True))


def _schedule(raw: str) -> Schedule | None:
    if not raw.isascii() or not raw.isdigit() or len(raw) > 18:
        return None
    rows = Schedule.objects.published().select_related("facility__kecamatan", "programme", "vaccine")
    return rows.filter(pk=int(raw)).first()
