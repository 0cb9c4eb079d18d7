"""Open data of facilities for /api/v1/."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from regions.models import Facility


class FacilitySerializer(serializers.ModelSerializer):
    """A place that vaccinates, as the public may know it."""

    district = serializers.CharField(source="kecamatan.name")
    district_code = serializers.CharField(source="kecamatan_id")
    subdistrict_code = serializers.CharField(source="kelurahan_id", allow_null=True)
    unverified = serializers.ListField(
        source="unverified_fields", child=serializers.CharField(), help_text="Isian yang masih perlu verifikasi."
    )

    class Meta:
        model = Facility
        fields = [
            "code", "name", "kind", "district", "district_code", "subdistrict_code", "address", "phone", "open_days",
            "open_time", "close_time", "programme_codes", "unverified",
        ]  # fmt: skip


class FacilityQuery(serializers.Serializer):
    """Filters of the list."""

    district = serializers.RegexField(r"^[0-9]{2}\.[0-9]{2}\.[0-9]{2}\Z", required=False)
    programme = serializers.SlugField(max_length=20, required=False)
    kind = serializers.ChoiceField(Facility.Kind.choices, required=False)


class FacilityList(generics.ListAPIView):
    """Active facilities, by name."""

    serializer_class = FacilitySerializer
    pagination_class = None  # fewer than a hundred rows, and a map needs them all

    @extend_schema(
        operation_id="facilities",
        parameters=[FacilityQuery],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List facilities; unknown filter values give 400."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Facility]:
        """Filtered by district, programme and kind."""
        if getattr(self, "swagger_fake_view", False):
            return Facility.objects.none()
        query = FacilityQuery(data=self.request.query_params)
        query.is_valid(raise_exception=True)
        rows = Facility.objects.filter(is_active=True).select_related("kecamatan").order_by("name", "pk")
        wanted = query.validated_data
        if "district" in wanted:
            rows = rows.filter(kecamatan_id=wanted["district"])
        if "programme" in wanted:
            rows = rows.filter(programme_codes__contains=[wanted["programme"]])
        if "kind" in wanted:
            rows = rows.filter(kind=wanted["kind"])
        return rows
