"""Demo accounts: one per role, with a password and a second factor everybody can read on /demo/akun/. Demo only."""

import time
from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.mfa.utils import encrypt
from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.db import transaction

from accounts.models import Membership, User
from regions.models import Facility, Kelurahan

PASSWORD = "vaksin-semarang-2026"  # public by purpose, exists only in demo mode
TOTP_SECRET = "VICTORIDEMOSEMARANGKOTA222222222"  # as above
PERIOD = 30


@dataclass(frozen=True)
class DemoAccount:
    """One person of the demo; `place` is a facility code, a kelurahan code, or empty for the city."""

    username: str
    full_name: str
    roles: tuple[str, ...]
    place: str
    does: str
    home: str = "/petugas/"
    superuser: bool = False


POSKO = "pkm-poncol"
ACCOUNTS = [
    DemoAccount("perawat", "Ns. Ratri Uji", ("petugas",), POSKO, "meja pendaftaran dan skrining"),
    DemoAccount(
        "vaksinator", "Bd. Laras Uji", ("vaksinator",), POSKO, "seluruh meja: daftar, skrining, suntik, observasi"
    ),
    DemoAccount("stok", "Bagas Uji", ("pengelola_stok",), POSKO, "stok puskesmas", "/petugas/stok/"),
    DemoAccount("dinkes", "dr. Wening Uji", ("admin_dinkes",), "", "cakupan, jadwal, petugas, PCare", "/dinkes/"),
    DemoAccount("kader", "Sri Uji", ("kader",), "kelurahan", "mendaftarkan warga satu kelurahan", "/petugas/kader/"),
    DemoAccount("mitra", "RS Mitra Uji", ("mitra",), "rumah_sakit", "API untuk rumah sakit swasta"),
    DemoAccount("admin", "Admin Uji", ("admin_dinkes",), "", "administrasi Django", "/admin/", superuser=True),
]


@transaction.atomic
def ensure_demo_staff() -> list[User]:
    """Create or mend the demo accounts; does nothing when they are in order. Needs the city's facilities to be loaded.

    Raises RuntimeError outside demo mode: these passwords are printed on a page.
    """
    if not settings.DEMO:
        raise RuntimeError("Akun percobaan hanya ada di mode percobaan (DEMO=1).")
    return [_ensure(account) for account in ACCOUNTS]


def current_code() -> str:
    """The one-time code every demo account accepts now."""
    return format_hotp_value(hotp_value(TOTP_SECRET, int(time.time()) // PERIOD))


def seconds_left() -> int:
    """How long `current_code` stays on the page."""
    return PERIOD - int(time.time()) % PERIOD


def _ensure(account: DemoAccount) -> User:
    user, created = User.objects.get_or_create(username=account.username, defaults={"full_name": account.full_name})
    if created or not check_password(PASSWORD, user.password):
        user.set_password(PASSWORD)
    user.full_name, user.is_active, user.must_change_password = account.full_name, True, False
    user.is_staff = user.is_superuser = account.superuser
    user.save()
    place = _place(account)
    if place is not None:
        for role in account.roles:
            Membership.objects.get_or_create(user=user, role=role, **place)
    if not Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
        Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": encrypt(TOTP_SECRET)})
    return user


def _place(account: DemoAccount) -> dict | None:
    """Scope and place of the membership; None when the city's data has no such place yet."""
    if not account.place:
        return {"scope": "city"}
    if account.place == "kelurahan":
        kelurahan = Kelurahan.objects.filter(kecamatan__facilities__code=POSKO).order_by("code").first()
        return {"scope": "kelurahan", "kelurahan": kelurahan} if kelurahan else None
    facilities = Facility.objects.filter(is_active=True).order_by("code")
    if account.place == Facility.Kind.HOSPITAL:
        facility = facilities.filter(kind=Facility.Kind.HOSPITAL).first()
    else:
        facility = facilities.filter(code=account.place).first()
    return {"scope": "facility", "facility": facility} if facility else None
