"""Who may call: the checks of PROTOCOL 10.2, in its order, each with its own message."""

import time
from dataclasses import dataclass, field
from email.message import Message

from pcare_bridge.simulator import codec, defaults

HEADERS = ("X-cons-id", "X-timestamp", "X-signature", "X-authorization", "user_key")


@dataclass
class Keys:
    """The credentials this service has issued."""

    cons_id: str = defaults.CONS_ID
    secret: str = defaults.SIGNING_KEY
    user_key: str = defaults.USER_KEY
    application_code: str = defaults.APPLICATION_CODE
    passwords: dict[str, str] = field(
        default_factory=lambda: dict(
            defaults.account(defaults.provider_code(number)) for number in range(1, defaults.PROVIDERS + 1)
        )
    )


def refusal(headers: Message, keys: Keys, window: int, clock_offset: int) -> str | None:
    """The message this service refuses the request with, or None when it may pass."""
    for name in HEADERS:
        if not headers.get(name):
            return f"Header {name} tidak ada"
    timestamp = headers["X-timestamp"].strip()
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return "X-timestamp bukan angka"
    if abs(time.time() + clock_offset - int(timestamp)) > window:
        return "X-timestamp di luar batas waktu"
    if headers["X-cons-id"] != keys.cons_id:
        return "Cons ID tidak terdaftar"
    if not codec.signature_matches(headers["X-signature"], keys.cons_id, keys.secret, timestamp):
        return "Signature tidak sesuai"
    if headers["user_key"] != keys.user_key:
        return "User key tidak sesuai"
    parts = codec.split_authorization(headers["X-authorization"])
    if parts is None:
        return "X-authorization tidak terbaca"
    username, password, application = parts
    if keys.passwords.get(username) is None:
        return "Username tidak terdaftar"
    if keys.passwords[username] != password:
        return "Password salah atau sudah kedaluwarsa"
    if application != keys.application_code:
        return "Kode aplikasi tidak sesuai"
    return None


def caller(headers: Message) -> str:
    """The kdProvider of the account that calls, once it has passed."""
    parts = codec.split_authorization(headers["X-authorization"])
    return parts[0].removeprefix("uji.").upper() if parts else ""
