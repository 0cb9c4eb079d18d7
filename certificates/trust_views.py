"""/dinkes/daftar-kunci/: which foreign keys count here, where they come from, and a person's yes to each change."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import staff_required
from accounts.models import User
from certificates.trust import importing
from certificates.trust.forms import ConfirmForm, FetchForm, TrustListForm
from certificates.trust.lists.entries import Entry, from_json
from certificates.trust.models import TrustEdition, TrustList

# Who may bring keys of others into the house is who may bring partners in.
RIGHT = "partner.manage"
SHOWN = 200  # rows of a difference; the rest is counted


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


@require_http_methods(["GET", "POST"])
@staff_required(RIGHT)
def overview(request: HttpRequest) -> HttpResponse:
    """Every list with what counts of it, and a form for a new one."""
    form = TrustListForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.instance.created_by = _user(request)
        trust_list = form.save()
        return redirect("trust:list", pk=trust_list.pk)
    rows = TrustList.objects.annotate(
        counting=Count("keys", filter=Q(keys__withdrawn_at=None), distinct=True),
        waiting=Count("editions", filter=Q(editions__status=TrustEdition.Status.PENDING), distinct=True),
    ).order_by("name")
    return render(
        request, "certificates/trust/overview.html", {"form": form, "rows": rows}, status=422 if form.errors else 200
    )


@require_http_methods(["GET", "POST"])
@staff_required(RIGHT)
def one_list(request: HttpRequest, pk: int) -> HttpResponse:
    """One list: fetch a copy by file or address, and the copies so far."""
    row = get_object_or_404(TrustList, pk=pk)
    form = FetchForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["berkas"]
        try:
            if upload:
                edition = importing.take(row, upload.read(), origin=upload.name, by=_user(request))
            else:
                edition = importing.fetch(row, by=_user(request))
        except ValidationError as error:
            form.add_error("berkas", error)
        else:
            return redirect("trust:edition", pk=edition.pk)
    context = {
        "trust_list": row,
        "form": form,
        "counting": row.keys.filter(withdrawn_at=None).count(),
        "switches": importing.switches(row),
        "editions": row.editions.select_related("fetched_by", "decided_by").defer("entries")[:50],
    }
    return render(request, "certificates/trust/list.html", context, status=422 if form.errors else 200)


@require_safe
@staff_required(RIGHT)
def edition(request: HttpRequest, pk: int) -> HttpResponse:
    """One copy with its date, source, signature and difference; below it the question."""
    row = get_object_or_404(TrustEdition.objects.select_related("trust_list", "fetched_by", "decided_by"), pk=pk)
    return render(request, "certificates/trust/edition.html", _context(row, ConfirmForm()))


def _context(row: TrustEdition, form: ConfirmForm) -> dict[str, Any]:
    entries = {entry.identity: entry for entry in map(from_json, row.entries)}
    gone = {
        f"{key.family}|{key.kid}|{key.fingerprint}|{key.iss}": key
        for key in row.trust_list.keys.filter(edition__lt=row.pk).order_by("pk")
    }
    added, removed = row.diff["added"], row.diff["removed"]
    return {
        "edition": row,
        "form": form,
        "added": [_line(entries[identity]) for identity in added[:SHOWN] if identity in entries],
        "removed": [_line(gone[identity]) for identity in removed[:SHOWN] if identity in gone],
        "added_count": len(added),
        "removed_count": len(removed),
        "shown": SHOWN,
        "is_pending": row.status == TrustEdition.Status.PENDING,
    }


def _line(key: Any) -> dict[str, str]:
    """One key as a person compares it, from an edition or from the table."""
    name = key.iss or key.issuer
    formats = key.formats if isinstance(key, Entry) else tuple(key.formats)
    return {"holder": name, "country": key.country, "kid": key.kid, "formats": ", ".join(formats)}


@require_POST
@staff_required(RIGHT, fresh=True)
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """The person's yes or no; asked for the password again, since it changes whom everybody here believes."""
    row = get_object_or_404(TrustEdition.objects.select_related("trust_list"), pk=pk)
    form = ConfirmForm(request.POST)
    form.is_valid()
    try:
        if request.POST.get("putusan") == "buang":
            importing.discard(row.pk, by=_user(request))
            messages.success(request, "Dibuang. Tidak ada kunci yang berubah.")
        else:
            importing.confirm(row.pk, by=_user(request), compared=bool(form.cleaned_data.get("dibandingkan")))
            messages.success(request, "Disetujui. Kunci dalam daftar ini berlaku mulai sekarang.")
    except ValidationError as error:
        form.add_error("dibandingkan", error)
        return render(request, "certificates/trust/edition.html", _context(row, form), status=422)
    return redirect("trust:list", pk=row.trust_list_id)


@require_POST
@staff_required(RIGHT, fresh=True)
def switch(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop or resume believing a whole list, at once."""
    get_object_or_404(TrustList, pk=pk)
    row = importing.set_active(pk, request.POST.get("pakai") == "ya", by=_user(request))
    messages.success(
        request, "Daftar dipakai lagi." if row.is_active else "Daftar tidak dipakai: kuncinya tidak berlaku."
    )
    return redirect("trust:list", pk=pk)
