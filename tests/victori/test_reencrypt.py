"""Changing the key that seals identities, with the service running."""

import secrets

import pytest
from django.core.management import call_command
from django.test import override_settings

from core.crypto import DecryptionFailed
from registration.models import CitizenAccount
from tests.registration.people import make_account


@pytest.mark.django_db
def test_after_reencrypt_the_old_key_is_no_longer_needed(settings):
    account = make_account()
    phone = account.phone
    new = secrets.token_bytes(32)
    with override_settings(FIELD_KEYS=settings.FIELD_KEYS | {2: new}, FIELD_KEY_VERSION=2):
        assert CitizenAccount.objects.get(pk=account.pk).phone == phone  # both keys open while it goes on
        call_command("reencrypt")
        call_command("reencrypt")  # nothing left; nothing spoilt
    with override_settings(FIELD_KEYS={2: new}, FIELD_KEY_VERSION=2):
        assert CitizenAccount.objects.get(pk=account.pk).phone == phone
    with pytest.raises(DecryptionFailed):
        CitizenAccount.objects.get(pk=account.pk)  # the old key alone opens nothing any more
