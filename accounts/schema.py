"""How the partner token appears in the OpenAPI text."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class PartnerTokenScheme(OpenApiAuthenticationExtension):
    """HTTP bearer."""

    target_class = "accounts.partner.PartnerTokenAuthentication"
    name = "tokenMitra"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "Token mitra, dibuat admin Dinas Kesehatan."}
