"""A person of the staff ends the proof of one dose, for a reason; the dose itself stays on record."""

from __future__ import annotations

from django.db import transaction

from accounts.models import User
from certificates import notify, services
from certificates.models import Revocation
from core.readlog import log_read

# A correction revokes by itself, and a leaked key is the operator's matter (`signing_keys revoke`).
BY_HAND = (Revocation.Reason.HOLDER, Revocation.Reason.MISTAKE, Revocation.Reason.FRAUD)


class NothingToRevoke(ValueError):
    """The dose has no certificate."""


def revoke(immunization_id: int, *, reason: str, note: str, actor: User) -> Revocation:
    """Revoke every code of a dose, note it in the read log, and tell the person; all or nothing.

    Locks the row of the dose. Doing it twice changes nothing more and sends no second message. Raises NothingToRevoke,
    and ValueError for a reason that is not given by hand.
    """
    if reason not in BY_HAND:
        raise ValueError(reason)
    with transaction.atomic():
        revocation = services.revoke(immunization_id, reason=reason, actor_id=actor.pk)
        if revocation is None:
            raise NothingToRevoke
        certificate = revocation.certificate
        said = f"Cabut sertifikat: {Revocation.Reason(reason).label}. {note}"
        log_read(user=actor, citizen_id=certificate.immunization.citizen_id, purpose="certificate", note=said)
        notify.certificate_revoked(revocation)
    return revocation
