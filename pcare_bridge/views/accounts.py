"""`/dinkes/pcare/akun/`: credentials per facility, changed without a deploy, with their age."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required
from pcare_bridge import conf, planning, repair, services
from pcare_bridge.errors import ERROR_CLASSES, ErrorClass
from pcare_bridge.forms import AccountForm, SatusehatForm
from pcare_bridge.models import Account, FacilityAccount, SatusehatAccount
from regions.models import Facility


@dataclass
class AccountLine:
    """One account of the list, why it is paused, and how old its password is."""

    account: FacilityAccount
    error: ErrorClass | None
    old: bool
    expires: datetime
    satusehat: SatusehatAccount | None = None


def _visible(request: StaffRequest, account_id: int) -> FacilityAccount:
    rows = FacilityAccount.objects.filter(facility__in=Facility.objects.visible_to(request.user))
    return get_object_or_404(rows.select_related("facility"), pk=account_id)


@require_GET
@staff_required("pcare.view")
def accounts(request: StaffRequest) -> HttpResponse:
    """All accounts of the territory, those in trouble first, and the facilities without one."""
    mine = Facility.objects.visible_to(request.user).filter(is_active=True)
    rows = FacilityAccount.objects.filter(facility__in=mine).select_related("facility").order_by("facility__name")
    now = timezone.now()
    lines = [
        AccountLine(
            row,
            ERROR_CLASSES.get(row.pause_class),
            now - row.password_changed_at > timedelta(days=conf.PASSWORD_WARN_DAYS),
            row.password_changed_at + timedelta(days=conf.PASSWORD_DAYS),
        )
        for row in rows
    ]
    lines.sort(key=lambda line: (not line.account.is_paused, not line.old))
    satusehat = {row.facility_id: row for row in SatusehatAccount.objects.filter(facility__in=mine)}
    for line in lines:
        line.satusehat = satusehat.get(line.account.facility_id)
    context = {"lines": lines, "without": mine.filter(pcare_account__isnull=True)}
    return render(request, "pcare_bridge/accounts.html", context)


@require_http_methods(["GET", "POST"])
@staff_required("pcare.manage", fresh=True)
def account(request: StaffRequest, account_id: int) -> HttpResponse:
    """Change one account; saving lets its queue go on and takes up doses recorded while it was off."""
    row = _visible(request, account_id)
    form = AccountForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        messages.success(request, f"Akun disimpan. {_go_on(request, saved)} kiriman dilanjutkan.")
        return redirect("pcare:accounts")
    return render(
        request,
        "pcare_bridge/account.html",
        {"form": form, "account": row, "error": ERROR_CLASSES.get(row.pause_class)},
        status=422 if form.errors else 200,
    )


def _go_on(request: StaffRequest, account: Account) -> int:
    """Let the account's queue run, take up what was recorded while it was off, send again what lacked its fields."""
    if not account.is_active:
        return 0
    return services.resume(account) + planning.backfill(account) + repair.after_account(account, request.user)


@require_POST
@staff_required("pcare.manage")
def resume(request: StaffRequest, account_id: int) -> HttpResponse:
    """Let a paused account try again."""
    row = _visible(request, account_id)
    freed = services.resume(row)
    messages.success(request, f"{row.facility}: {freed} kiriman dilanjutkan.")
    return redirect("pcare:accounts")


@require_http_methods(["GET", "POST"])
@staff_required("pcare.manage", fresh=True)
def satusehat(request: StaffRequest, account_id: int) -> HttpResponse:
    """The same facility's account at SATUSEHAT, made on first saving."""
    facility = _visible(request, account_id).facility
    row = SatusehatAccount.objects.filter(facility=facility).first() or SatusehatAccount(facility=facility)
    form = SatusehatForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        messages.success(request, f"Akun SATUSEHAT disimpan. {_go_on(request, saved)} kiriman dilanjutkan.")
        return redirect("pcare:accounts")
    error = ERROR_CLASSES.get(row.pause_class)
    context = {"form": form, "account": row, "error": error.about("SATUSEHAT") if error else None, "satusehat": True}
    return render(request, "pcare_bridge/account.html", context, status=422 if form.errors else 200)
