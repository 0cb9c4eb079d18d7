"""Stock pages: the public shelf, the keeper's work, the health office's overview."""

import csv
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.access import StaffRequest, staff_required
from core.snapshot import Snapshot, snapshot_response
from programmes.models import Vaccine
from regions.models import Facility, Kecamatan
from stock import forms, queries, services
from stock.models import AnnouncedDelivery, StockBalance, StockMovement, Transfer, VialOpening
from stock.workplace import current_facility, facilities_of

PER_PAGE = 50


# --- public ---------------------------------------------------------------------------------------------------------


def _build_public(request: HttpRequest) -> bytes:
    known = {row.code: row for row in Kecamatan.objects.all()}
    in_stock = StockBalance.objects.values("lot__vaccine_id")
    vaccines = list(Vaccine.objects.filter(pk__in=in_stock).order_by("short_name"))
    kecamatan = request.GET.get("kecamatan", "")
    vaccine = request.GET.get("vaksin", "")
    kecamatan = kecamatan if kecamatan in known else ""
    vaccine = vaccine if vaccine in {row.code for row in vaccines} else ""
    context = {
        "page_path": request.path,
        "shelves": queries.public_stock(kecamatan, vaccine),
        "kecamatan_list": list(known.values()),
        "vaccines": vaccines,
        "kecamatan": kecamatan,
        "vaccine": vaccine,
        "now": timezone.now(),
    }
    return render_to_string("stock/public.html", context).encode()


public_snapshot = Snapshot("stok", _build_public)


@require_safe
def public(request: HttpRequest) -> HttpResponse:
    """/stok/: what is on which shelf, and how old each number is; from one snapshot, without a cookie."""
    return snapshot_response(request, public_snapshot)


# --- keeper ---------------------------------------------------------------------------------------------------------


@staff_required("stock.view")
@never_cache
def shelf(request: StaffRequest) -> HttpResponse:
    """Balances of this facility, what to use first, open vials, transfers on the way."""
    facility, now = current_facility(request), timezone.now()
    balances = list(
        StockBalance.objects.filter(facility=facility)
        .filter(Q(doses_on_hand__gt=0) | Q(updated_at__gte=now - timedelta(days=30)))
        .select_related("lot__vaccine")
        .order_by("lot__vaccine__short_name", "lot__expiration_date")
    )
    vials = VialOpening.objects.filter(facility=facility, closed_at__isnull=True).select_related("lot__vaccine")
    transfers = Transfer.objects.filter(state=Transfer.SENT).select_related(
        "lot__vaccine", "from_facility", "to_facility"
    )
    first: dict[str, int] = {}
    for lot in queries.usable_lots(facility.pk, None, now):
        first.setdefault(lot.vaccine_code, lot.lot_id)
    territory = request.user.territory()
    context = {
        "facility": facility,
        "facilities": facilities_of(request),
        "balances": [(row, first.get(row.lot.vaccine_id) == row.lot_id) for row in balances],
        "vials": vials.order_by("discard_at"),
        "incoming": transfers.filter(to_facility=facility).order_by("sent_at"),
        "outgoing": transfers.filter(from_facility=facility).order_by("sent_at"),
        "today": timezone.localdate(),
        "soon": timezone.localdate() + timedelta(days=queries.SOON_DAYS),
        "now": now,
        "manage": territory.can("stock.manage"),
        "may_open": territory.can("vial.open"),
    }
    return render(request, "stock/shelf.html", context)


def _form_page(
    request: StaffRequest, form: Any, title: str, button: str, act: Callable[[dict[str, Any]], str], **context: Any
) -> HttpResponse:
    """Show a form, call the service, go back to the shelf; a refusal keeps what was typed."""
    if request.method == "POST" and form.is_valid():
        try:
            done = act(form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, done)
            return redirect("stock:shelf")
    page = {"form": form, "title": title, "button": button, "facility": current_facility(request)} | context
    return render(request, "stock/form.html", page)


@staff_required("stock.manage")
@never_cache
def receive(request: StaffRequest) -> HttpResponse:
    """Book in a box."""
    facility = current_facility(request)

    def act(data: dict[str, Any]) -> str:
        line = services.receive(
            facility_id=facility.pk, vaccine_code=data["vaccine"].pk, lot_number=data["lot_number"],
            expiration_date=data["expiration_date"], doses=data["doses"], vvm_stage=data["vvm_stage"],
            document=data["document"], actor=request.user, client_uuid=data["client_uuid"],
            announced_id=data["announced"].pk if data.get("announced") else None,
        )  # fmt: skip
        return f"{line.quantity} dosis {data['vaccine'].short_name} batch {line.lot.lot_number} diterima."

    form = forms.ReceiveForm(request.POST or None, facility=facility, initial=_announced(request, facility))
    return _form_page(request, form, "Terima vaksin", "Catat penerimaan", act)


def _announced(request: StaffRequest, facility: Facility) -> dict[str, Any]:
    """What the box of an announced delivery is known to hold."""
    asked = request.GET.get("diumumkan", "")
    known = asked.isascii() and asked.isdigit() and len(asked) < 19
    row = AnnouncedDelivery.objects.filter(facility=facility, pk=int(asked)).first() if known else None
    if row is None:
        return {}
    return {"announced": row.pk, "vaccine": row.vaccine_id, "doses": row.doses, "document": row.document}


@staff_required("stock.manage")
@never_cache
def waste(request: StaffRequest) -> HttpResponse:
    """Book doses as lost."""
    facility = current_facility(request)

    def act(data: dict[str, Any]) -> str:
        reason = ": ".join(part for part in (data["reason"], data["note"]) if part)
        services.waste(
            facility_id=facility.pk, lot_id=data["lot"], doses=data["doses"], reason=reason, actor=request.user,
            client_uuid=data["client_uuid"],
        )  # fmt: skip
        return f"{data['doses']} dosis dicatat terbuang."

    form = forms.WasteForm(request.POST or None, facility=facility, initial=_lot(request))
    return _form_page(request, form, "Catat dosis terbuang", "Catat terbuang", act, danger=True)


@staff_required("stock.manage")
@never_cache
def send(request: StaffRequest) -> HttpResponse:
    """Send doses to another facility."""
    facility = current_facility(request)

    def act(data: dict[str, Any]) -> str:
        transfer = services.send(
            from_facility_id=facility.pk, to_facility_id=data["to_facility"].pk, lot_id=data["lot"],
            doses=data["doses"], actor=request.user, note=data["note"], client_uuid=data["client_uuid"],
        )  # fmt: skip
        return f"{data['doses']} dosis dikirim dengan nomor {transfer.public_code}. Penerima menandatangani di sistem."

    form = forms.SendForm(request.POST or None, facility=facility, initial=_lot(request))
    return _form_page(request, form, "Kirim ke fasilitas lain", "Kirim", act)


@staff_required("stock.manage")
@never_cache
def count(request: StaffRequest) -> HttpResponse:
    """Record a count by hand."""
    facility = current_facility(request)

    def act(data: dict[str, Any]) -> str:
        line = services.count(
            facility_id=facility.pk, lot_id=data["lot"], doses=data["doses"], reason=data["reason"],
            actor=request.user, client_uuid=data["client_uuid"],
        )  # fmt: skip
        return f"Selisih {line.quantity:+d} dosis dicatat." if line else "Hasil hitung sama dengan catatan."

    form = forms.CountForm(request.POST or None, facility=facility, initial=_lot(request))
    return _form_page(request, form, "Hitung fisik", "Simpan hasil hitung", act)


@staff_required("vial.open")
@never_cache
def open_vial(request: StaffRequest) -> HttpResponse:
    """Open a vial; the clock of its open-vial hours starts."""
    facility = current_facility(request)

    def act(data: dict[str, Any]) -> str:
        vial = services.open_vial(
            facility_id=facility.pk, lot_id=data["lot"], actor=request.user, client_uuid=data["client_uuid"]
        )
        until = f", habiskan sebelum {timezone.localtime(vial.discard_at):%d-%m %H.%M}" if vial.discard_at else ""
        return f"Vial dibuka, isi {vial.doses} dosis{until}."

    form = forms.OpenVialForm(request.POST or None, facility=facility, initial=_lot(request))
    return _form_page(request, form, "Buka vial", "Buka vial sekarang", act)


@staff_required("stock.manage")
@never_cache
def vvm(request: StaffRequest) -> HttpResponse:
    """Record the stage of the vial monitor."""
    facility = current_facility(request)

    def act(data: dict[str, Any]) -> str:
        services.set_vvm(facility_id=facility.pk, lot_id=data["lot"], stage=data["stage"])
        return (
            "VVM dicatat." if data["stage"] in services.USABLE_STAGES else "VVM dicatat. Batch ini tidak dipakai lagi."
        )

    form = forms.StageForm(request.POST or None, facility=facility, initial=_lot(request))
    return _form_page(request, form, "Catat VVM", "Simpan", act)


def _lot(request: StaffRequest) -> dict[str, Any]:
    return {"lot": request.GET.get("batch")}


@staff_required("vial.open")
@require_POST
def discard(request: StaffRequest, vial_id: int) -> HttpResponse:
    """Throw away the rest of an open vial."""
    vial = get_object_or_404(VialOpening, pk=vial_id, facility=current_facility(request))
    late = vial.discard_at and vial.discard_at < timezone.now()
    line = services.discard_vial(
        vial_id=vial.pk, reason="Lewat waktu pakai" if late else "Sisa vial akhir pelayanan", actor=request.user
    )  # fmt: skip
    messages.success(request, f"{-line.quantity} dosis sisa vial dibuang." if line else "Vial sudah ditutup.")
    return redirect("stock:shelf")


@staff_required("stock.manage")
@never_cache
def receive_transfer(request: StaffRequest, code: str) -> HttpResponse:
    """Sign for a transfer that arrived here."""
    facility = current_facility(request)
    transfer = get_object_or_404(
        Transfer.objects.select_related("lot__vaccine", "from_facility"), public_code=code, to_facility=facility
    )

    def act(data: dict[str, Any]) -> str:
        services.receive_transfer(
            transfer_id=transfer.pk,
            doses=data["doses"],
            actor=request.user,
            note=data["note"],
            vvm_stage=data["vvm_stage"],
        )
        return f"Kiriman {code} diterima: {data['doses']} dosis."

    form = forms.ReceiveTransferForm(request.POST or None, transfer=transfer)
    return _form_page(request, form, f"Terima kiriman {code}", "Terima", act, transfer=transfer)


@staff_required("stock.manage")
@never_cache
def cancel_transfer(request: StaffRequest, code: str) -> HttpResponse:
    """Take back a transfer that nobody signed for."""
    facility = current_facility(request)
    transfer = get_object_or_404(
        Transfer.objects.select_related("lot__vaccine", "from_facility"), public_code=code, from_facility=facility
    )

    def act(data: dict[str, Any]) -> str:
        services.cancel_transfer(transfer_id=transfer.pk, actor=request.user, reason=data["reason"])
        return f"Kiriman {code} dibatalkan; dosisnya kembali ke stok."

    form = forms.ReasonForm(request.POST or None)
    return _form_page(
        request, form, f"Batalkan kiriman {code}", "Batalkan kiriman", act, transfer=transfer, danger=True
    )


# --- ledger ---------------------------------------------------------------------------------------------------------


def _lines(request: StaffRequest) -> tuple[Facility, QuerySet[StockMovement], str, str]:
    facility = current_facility(request)
    lines = StockMovement.objects.filter(facility=facility).select_related("lot__vaccine", "actor", "transfer")
    vaccine, kind = request.GET.get("vaksin", ""), request.GET.get("jenis", "")
    if vaccine and "\x00" not in vaccine:
        lines = lines.filter(lot__vaccine_id=vaccine)
    if kind in StockMovement.Kind.values:
        lines = lines.filter(kind=kind)
    return facility, lines, vaccine, kind


@staff_required("stock.view")
@never_cache
def ledger(request: StaffRequest) -> HttpResponse:
    """Every line of this facility, newest first."""
    facility, lines, vaccine, kind = _lines(request)
    page = Paginator(lines, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "facility": facility, "page_obj": page, "vaccine": vaccine, "kind": kind, "kinds": StockMovement.Kind.choices,
        "vaccines": Vaccine.objects.filter(lots__balances__facility=facility).distinct(),
    }  # fmt: skip
    return render(request, "stock/ledger.html", context)


class _Echo:
    """What csv.writer writes to, so that each line can be sent at once."""

    def write(self, value: str) -> str:
        return value


@staff_required("stock.view")
@never_cache
def ledger_csv(request: StaffRequest) -> HttpResponse:
    """The same lines as a file, sent line by line."""
    facility, lines, _vaccine, _kind = _lines(request)
    writer = csv.writer(_Echo())

    def rows() -> Iterator[str]:
        yield "\ufeff"  # spreadsheets then read the accents right
        yield writer.writerow(
            ["waktu", "vaksin", "batch", "kedaluwarsa", "jenis", "dosis", "saldo", "alasan", "dokumen", "petugas"]
        )
        for line in lines.iterator(chunk_size=1000):
            yield writer.writerow([
                timezone.localtime(line.at).strftime("%Y-%m-%d %H:%M:%S"), line.lot.vaccine.short_name,
                _text(line.lot.lot_number), line.lot.expiration_date.isoformat(), line.get_kind_display(),
                line.quantity, line.balance_after, _text(line.reason), _text(line.document), _text(str(line.actor)),
            ])  # fmt: skip

    response = StreamingHttpResponse(rows(), content_type="text/csv; charset=utf-8")
    name = f"mutasi-{facility.code}-{timezone.localdate():%Y%m%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return cast(HttpResponse, response)  # the decorators speak of HttpResponse; a stream is its sibling


def _text(value: str) -> str:
    """A text that a spreadsheet will not run as a formula."""
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


# --- health office --------------------------------------------------------------------------------------------------


@staff_required("stock.overview")
@never_cache
def overview(request: StaffRequest) -> HttpResponse:
    """/dinkes/stok/: all facilities, what expires soon, what runs low, what is on the way."""
    context = {
        "city": queries.city_stock(request.user),
        "now": timezone.now(),
        "today": timezone.localdate(),
        "may_announce": request.user.territory().can("schedule.manage"),
    }
    return render(request, "stock/overview.html", context)
