"""Open data of coverage for /api/v1/; cells under five persons are hidden (RULES RP-5)."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from reporting.coverage import DEFAULT_DOSE, DEFAULT_PROGRAMME, Cell, coverage, doses, for_the_public


class CoverageCellSerializer(serializers.Serializer):
    """One kecamatan, or the city."""

    code = serializers.CharField(help_text="Kode Kemendagri; kosong untuk kota.")
    name = serializers.CharField()
    target = serializers.IntegerField(allow_null=True)
    achieved = serializers.IntegerField(allow_null=True, help_text="null bila disembunyikan (kurang dari lima orang).")
    percent = serializers.DecimalField(max_digits=9, decimal_places=2, allow_null=True)
    suppressed = serializers.BooleanField()


class OriginSerializer(serializers.Serializer):
    """A source and its date."""

    as_of = serializers.DateField()

    def get_fields(self) -> dict[str, serializers.Field]:
        """`source` is also an attribute of every serializer, so it cannot be declared like the others."""
        return {"source": serializers.CharField(), **super().get_fields()}


class CoverageSerializer(serializers.Serializer):
    """Coverage of one dose per kecamatan."""

    programme = serializers.CharField()
    dose = serializers.CharField()
    dose_label = serializers.CharField()
    districts = CoverageCellSerializer(many=True)
    city = CoverageCellSerializer()
    target_sources = OriginSerializer(many=True)
    baseline_sources = OriginSerializer(many=True)


def _public_cell(cell: Cell) -> dict[str, object]:
    return {
        "code": cell.code,
        "name": cell.name,
        "target": cell.target,
        "achieved": None if cell.suppressed else cell.achieved,
        "percent": None if cell.suppressed else cell.percent,
        "suppressed": cell.suppressed,
    }


class CoverageView(APIView):
    """Coverage of one dose per kecamatan, by address on the identity card."""

    @extend_schema(
        operation_id="coverage",
        parameters=[
            OpenApiParameter("programme", str, default=DEFAULT_PROGRAMME),
            OpenApiParameter("dose", str, default=DEFAULT_DOSE),
        ],
        responses={200: CoverageSerializer, 404: None},
    )
    def get(self, request: Request) -> Response:
        """Coverage of the dose asked for; 404 for one that no programme has."""
        wanted = (
            request.query_params.get("programme", DEFAULT_PROGRAMME),
            request.query_params.get("dose", DEFAULT_DOSE),
        )
        dose = next((dose for dose in doses() if (dose.programme, dose.code) == wanted), None)
        if dose is None:
            raise NotFound("Dosis ini tidak ada dalam program.")
        table = for_the_public(coverage(dose))
        body = CoverageSerializer(
            {
                "programme": dose.programme,
                "dose": dose.code,
                "dose_label": dose.label,
                "districts": [_public_cell(cell) for cell in table.cells],
                "city": _public_cell(table.city),
                "target_sources": table.targets,
                "baseline_sources": table.baselines,
            }
        ).data
        return Response(body, headers={"Cache-Control": "public, max-age=5"})
