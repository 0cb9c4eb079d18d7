"""`/dinkes/pcare/akun/`: credentials per facility, changed without a deploy, with their age."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import StaffRequest, staff_required
from pcare_bridge import queries, repair, services
from pcare_bridge.forms import AccountForm, SatusehatForm
from pcare_bridge.models import FacilityAccount, SatusehatAccount
from regions.models import Facility


def _visible(request: StaffRequest, account_id: int) -> FacilityAccount:
    rows = FacilityAccount.objects.filter(facility__in=Facility.objects.visible_to(request.user))
    return get_object_or_404(rows.select_related("facility"), pk=account_id)


@require_GET
@staff_required("pcare.view")
def accounts(request: StaffRequest) -> HttpResponse:
    """All accounts of the territory, those in trouble first, and the facilities without one."""
    mine = Facility.objects.visible_to(request.user).filter(is_active=True)
    context = {"accounts": queries.accounts_of(request.user), "without": mine.filter(pcare_account__isnull=True)}
    return render(request, "pcare_bridge/accounts.html", context)


@require_http_methods(["GET", "POST"])
@staff_required("pcare.manage", fresh=True)
def account(request: StaffRequest, account_id: int) -> HttpResponse:
    """Change one account; saving lets its queue go on and takes up doses recorded while it was off."""
    row = _visible(request, account_id)
    form = AccountForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        count = repair.put_account(form.save, request.user)
        messages.success(request, f"Akun disimpan. {count} kiriman dilanjutkan.")
        return redirect("pcare:accounts")
    return render(
        request,
        "pcare_bridge/account.html",
        {"form": form, "account": row, "error": row.pause_error},
        status=422 if form.errors else 200,
    )


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
        count = repair.put_account(form.save, request.user)
        messages.success(request, f"Akun SATUSEHAT disimpan. {count} kiriman dilanjutkan.")
        return redirect("pcare:accounts")
    context = {"form": form, "account": row, "error": row.pause_error, "satusehat": True}
    return render(request, "pcare_bridge/account.html", context, status=422 if form.errors else 200)
