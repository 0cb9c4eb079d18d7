"""POST /api/v1/certificates/verify/: the verdict on one code, for partners and anybody else. Nothing is kept."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from certificates import words
from certificates.verifying import verify_text
from certificates.verifying.limits import MAX_CHUNKS, MAX_TEXT
from certificates.verifying.verdicts import FORMATS, TRUST, VERDICTS
from core import throttle
from core.net import client_address

LIMIT = "120/minute"


class VerifyRequest(serializers.Serializer):
    """One code as text: `HC1:`, `shc:/` (or its chunks), a compact JWS, a wallet file, `B64:`, or VDS-NC."""

    code = serializers.CharField(max_length=MAX_TEXT, trim_whitespace=True, required=False)
    codes = serializers.ListField(
        child=serializers.CharField(max_length=MAX_TEXT),
        max_length=MAX_CHUNKS,
        required=False,
        help_text="Chunks of one SMART Health Card, in any order.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one of the two."""
        if bool(attrs.get("code")) == bool(attrs.get("codes")):
            raise serializers.ValidationError("Isi salah satu: code atau codes.")
        return attrs


class FactInWords(serializers.Serializer):
    """One line of the facts, as a person reads it."""

    name = serializers.CharField()
    value = serializers.CharField()


class AnswerInWords(serializers.Serializer):
    """The answer in one language."""

    kind = serializers.ChoiceField(choices=("ok", "warn", "error"))
    title = serializers.CharField()
    text = serializers.CharField()
    trust = serializers.CharField(allow_blank=True)
    notes = serializers.ListField(child=serializers.CharField())
    facts = FactInWords(many=True)


class VerifyAnswer(serializers.Serializer):
    """Facts are empty unless a known key signed exactly this content. `words` says the same in plain language."""

    format = serializers.ChoiceField(choices=FORMATS)
    verdict = serializers.ChoiceField(choices=VERDICTS)
    issuer = serializers.CharField(allow_blank=True)
    own_key = serializers.BooleanField()
    trust = serializers.ChoiceField(choices=TRUST, allow_blank=True)
    list_name = serializers.CharField(allow_blank=True)
    notes = serializers.ListField(child=serializers.CharField())
    facts = serializers.DictField(child=serializers.CharField())
    words = serializers.DictField(child=AnswerInWords(), help_text="By language: `id` and `en`.")


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
        text = form.validated_data.get("code") or "\n".join(form.validated_data["codes"])
        result = verify_text(text)
        answer = {
            "format": result.format,
            "verdict": result.verdict,
            "issuer": result.issuer,
            "own_key": result.own_key,
            "trust": result.trust,
            "list_name": result.list_name,
            "notes": list(result.notes),
            "facts": {name: str(value) for name, value in result.facts.items()},
            "words": {language: words.in_words(result, language) for language in ("id", "en")},
        }
        return Response(answer, headers={"Cache-Control": "no-store"})
