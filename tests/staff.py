"""Members of staff for tests: an account with one role, and a session that has passed the second factor."""

import itertools
import time

from allauth.mfa.models import Authenticator
from django.test import Client

from accounts.models import Membership, User

_numbers = itertools.count(1)


def make_staff(role="petugas", *, facility=None, kelurahan=None, kecamatan=None, city=False, **fields) -> User:
    """A user with one membership; the territory named decides the scope."""
    number = next(_numbers)
    user = User(
        username=f"petugas{number}", full_name=fields.pop("full_name", f"Petugas Uji {chr(64 + number % 26)}"), **fields
    )
    user.set_unusable_password()
    user.save()
    scope = "city" if city else "facility" if facility else "kelurahan" if kelurahan else "kecamatan"
    Membership.objects.create(
        user=user, role=role, scope=scope, facility=facility, kelurahan=kelurahan, kecamatan=kecamatan
    )
    return user


def sign_in_staff(client: Client, user: User) -> Client:
    """Sign `user` in as after password and one-time code."""
    Authenticator.objects.get_or_create(user=user, type=Authenticator.Type.TOTP, defaults={"data": {}})
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    session = client.session
    now = time.time()
    session["account_authentication_methods"] = [
        {"method": "password", "at": now, "username": user.username},
        {"method": "mfa", "at": now, "type": "totp"},
    ]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return client
