"""Fetching a public document from the internet, at the wish of a member of staff.

The address is somebody's input, so it must not reach what only this machine can reach: https only, a public address,
no redirects, and the connection goes to the very address that was checked (a name may answer differently the next
time it is asked). Hosts in OUTGOING_INTERNAL_HOSTS are exempt: mirrors inside the office's own network.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from urllib.parse import urlsplit

import httpx
from django.conf import settings

CONNECT_SECONDS, TOTAL_SECONDS = 5.0, 30.0


class NotFetched(Exception):
    """The document could not be fetched, or may not be; the message says why, in Indonesian."""


def fetch(url: str, *, most: int) -> bytes:
    """The document at `url`, at most `most` bytes. Raises NotFetched."""
    parts = urlsplit(url.strip())
    host, internal = parts.hostname or "", _is_internal(parts.netloc)
    schemes = ("https", "http") if internal else ("https",)
    if not host or parts.username or parts.password or parts.scheme not in schemes:
        raise NotFetched("Alamat harus diawali https:// tanpa nama pengguna.")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise NotFetched("Nomor port pada alamat itu salah.") from error
    address = _address(host, port, internal)
    literal = f"[{address}]" if ":" in address else address
    target = parts._replace(netloc=f"{literal}:{port}", fragment="").geturl()
    return _read(target, parts.netloc, host, most)


def _is_internal(netloc: str) -> bool:
    return netloc.lower() in settings.OUTGOING_INTERNAL_HOSTS


def _address(host: str, port: int, internal: bool) -> str:
    """One address of this host; refused when any of them is not public, so no order of answers opens a way in."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise NotFetched(f"Alamat {host[:80]} tidak ditemukan.") from error
    for text in found:
        address = ipaddress.ip_address(text.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None) or address
        if not internal and not (mapped.is_global and not mapped.is_multicast):
            raise NotFetched("Alamat itu menunjuk ke jaringan dalam, bukan ke internet.")
    return min(found, key=lambda text: ":" in text)  # IPv4 first: offices often have nothing else


def _read(target: str, netloc: str, host: str, most: int) -> bytes:
    deadline = time.monotonic() + TOTAL_SECONDS
    parts, size = [], 0
    try:
        with (
            httpx.Client(timeout=httpx.Timeout(10.0, connect=CONNECT_SECONDS), trust_env=False) as http,
            http.stream("GET", target, headers={"Host": netloc}, extensions={"sni_hostname": host}) as response,
        ):
            if response.status_code != 200:
                raise NotFetched(f"Server menjawab {response.status_code}, bukan dokumen.")
            for chunk in response.iter_bytes():
                parts.append(chunk)
                size += len(chunk)
                if size > most or time.monotonic() > deadline:
                    raise NotFetched("Dokumen terlalu besar atau terlalu lambat datangnya.")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotFetched(f"Tidak dapat diambil: {type(error).__name__}.") from error
    return b"".join(parts)
