"""The health office's view: coverage with its parts, the city's day, and the way down to a kelurahan."""

from datetime import date
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from accounts.access import StaffRequest, staff_required
from regions.models import Kecamatan
from reporting import charts, exports, overview
from reporting.coverage import coverage, per_day, wards
from reporting.forms import CoverageFilter
from reporting.verification import open_points

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _period(since: date, until: date) -> str:
    return f"{since:%d-%m-%Y} sampai {until:%d-%m-%Y}"


def _query(form: CoverageFilter) -> str:
    """The filter as a query string, for links that keep it."""
    return urlencode({name: form[name].value() for name in form.fields})


@require_safe
@staff_required("coverage.view")
def dashboard(request: StaffRequest) -> HttpResponse:
    """Coverage of one dose per kecamatan with map, trend and downloads, under the figures of the day."""
    form = CoverageFilter(request.GET)
    context: dict[str, object] = {"form": form, "day": overview.of_the_city(request.user)}
    if not form.is_valid():
        return render(request, "reporting/dashboard.html", context, status=400)
    since, until = form.cleaned_data["dari"], form.cleaned_data["sampai"]
    table = coverage(form.dose, since=since, until=until)
    context |= {
        "table": table,
        "map": charts.tile_map(table),
        "trend": charts.trend(per_day(form.dose, since, until), since, until),
        "period": _period(since, until),
        "query": _query(form),
    }
    return render(request, "reporting/dashboard.html", context)


@require_safe
@staff_required("coverage.view")
def kecamatan(request: StaffRequest, code: str) -> HttpResponse:
    """One kecamatan down to its kelurahan."""
    place = get_object_or_404(Kecamatan, pk=code)
    form = CoverageFilter(request.GET)
    context: dict[str, object] = {"form": form, "place": place}
    if not form.is_valid():
        return render(request, "reporting/kecamatan.html", context, status=400)
    since, until = form.cleaned_data["dari"], form.cleaned_data["sampai"]
    table = coverage(form.dose, since=since, until=until)
    context |= {
        "table": table,
        "cell": next(cell for cell in table.cells if cell.code == place.pk),
        "wards": wards(form.dose, place, since=since, until=until),
        "trend": charts.trend(per_day(form.dose, since, until, place.pk), since, until),
        "period": _period(since, until),
        "query": _query(form),
    }
    return render(request, "reporting/kecamatan.html", context)


@require_safe
@staff_required("coverage.view")
def download(request: StaffRequest, kind: str) -> HttpResponse:
    """The filtered table as a CSV or XLSX file; aggregates only, no person in it."""
    form = CoverageFilter(request.GET)
    if not form.is_valid():
        return render(request, "reporting/dashboard.html", {"form": form}, status=400)
    since, until = form.cleaned_data["dari"], form.cleaned_data["sampai"]
    table = coverage(form.dose, since=since, until=until)
    if kind == "xlsx":
        response = HttpResponse(exports.office_xlsx(table, period=_period(since, until)), content_type=XLSX)
    else:
        response = HttpResponse(exports.office_csv(table), content_type="text/csv; charset=utf-8")
    name = f"cakupan-{form.dose.programme}-{form.dose.code}-{until:%Y%m%d}.{kind}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_safe
@staff_required("coverage.view")
def verification(request: StaffRequest) -> HttpResponse:
    """Which rules, products, forms and facilities carry values no second source confirms."""
    return render(request, "reporting/verification.html", {"parts": open_points()})
