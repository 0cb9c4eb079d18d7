"""I8: each certificate points at a completed immunization; a corrected one revokes its certificate."""

from django.db.models import Q

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
    """Certificates without their line in the signature log, or signed by a key that is known to be compromised."""
    logged = SignatureLog.objects.values("immunization")
    compromised = SigningKey.objects.filter(compromised_at__isnull=False)
    return Certificate.objects.filter(
        ~Q(immunization__in=logged)
        | Q(status=Certificate.Status.VALID) & (Q(hc1_key__in=compromised) | Q(shc_key__in=compromised))
    ).count()


def register() -> None:
    """Add the checks to `manage.py audit`."""
    audit.register("I8", "Sertifikat berlaku hanya untuk vaksinasi yang diberikan", certificates_without_dose)
    audit.register("I8", "Sertifikat yang dicabut ada di daftar pencabutan", revocations_missing)
    audit.register("I8", "Setiap tanda tangan tercatat dan kuncinya tidak bocor", unexplained_signatures)
