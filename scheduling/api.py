"""Open data of schedules for /api/v1/: the same reading as the public page. Booking is not offered by API."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from scheduling import queries


class ScheduleSerializer(serializers.Serializer):
    """One published schedule and what is left of it."""

    id = serializers.IntegerField(source="schedule.pk")
    facility = serializers.CharField(source="schedule.facility.code")
    facility_name = serializers.CharField(source="schedule.facility.name")
    district_code = serializers.CharField(source="schedule.facility.kecamatan_id")
    programme = serializers.CharField(source="schedule.programme_id")
    vaccine = serializers.CharField(source="schedule.vaccine_id")
    dose_codes = serializers.ListField(source="schedule.dose_codes", child=serializers.CharField())
    date = serializers.DateField(source="schedule.date")
    open_time = serializers.TimeField(source="schedule.open_time")
    close_time = serializers.TimeField(source="schedule.close_time")
    state = serializers.ChoiceField(choices=list(queries.RANK))
    places_left = serializers.IntegerField()
    walk_in_left = serializers.IntegerField()
    release_at = serializers.DateTimeField(source="schedule.release_at", allow_null=True)
    close_reason = serializers.CharField(source="schedule.close_reason", allow_blank=True)


class ScheduleQuery(serializers.Serializer):
    """Filters of the list."""

    district = serializers.RegexField(r"^[0-9]{2}\.[0-9]{2}\.[0-9]{2}\Z", required=False)
    facility = serializers.SlugField(max_length=60, required=False)
    programme = serializers.SlugField(max_length=20, required=False)
    vaccine = serializers.RegexField(r"^[A-Z0-9_]{1,20}\Z", required=False)
    date = serializers.DateField(required=False)


class SchedulePage(serializers.Serializer):
    """The whole list; a city has some hundred rows."""

    count = serializers.IntegerField()
    results = ScheduleSerializer(many=True)


class ScheduleList(APIView):
    """Published schedules from today on, those with free places first."""

    @extend_schema(operation_id="schedules", parameters=[ScheduleQuery], responses=SchedulePage)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List schedules; malformed filter values give 400."""
        query = ScheduleQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted = query.validated_data
        filters = queries.Filters(
            kecamatan=wanted.get("district", ""),
            day=wanted.get("date"),
            programme=wanted.get("programme", ""),
            vaccine=wanted.get("vaccine", ""),
        )
        rows: Iterable[queries.Row] = queries.overview(filters)
        if "facility" in wanted:
            rows = [row for row in rows if row.schedule.facility.code == wanted["facility"]]
        results = ScheduleSerializer(rows, many=True).data
        response = Response({"count": len(results), "results": results})
        response.headers["Cache-Control"] = "public, max-age=1, stale-while-revalidate=5, stale-if-error=30"
        return response
