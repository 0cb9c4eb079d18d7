"""/dinkes/petugas/: accounts, assignments, second factors and lockouts of staff."""

import pghistory
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import services
from accounts.access import StaffRequest, staff_required
from accounts.forms import InviteForm, MembershipForm, StaffFilterForm
from accounts.models import Membership, User

PAGE_SIZE = 50
ACTIONS = {
    "invite": "Akun dibuat",
    "reset_password": "Kata sandi direset",
    "reset_second_factor": "Faktor kedua direset",
    "activate": "Akun diaktifkan",
    "deactivate": "Akun dinonaktifkan",
    "assign": "Penugasan ditulis",
    "end_assignment": "Penugasan diakhiri",
}


@require_safe
@staff_required("staff.manage")
def staff_list(request: StaffRequest) -> HttpResponse:
    """All members of staff, searchable."""
    form = StaffFilterForm(request.GET)
    totp = Authenticator.objects.filter(user=OuterRef("pk"), type=Authenticator.Type.TOTP)
    rows = form.apply(User.objects.order_by("full_name", "username")).annotate(has_totp=Exists(totp))
    rows = rows.prefetch_related("memberships__facility", "memberships__kelurahan__kecamatan", "memberships__kecamatan")
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "accounts/staff_list.html", {"page_obj": page, "form": form, "today": timezone.localdate()})


@sensitive_variables("password")
@require_http_methods(["GET", "HEAD", "POST"])
@staff_required("staff.manage", fresh=True)
def invite(request: StaffRequest) -> HttpResponse:
    """A new account with its one-time password, shown on the answer and nowhere else."""
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user, password = services.invite(**form.cleaned_data, by=request.user)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return render(request, "accounts/password_once.html", {"person": user, "password": password, "new": True})
    return render(request, "accounts/invite.html", {"form": form})


@require_safe
@staff_required("staff.manage")
def detail(request: StaffRequest, pk: int) -> HttpResponse:
    """One account: assignments, second factor, lockout, and what was done to it by whom."""
    person = get_object_or_404(User, pk=pk)
    context = {
        "person": person,
        "memberships": person.memberships.select_related("facility", "kelurahan__kecamatan", "kecamatan").order_by(
            "-pk"
        ),
        "has_totp": Authenticator.objects.filter(user=person, type=Authenticator.Type.TOTP).exists(),
        "is_locked": services.is_locked(person),
        "events": _events(person),
        "today": timezone.localdate(),
    }
    return render(request, "accounts/staff_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required("staff.manage", fresh=True)
def assign(request: StaffRequest, pk: int) -> HttpResponse:
    """One more assignment."""
    person = get_object_or_404(User, pk=pk)
    form = MembershipForm(request.POST or None, instance=Membership(user=person))
    if request.method == "POST" and form.is_valid():
        try:
            services.assign(form.save(commit=False), by=request.user)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"Penugasan {person} disimpan.")
            return redirect("staff_detail", pk=person.pk)
    return render(request, "accounts/assign.html", {"form": form, "person": person})


@require_POST
@staff_required("staff.manage", fresh=True)
def end_assignment(request: StaffRequest, pk: int, membership_id: int) -> HttpResponse:
    """The assignment gives no right from today."""
    membership = get_object_or_404(Membership, pk=membership_id, user_id=pk)
    services.end_assignment(membership, by=request.user)
    messages.success(request, "Penugasan diakhiri.")
    return redirect("staff_detail", pk=pk)


@sensitive_variables("password")
@require_POST
@staff_required("staff.manage", fresh=True)
def act(request: StaffRequest, pk: int, action: str) -> HttpResponse:
    """Deactivate, reactivate, reset the password or the second factor, release a lockout."""
    person = get_object_or_404(User, pk=pk)
    try:
        match action:
            case "nonaktifkan" | "aktifkan":
                services.set_active(person, action == "aktifkan", by=request.user)
                messages.success(request, f"Akun {person} di{action}.")
            case "reset-faktor":
                services.reset_second_factor(person, by=request.user)
                messages.success(request, f"{person} memasang aplikasi autentikator kembali saat masuk berikutnya.")
            case "reset-sandi":
                password = services.reset_password(person, by=request.user)
                return render(request, "accounts/password_once.html", {"person": person, "password": password})
            case "buka-kunci":
                services.release_lockout(person, by=request.user)
                messages.success(request, f"Kunci akun {person} dibuka.")
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("staff_detail", pk=pk)


def _events(person: User, limit: int = 30) -> list[dict]:
    """Changes of the account and its assignments, newest first, with the admin who made them."""
    events = [
        *pghistory.models.Events.objects.references(person).order_by("-pgh_created_at")[:limit],
    ]
    names = {str(user.pk): str(user) for user in User.objects.filter(
        pk__in={row.pgh_context["user"] for row in events if row.pgh_context and row.pgh_context.get("user")}
    )}  # fmt: skip
    shown = []
    for row in events:
        context = row.pgh_context or {}
        if context.get("action") in ACTIONS:
            by = names.get(str(context.get("user")), "")
            shown.append({"at": row.pgh_created_at, "text": ACTIONS[context["action"]], "by": by})
    return shown
