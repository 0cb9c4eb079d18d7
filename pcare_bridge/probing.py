"""Is this address ours to speak to? Clock, signature, account and codes, each checked alone and explained."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pcare_bridge import conf
from pcare_bridge.channels import PROBE
from pcare_bridge.client import Credentials, PCareClient, Unreachable
from pcare_bridge.envelope import Reply, rows
from pcare_bridge.errors import classify
from pcare_bridge.fhir_client import FhirClient
from pcare_bridge.profiles import satusehat

CLOCK_LIMIT = 60  # seconds; the service's own limit is not published
PAGE, MAX_PAGES = 100, 10

# Words of the service, in lower case, and what they mean for whoever must repair it.
_MEANINGS = [
    ("timestamp", "Jam server ini ditolak. Samakan jam dengan NTP."),
    ("cons", "Cons-id tidak dikenal. Cocokkan dengan surat kredensial dari BPJS Kesehatan."),
    ("signature", "Tanda tangan ditolak: kunci rahasia salah. Ketik ulang kunci rahasia fasilitas."),
    ("user key", "User key ditolak. Setiap layanan punya user key sendiri; pakai yang untuk PCare."),
    ("user_key", "User key tidak sampai. Periksa perantara (proxy) yang membuang header bergaris bawah."),
    ("kode aplikasi", "Kode aplikasi (kdAplikasi) ditolak. Biasanya 095."),
    ("password", "Kata sandi akun PCare salah atau kedaluwarsa. Ganti di PCare, lalu di halaman Akun."),
    ("username", "Nama akun PCare tidak dikenal."),
    ("authorization", "Akun ditolak: periksa nama akun, kata sandi, dan kode aplikasi."),
]


@dataclass(frozen=True)
class Finding:
    """One check, whether it passed, and what it means in words."""

    name: str
    ok: bool
    text: str


@dataclass(frozen=True)
class Codes:
    """What one account means to send; an empty text is a code nobody has filled in."""

    clinic: str | None = None
    """None where no visit is sent."""
    practitioner: str = ""
    diagnoses: tuple[str, ...] = field(default=())


def probe(base_url: str, credentials: Credentials, codes: Codes, *, clock_shift: float = 0.0) -> list[Finding]:
    """Check an address with one account and the codes it would send.

    Stops at the first check that makes the others pointless. `clock_shift` (seconds) is for trying a wrong clock.
    """
    with PCareClient(base_url, credentials, conf.options(), clock=lambda: time.time() + clock_shift) as client:
        try:
            reply = client.get(PROBE, start=0, limit=PAGE)
        except Unreachable as error:
            return [Finding("sambungan", False, _unreachable(error.kind, base_url))]
        found = [Finding("sambungan", True, f"{base_url} menjawab (HTTP {reply.http_status}).")]
        found += [_clock(client.calls[-1].clock_difference), _account(reply)]
        if found[-1].ok:
            found += _codes(client, codes)
        return found


def probe_satusehat(client: FhirClient, practitioner_nik: str) -> list[Finding]:
    """Check SATUSEHAT with one client pair: token, clock, and whether it knows the vaccinator."""
    name = "satusehat"
    try:
        refused = satusehat.classify(client.renew_token())
        if refused is None:
            found = [Finding(name, True, "SATUSEHAT memberi token untuk organisasi ini.")]
            found.append(_clock(client.calls[-1].clock_difference, "jam satusehat"))
            reply = client.search("Practitioner", identifier=f"{satusehat.NIK}|{practitioner_nik}")
            return [*found, _vaccinator(reply)]
    except Unreachable as error:
        address = client.base_url if client.new_token[0] else client.oauth_url
        return [Finding(name, False, _unreachable(error.kind, address))]
    named = refused.about("SATUSEHAT")
    return [Finding(name, False, f"{named.sentence} {named.todo}")]


def _vaccinator(reply: Reply) -> Finding:
    name, error = "vaksinator satusehat", satusehat.classify(reply)
    if error is not None:
        named = error.about("SATUSEHAT")
        return Finding(name, False, f"{named.sentence} {named.todo}")
    known = bool(isinstance(reply.payload, dict) and reply.payload.get("entry"))
    text = "dikenal." if known else "tidak dikenal. Betulkan NIK vaksinator pada akun SATUSEHAT fasilitas."
    return Finding(name, known, f"NIK vaksinator {text}")


def _unreachable(kind: str, address: str) -> str:
    if kind in ("InvalidURL", "UnsupportedProtocol", "LocalProtocolError"):
        return f"“{address}” bukan alamat layanan. Tulis lengkap, mulai dengan https://."
    if "Connect" in kind:
        return f"{address} tidak dapat dihubungi ({kind}). Periksa alamat, DNS, firewall, dan sertifikat TLS."
    return f"{address} tidak menjawab pada waktunya ({kind}). Coba lagi; bila tetap, layanan sedang terganggu."


def _clock(difference: int | None, name: str = "jam") -> Finding:
    if difference is None:
        return Finding(name, True, "Layanan tidak menyebut jamnya; selisih tidak dapat diukur.")
    text = f"Jam layanan berselisih {difference} detik dari jam server ini."
    if abs(difference) > CLOCK_LIMIT:
        return Finding(name, False, f"{text} Samakan jam server dengan NTP, karena tanda waktu yang meleset ditolak.")
    return Finding(name, True, text)


def _account(reply: Reply) -> Finding:
    error = classify(reply)
    if error is None:
        return Finding("akun", True, "Tanda tangan, user key, akun, dan sandi jawaban cocok.")
    if reply.unreadable in ("base64", "aes", "lzstring", "json"):
        return Finding("akun", False, "Jawaban tidak dapat dibuka: kunci rahasia salah atau jam server meleset.")
    if reply.unreadable:
        text = "Yang menjawab bukan PCare (halaman web, atau kosong). Periksa alamat dasar sampai nama layanannya."
        return Finding("akun", False, f"HTTP {reply.http_status}. {text}")
    speech = reply.text.lower()
    meaning = next((text for word, text in _MEANINGS if word in speech), error.todo)
    return Finding("akun", False, f"PCare menjawab {reply.code} “{reply.text}”. {meaning}")


def _codes(client: PCareClient, codes: Codes) -> list[Finding]:
    found = [_own(client, "kdDokter", "dokter/{start}/{limit}", "kode vaksinator", codes.practitioner)]
    if codes.clinic is None:
        return found
    found.append(_own(client, "kdPoli", PROBE, "kode poli", codes.clinic, _healthy))
    found += [_listed(client, "kdDiag", "diagnosa/{text}/0/10", "kode diagnosis", code) for code in codes.diagnoses]
    # Codes that every visit carries, the same for all facilities: assumed, so they are asked after as well.
    found.append(_listed(client, "kdSadar", "kesadaran", "kode kesadaran", conf.AWARENESS))
    found.append(
        _listed(client, "kdStatusPulang", "statuspulang/rawatInap/false", "kode status pulang", conf.DISCHARGE)
    )
    found.append(_listed(client, "kdPrognosa", "prognosa", "kode prognosis", conf.PROGNOSIS))
    found += [
        _listed(client, "kdAlergi", f"alergi/jenis/{kind}", f"kode alergi {words}", conf.NO_ALLERGY)
        for kind, words in (("01", "makanan"), ("02", "udara"), ("03", "obat"))
    ]
    return found


def _healthy(row: dict[str, Any]) -> str:
    """Why a clinic is no place for a healthy visit, or an empty text."""
    return "poli ini untuk kunjungan sakit; pilih yang poliSakit-nya false" if row.get("poliSakit") else ""


def _own(
    client: PCareClient,
    name: str,
    path: str,
    label: str,
    code: str,
    unfit: Callable[[dict[str, Any]], str] = lambda row: "",
) -> Finding:
    """Whether a code of the account stands in the facility's own list."""
    if not code:
        return Finding(name, False, f"{label} belum diisi di halaman Akun.")
    listed, trouble = _read(partial(client.get, path))
    if trouble:
        return Finding(name, False, f"{label} tidak dapat diperiksa: {trouble}")
    for row in listed:
        if str(row.get(name)) == code:
            return Finding(name, not unfit(row), f"{label} {code}: {unfit(row) or 'dikenal'}.")
    some = ", ".join(str(row.get(name)) for row in listed if not unfit(row)) or "tidak ada"
    return Finding(name, False, f"{label} {code} tidak ada pada daftar fasilitas ini. Yang ada: {some[:120]}.")


def _listed(client: PCareClient, name: str, path: str, label: str, code: str) -> Finding:
    """Whether a code that PCare gives out for everybody exists there."""
    listed, trouble = _read(lambda **page: client.get(path, **(page | {"text": code})), one_page=True)
    if trouble:
        return Finding(name, False, f"{label} {code} tidak dapat diperiksa: {trouble}")
    known = any(str(row.get(name)) == code for row in listed)
    text = "dikenal" if known else "tidak dikenal; tanyakan kode penggantinya kepada kantor cabang BPJS Kesehatan"
    return Finding(name, known, f"{label} {code} {text}.")


def _read(get: Callable[..., Reply], *, one_page: bool = False) -> tuple[list[dict[str, Any]], str]:
    """All items of a list read, or why they are not to be had."""
    found: list[dict[str, Any]] = []
    for page in range(1 if one_page else MAX_PAGES):
        try:
            reply = get(start=page * PAGE, limit=PAGE)
        except Unreachable as error:
            return [], f"tidak ada jawaban ({error.kind})."
        error_class = classify(reply)
        if error_class is not None and not reply.not_found:
            return [], f"{error_class.sentence} {reply.text}"
        items = rows(reply.payload)
        found += items
        if len(items) < PAGE:
            break
    return found, ""
