"""POST /api/v1/certificates/verify/: the verdict on one code, for partners and anybody else. Nothing is kept."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from certificates.verifying import verify_text
from certificates.verifying.verdicts import VERDICTS
from core import throttle
from core.net import client_address

LIMIT = "120/minute"


class VerifyRequest(serializers.Serializer):
    """One code as text: HC1, `shc:/`, a compact JWS, or the content of a `.smart-health-card` file."""

    code = serializers.CharField(max_length=40_000, trim_whitespace=True)


class VerifyAnswer(serializers.Serializer):
    """Facts are empty unless a known key signed exactly this content."""

    format = serializers.CharField()
    verdict = serializers.ChoiceField(choices=VERDICTS)
    issuer = serializers.CharField(allow_blank=True)
    own_key = serializers.BooleanField()
    facts = serializers.DictField(child=serializers.CharField())


class VerifyCertificate(APIView):
    """Check one certificate code."""

    @extend_schema(request=VerifyRequest, responses={200: VerifyAnswer}, operation_id="verify_certificate")
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Signature, validity, revocation and content of one code."""
        wait = throttle.hit("verify_api", client_address(request), LIMIT)
        if wait:
            raise Throttled(wait=wait)
        form = VerifyRequest(data=request.data)
        form.is_valid(raise_exception=True)
        result = verify_text(form.validated_data["code"])
        answer = {
            "format": result.format,
            "verdict": result.verdict,
            "issuer": result.issuer,
            "own_key": result.own_key,
            "facts": {name: str(value) for name, value in result.facts.items()},
        }
        return Response(answer, headers={"Cache-Control": "no-store"})
