"""/petugas/identitas/: a claim decided with the card in hand, and a temporary identity that meets its NIK."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import StaffRequest, staff_required
from core.readlog import log_read
from registration import claims, nik, services
from registration.forms_desk import ClaimCodeForm, DecisionForm, MergeForm
from registration.models import Citizen, IdentityClaim

SHOWN = 100


@require_safe
@staff_required("identity.resolve")
def desk(request: StaffRequest) -> HttpResponse:
    """Find a claim by the code the person shows; the health office also sees the list of open ones."""
    form = ClaimCodeForm(request.GET if "kode" in request.GET else None)
    if form.is_bound and form.is_valid():
        if IdentityClaim.objects.filter(public_code=form.cleaned_data["kode"]).exists():
            return redirect("identity_claim", code=form.cleaned_data["kode"])
        form.add_error("kode", "Kode ini tidak ditemukan. Minta warga membuka kembali halaman Keluarga.")
    # A desk knows a claim only through the person standing in front of it.
    open_claims = IdentityClaim.objects.none()
    if request.user.territory().is_city:
        open_claims = IdentityClaim.objects.filter(state=IdentityClaim.OPEN).order_by("created_at")[:SHOWN]
    return render(request, "registration/identity_desk.html", {"form": form, "claims": open_claims})


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@staff_required("identity.resolve")
def claim(request: StaffRequest, code: str) -> HttpResponse:
    """What was typed beside what is on record, and the decision. Opening it is logged on the record."""
    row = get_object_or_404(IdentityClaim, public_code=code)
    form = DecisionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            return _decide(request, row, form.cleaned_data)
        except ValidationError as error:
            form.add_error("card_nik" if getattr(error, "code", "") == "card" else None, error)
    is_open = row.state == IdentityClaim.OPEN
    holder = claims.holder_of(row) if is_open else None
    if holder:
        log_read(user=request.user, citizen_id=holder.pk, purpose="identity", note=row.public_code)
    context = {
        "claim": row,
        "form": form if is_open else None,
        "entered": claims.entered(row) if is_open else None,
        "holder": holder,
    }
    return render(request, "registration/identity_claim.html", context)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@staff_required("identity.resolve")
def merge(request: StaffRequest) -> HttpResponse:
    """Two records of one person become one: first both are shown, then the button merges."""
    form = MergeForm(request.POST or None)
    pair: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        temporary = services.find_by_temporary_code(data["temporary_code"])
        known = services.find_by_nik(data["nik"])
        if temporary is None or temporary.nik_index is not None:
            form.add_error("temporary_code", "Tidak ada data sementara dengan nomor ini, atau sudah digabungkan.")
        elif "confirm" in request.POST:
            try:
                return _merge(request, temporary, known, data)
            except ValidationError as error:
                form.add_error(None, " ".join(error.messages))
        if temporary is not None and not form.errors:
            for one in (temporary, known):
                if one:
                    log_read(user=request.user, citizen_id=one.pk, purpose="identity", note="penggabungan data")
            pair = {"temporary": temporary, "known": known, "warnings": _differences(temporary, known, data["nik"])}
    return render(request, "registration/identity_merge.html", {"form": form, **pair})


def _decide(request: StaffRequest, row: IdentityClaim, data: dict[str, Any]) -> HttpResponse:
    match data["decision"]:
        case "attach":
            citizen = claims.attach(row.pk, by=request.user, card_nik=data["card_nik"], note=data["note"])
            messages.success(request, f"{citizen.full_name} sekarang ada dalam keluarga pengaju.")
        case "release":
            citizen = claims.release(row.pk, by=request.user, card_nik=data["card_nik"], note=data["note"])
            messages.success(request, f"Data baru {citizen.full_name} dibuat; data lama memakai nomor sementara.")
        case _:
            claims.reject(row.pk, by=request.user, note=data["note"])
            messages.success(request, "Pengajuan ditolak. Warga menerima pesan untuk datang kembali dengan kartu asli.")
    return redirect("identity_desk")


def _merge(request: StaffRequest, temporary: Citizen, known: Citizen | None, data: dict[str, Any]) -> HttpResponse:
    if known is None:
        services.update_citizen(temporary.pk, by_staff=True, nik=data["nik"], identity_verified=True)
        messages.success(request, f"NIK {temporary.full_name} dicatat. Janji dan riwayatnya tetap.")
    else:
        services.merge_citizens(kept_id=known.pk, merged_id=temporary.pk, by=request.user, reason=data["reason"])
        messages.success(request, f"Kedua data {known.full_name} sudah menjadi satu.")
    return redirect("identity_desk")


def _differences(temporary: Citizen, known: Citizen | None, digits: str) -> list[str]:
    if known is None:
        parsed = nik.parse(digits, today=temporary.created_at.date())
        return nik.describe(parsed.warnings(birth_date=temporary.birth_date, sex=temporary.sex))
    differing = {
        "Tanggal lahir berbeda.": temporary.birth_date != known.birth_date,
        "Jenis kelamin berbeda.": temporary.sex != known.sex,
        "Nama berbeda.": temporary.full_name.casefold() != known.full_name.casefold(),
    }
    return [text for text, differs in differing.items() if differs]
