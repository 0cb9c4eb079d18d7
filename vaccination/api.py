"""/api/v1/immunizations/: a partner facility records its doses with its own UUIDs, up to 500 at once."""

from dataclasses import asdict
from typing import Any, cast
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import PartnerToken
from accounts.partner import PartnerTokenAuthentication, has_scope
from regions.models import Kelurahan
from registration.models import Citizen
from vaccination import partner
from vaccination.models import Immunization

MAX_ROWS = 500
BATCH_SIZE: dict[str, Any] = {
    "min_length": "Kirim paling sedikit {min_length} dosis.",
    "max_length": "Kirim paling banyak {max_length} dosis sekaligus.",
}


def token_of(request: Request) -> PartnerToken:
    """The token the permission has checked."""
    return cast(PartnerToken, request.auth)


class DoseRowSerializer(serializers.Serializer):
    """One dose given at the partner's facility."""

    uuid = serializers.UUIDField(
        help_text="Kunci Anda sendiri; kiriman ulang dengan kunci yang sama tidak menggandakan."
    )
    nik = serializers.RegexField(
        r"^[0-9]{16}\Z", required=False, allow_blank=True, error_messages={"invalid": "NIK terdiri dari 16 angka."}
    )
    no_nik_reason = serializers.ChoiceField(Citizen.NoNikReason.choices, required=False, allow_blank=True)
    full_name = serializers.CharField(max_length=100)
    birth_date = serializers.DateField()
    sex = serializers.ChoiceField(Citizen.Sex.choices)
    kelurahan = serializers.RegexField(
        r"^[0-9]{2}\.[0-9]{2}\.[0-9]{2}\.[0-9]{4}\Z", required=False, help_text="Kode Kemendagri kelurahan sesuai KTP.",
        error_messages={"invalid": "Tulis kode kelurahan seperti 33.74.01.1009."},
    )  # fmt: skip
    phone = serializers.CharField(max_length=20, required=False, allow_blank=True)
    programme = serializers.SlugField(max_length=20)
    vaccine = serializers.RegexField(
        r"^[A-Z0-9_]{1,20}\Z", error_messages={"invalid": "Tulis kode vaksin seperti COV_AZ."}
    )
    dose_code = serializers.SlugField(max_length=20)
    lot_number = serializers.CharField(max_length=20)
    occurred_at = serializers.DateTimeField()
    body_site = serializers.ChoiceField(["LA", "RA", "LT", "RT"], required=False, allow_blank=True)
    screening_outcome = serializers.ChoiceField(
        ["lanjut"], help_text="Dosis hanya dicatat bila skrining menyatakan lanjut."
    )
    override_reason = serializers.CharField(max_length=200, required=False, allow_blank=True)

    def validate(self, row: dict[str, Any]) -> dict[str, Any]:
        """A NIK or a reason; a kelurahan that exists."""
        if not row.get("nik") and not row.get("no_nik_reason"):
            raise serializers.ValidationError({"nik": "Isi NIK, atau alasan tanpa NIK."})
        if row.get("kelurahan"):
            found = Kelurahan.objects.filter(pk=row["kelurahan"]).first()
            if found is None:
                raise serializers.ValidationError({"kelurahan": "Kode kelurahan tidak dikenal."})
            row["kelurahan"] = found
        return row


class BatchSerializer(serializers.Serializer):
    """Up to 500 doses; each is judged on its own."""

    doses = serializers.ListField(child=DoseRowSerializer(), min_length=1, max_length=MAX_ROWS)


class LooseBatchSerializer(serializers.Serializer):
    """The shape of a batch only, so that one bad row does not refuse the others."""

    doses = serializers.ListField(
        child=serializers.DictField(), min_length=1, max_length=MAX_ROWS, error_messages=BATCH_SIZE
    )


class RowResultSerializer(serializers.Serializer):
    """What became of one row."""

    index = serializers.IntegerField(help_text="Urutan dalam kiriman, mulai 0.")
    uuid = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField([partner.CREATED, partner.DUPLICATE, partner.REFUSED, partner.INVALID])
    dose_number = serializers.IntegerField(allow_null=True)
    code = serializers.CharField(allow_blank=True, help_text="Sebab penolakan, untuk program.")
    problems = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()), help_text="Kalimat per isian; kosong bila tercatat."
    )


class BatchResultSerializer(serializers.Serializer):
    """One result per row, in the order sent."""

    created = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = RowResultSerializer(many=True)


class ImmunizationSerializer(serializers.ModelSerializer):
    """A dose of the partner's own, without the person."""

    uuid = serializers.UUIDField(source="client_uuid")
    programme = serializers.CharField(source="programme_id")
    vaccine = serializers.CharField(source="vaccine_id")
    replaced_by = serializers.UUIDField(source="replaced_by.client_uuid", allow_null=True, default=None)

    class Meta:
        model = Immunization
        fields = [
            "uuid", "status", "programme", "vaccine", "dose_code", "dose_number", "lot_number", "occurred_at",
            "recorded_at", "replaced_by",
        ]  # fmt: skip


class ImmunizationCreate(APIView):
    """Doses recorded by a partner facility, with the rules and guards of the desk."""

    authentication_classes = [PartnerTokenAuthentication]
    permission_classes = [has_scope("doses.write")]

    @extend_schema(
        operation_id="record_immunizations",
        request=BatchSerializer,
        responses={200: BatchResultSerializer, 400: OpenApiResponse(description="Bentuk kiriman salah.")},
    )
    def post(self, request: Request) -> Response:
        """Record up to 500 doses; the answer has one result per row, and sending again makes no double."""
        batch = LooseBatchSerializer(data=request.data)
        batch.is_valid(raise_exception=True)
        results = [self._row(index, row, request) for index, row in enumerate(batch.validated_data["doses"])]
        counts = {
            name: sum(result.status == name for result in results) for name in (partner.CREATED, partner.DUPLICATE)
        }
        refused = len(results) - sum(counts.values())
        return Response(counts | {"refused": refused, "results": [asdict(result) for result in results]})

    def _row(self, index: int, row: dict[str, Any], request: Request) -> partner.RowResult:
        serializer = DoseRowSerializer(data=row)
        if not serializer.is_valid():
            problems = {name: [str(text) for text in texts] for name, texts in serializer.errors.items()}
            sent = row.get("uuid")
            key = sent[:36] if isinstance(sent, str) else ""
            return partner.RowResult(index, key, partner.INVALID, code="invalid", problems=problems)
        return partner.record(index, serializer.validated_data, token_of(request))


class ImmunizationDetail(APIView):
    """One dose by the partner's own UUID."""

    authentication_classes = [PartnerTokenAuthentication]
    permission_classes = [has_scope("doses.read")]

    @extend_schema(operation_id="read_immunization", responses=ImmunizationSerializer)
    def get(self, request: Request, key: UUID) -> Response:
        """Read a dose this facility recorded; a foreign one is a 404."""
        row = get_object_or_404(
            Immunization.objects.select_related("replaced_by"),
            client_uuid=key,
            facility_id=token_of(request).facility_id,
        )
        return Response(ImmunizationSerializer(row).data)
