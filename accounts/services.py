"""Administering staff accounts; every change names who made it (audit events of django-pghistory)."""

import secrets
from datetime import date, timedelta

import pghistory
from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.models import Membership, User

WORDS = (
    "badai bulan danau embun fajar garuda hujan jati kenari langit melati nelayan ombak pandan rimba senja teluk warna"
)


@transaction.atomic
def invite(*, username: str, full_name: str, professional_id: str, by: User) -> tuple[User, str]:
    """Create an account with a one-time password, returned to be handed over and never shown again.

    The person must replace it and set up a second factor at the first sign-in.
    """
    password = one_time_password()
    with pghistory.context(user=by.pk, action="invite"):
        user = User(username=username, full_name=full_name, professional_id=professional_id, must_change_password=True)
        user.set_password(password)
        user.full_clean()
        user.save()
    return user, password


@transaction.atomic
def reset_password(user: User, *, by: User) -> str:
    """Replace the password by a one-time one and end the person's sessions; returns the password."""
    password = one_time_password()
    with pghistory.context(user=by.pk, action="reset_password"):
        user.set_password(password)
        user.must_change_password = True
        user.save(update_fields=["password", "must_change_password"])
    end_sessions(user)
    return password


@transaction.atomic
def reset_second_factor(user: User, *, by: User) -> None:
    """The phone is lost: forget its secret and codes and end the sessions; the next sign-in enrols anew."""
    with pghistory.context(user=by.pk, action="reset_second_factor"):
        Authenticator.objects.filter(user=user).delete()
        # A row of the account's history must name this: the secret itself leaves no trace there.
        user.second_factor_reset_at = timezone.now()
        user.save(update_fields=["second_factor_reset_at"])
    end_sessions(user)


@transaction.atomic
def set_active(user: User, active: bool, *, by: User) -> None:
    """Close or reopen an account; closing ends its sessions at once. Nobody closes their own."""
    if user.pk == by.pk and not active:
        raise ValidationError("Akun sendiri tidak dapat dinonaktifkan.")
    with pghistory.context(user=by.pk, action="activate" if active else "deactivate"):
        user.is_active = active
        user.save(update_fields=["is_active"])
    if not active:
        end_sessions(user)


def release_lockout(user: User, *, by: User) -> int:
    """Forget the wrong passwords that locked `user`; returns how many entries there were."""
    with pghistory.context(user=by.pk, action="release_lockout"):
        return AccessAttempt.objects.filter(username=user.username).delete()[0]


def is_locked(user: User) -> bool:
    """Whether wrong passwords lock the account now."""
    attempts = AccessAttempt.objects.filter(
        username=user.username, attempt_time__gt=timezone.now() - settings.AXES_COOLOFF_TIME
    )
    return any(attempt.failures_since_start >= settings.AXES_FAILURE_LIMIT for attempt in attempts)


@transaction.atomic
def assign(membership: Membership, *, by: User) -> Membership:
    """Write one assignment; raises ValidationError when the place does not fit the scope."""
    membership.full_clean()
    with pghistory.context(user=by.pk, action="assign"):
        membership.save()
    return membership


@transaction.atomic
def end_assignment(membership: Membership, *, by: User, on: date | None = None) -> None:
    """Let an assignment end the day before `on` (default today): it gives no right any more."""
    day = on or timezone.localdate()
    with pghistory.context(user=by.pk, action="end_assignment"):
        membership.valid_until = day - timedelta(days=1)
        membership.save(update_fields=["valid_until"])


def end_sessions(user: User) -> None:
    """Sign the person out everywhere."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            session.delete()


def one_time_password() -> str:
    """Four words and two digits: can be read aloud, and is replaced at the first sign-in."""
    words = WORDS.split()
    return "-".join(secrets.choice(words) for _turn in range(5)) + f"-{secrets.randbelow(90) + 10}"
