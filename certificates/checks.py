"""I8: each certificate points at a completed immunization; a corrected one revokes its certificate."""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from certificates.models import Certificate, SignatureLog, SigningKey
from core import audit
from vaccination.models import Immunization


def certificates_without_dose() -> int:
    """Certificates still valid although their dose is not a completed one."""
    return (
        Certificate.objects.filter(status=Certificate.Status.VALID)
        .exclude(immunization__status=Immunization.Status.COMPLETED)
        .count()
    )


def revocations_missing() -> int:
    """Certificates marked revoked that no revocation list names, and the reverse."""
    return Certificate.objects.filter(
        Q(status=Certificate.Status.REVOKED, revocation__isnull=True)
        | (~Q(status=Certificate.Status.REVOKED) & Q(revocation__isnull=False))
    ).count()


def unexplained_signatures() -> int:
    """Certificates with a code that lacks its line in the signature log, and valid ones of a key that does not count.

    That is a key known to be compromised, or one nobody knows.
    """
    trusted = SigningKey.objects.trusted()
    hc1, shc = Q(hc1_key__isnull=True) | Q(hc1_key__in=trusted), Q(shc_key__in=trusted)
    of_other_keys = Certificate.objects.filter(~(hc1 & shc), status=Certificate.Status.VALID)
    return _unlogged("shc_key").union(_unlogged("hc1_key"), of_other_keys.values("pk")).count()


def _unlogged(key: str) -> QuerySet[Certificate, Any]:
    # A NOT EXISTS of its own is one hash join; inside an OR, or as NOT IN, half a million codes would be looked up
    # one by one in a million lines.
    lines = SignatureLog.objects.filter(immunization=OuterRef("immunization"), kid=OuterRef(key))
    return Certificate.objects.filter(~Exists(lines), **{f"{key}__isnull": False}).values("pk")


def register() -> None:
    """Add the checks to `manage.py audit`."""
    audit.register("I8", "Sertifikat berlaku hanya untuk vaksinasi yang diberikan", certificates_without_dose)
    audit.register("I8", "Sertifikat yang dicabut ada di daftar pencabutan", revocations_missing)
    audit.register("I8", "Setiap tanda tangan tercatat dan kuncinya tidak bocor", unexplained_signatures)
