"""Open data of stock for /api/v1/: the same reading as the public page, with the age of each number."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from core.snapshot import Snapshot, snapshot_response
from stock import queries


class StockRowSerializer(serializers.Serializer):
    """Usable doses of one vaccine at one facility."""

    facility = serializers.CharField(help_text="Kode fasilitas, seperti pada /facilities/.")
    facility_name = serializers.CharField()
    district_code = serializers.CharField()
    vaccine = serializers.CharField()
    vaccine_name = serializers.CharField()
    doses = serializers.IntegerField()
    days_left = serializers.IntegerField(
        allow_null=True, help_text="Menurut pemakaian 14 hari; null bila tidak dipakai."
    )
    changed_at = serializers.DateTimeField(help_text="Kapan angka ini terakhir berubah.")


class StockQuery(serializers.Serializer):
    """Filters of the list."""

    district = serializers.RegexField(r"^[0-9]{2}\.[0-9]{2}\.[0-9]{2}\Z", required=False)
    vaccine = serializers.RegexField(r"^[A-Z0-9_]{1,20}\Z", required=False)


class StockPage(serializers.Serializer):
    """The whole list."""

    count = serializers.IntegerField()
    results = StockRowSerializer(many=True)


def _build(request: HttpRequest) -> bytes:
    shelves = queries.public_stock(request.GET.get("district", ""), request.GET.get("vaccine", ""))
    rows = [
        {
            "facility": shelf.code,
            "facility_name": shelf.facility,
            "district_code": shelf.kecamatan_code,
            "vaccine": row.vaccine_code,
            "vaccine_name": row.vaccine,
            "doses": row.doses,
            "days_left": row.days_left,
            "changed_at": row.changed_at,
        }
        for shelf in shelves
        for row in shelf.rows
    ]
    results = StockRowSerializer(rows, many=True).data
    return json.dumps({"count": len(results), "results": results}, ensure_ascii=False).encode()


stock_snapshot = Snapshot("api-stok", _build, content_type="application/json")


class StockList(APIView):
    """Usable doses per facility and vaccine; lots that expired or were spoilt are not counted."""

    @extend_schema(operation_id="stock", parameters=[StockQuery], responses=StockPage)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """List stock; malformed filter values give 400."""
        StockQuery(data=request.query_params).is_valid(raise_exception=True)
        return snapshot_response(request._request, stock_snapshot)
