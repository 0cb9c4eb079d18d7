"""Superuser's view of certificates: everything is read-only, since a signed thing is never edited."""

from django.contrib import admin

from certificates.models import (
    Certificate,
    IssuerKey,
    Revocation,
    SignatureLog,
    SigningKey,
    TrustEdition,
    TrustList,
)
from core.admin import ReadOnlyAdmin


@admin.register(SigningKey)
class SigningKeyAdmin(ReadOnlyAdmin):
    list_display = ("kid", "purpose", "use_from", "use_until", "retired_at", "compromised_at")
    list_filter = ("purpose",)


@admin.register(Certificate)
class CertificateAdmin(ReadOnlyAdmin):
    """Without names and codes: a list of certificates must not become a list of persons."""

    list_display = ("uvci", "status", "issued_at", "expires_at")
    list_filter = ("status",)
    search_fields = ("=uvci",)
    fields = ("uvci", "status", "issued_at", "expires_at", "hc1_key", "shc_key", "eu_reason")


@admin.register(Revocation)
class RevocationAdmin(ReadOnlyAdmin):
    list_display = ("certificate", "reason", "revoked_at")
    list_filter = ("reason",)
    fields = ("certificate", "reason", "revoked_at", "rid", "kid")


@admin.register(SignatureLog)
class SignatureLogAdmin(ReadOnlyAdmin):
    list_display = ("at", "kid", "actor", "immunization_id")
    date_hierarchy = "at"
    fields = ("at", "kid", "actor", "immunization")


@admin.register(TrustList)
class TrustListAdmin(ReadOnlyAdmin):
    list_display = ("name", "kind", "scope", "is_active")
    list_filter = ("kind", "scope")


@admin.register(TrustEdition)
class TrustEditionAdmin(ReadOnlyAdmin):
    """Without the keys themselves: they are rows of their own once confirmed."""

    list_display = ("trust_list", "fetched_at", "origin", "status", "decided_by")
    list_filter = ("status",)
    exclude = ("entries",)


@admin.register(IssuerKey)
class IssuerKeyAdmin(ReadOnlyAdmin):
    list_display = ("kid", "issuer", "country", "family", "trust_list", "withdrawn_at")
    list_filter = ("family", "trust_list")
    search_fields = ("=kid", "issuer")
    fields = ("trust_list", "edition", "family", "kid", "issuer", "country", "iss", "formats", "usages", "withdrawn_at")
