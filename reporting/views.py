"""Public coverage page, rendered from one snapshot: no cookie, no query while it is fresh."""

from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe

from core.snapshot import Snapshot, snapshot_response
from reporting import charts, exports
from reporting.coverage import DEFAULT_DOSE, DEFAULT_PROGRAMME, Coverage, Dose, coverage, doses, for_the_public


def _asked_dose(request: HttpRequest, known: tuple[Dose, ...]) -> Dose:
    """The dose of the query (`?dosis=covid19:booster1`), the first booster by default; anything else is a 404."""
    key = request.GET.get("dosis") or f"{DEFAULT_PROGRAMME}:{DEFAULT_DOSE}"
    for dose in known:
        if dose.key == key:
            return dose
    raise Http404("Dosis ini tidak ada dalam program.")


def _public_table(request: HttpRequest) -> tuple[Coverage, tuple[Dose, ...]]:
    known = doses()
    return for_the_public(coverage(_asked_dose(request, known))), known


def _build_page(request: HttpRequest) -> bytes:
    table, known = _public_table(request)
    groups: dict[str, list[Dose]] = {}
    for dose in known:
        groups.setdefault(dose.programme_name, []).append(dose)
    context = {
        "table": table,
        "map": charts.tile_map(table),
        "groups": groups,
        "page_path": request.get_full_path(),
        "path": request.path,
        "now": timezone.localtime().replace(second=0, microsecond=0),
    }
    return render_to_string("reporting/coverage.html", context).encode()


def _build_csv(request: HttpRequest) -> bytes:
    return exports.public_csv(_public_table(request)[0])


PAGE = Snapshot("coverage", _build_page)
FILE = Snapshot("coverage.csv", _build_csv, content_type="text/csv; charset=utf-8")


@require_safe
def coverage_page(request: HttpRequest) -> HttpResponse:
    """Coverage per kecamatan: table, tile map, sources, download."""
    return snapshot_response(request, PAGE)


@require_safe
def coverage_csv(request: HttpRequest) -> HttpResponse:
    """The table as open data."""
    response = snapshot_response(request, FILE)
    response.headers["Content-Disposition"] = 'attachment; filename="cakupan.csv"'
    return response
