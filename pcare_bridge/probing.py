"""Is this address ours to speak to? Clock, signature, account and codes, each checked alone and explained."""

import time
from dataclasses import dataclass

from pcare_bridge import conf
from pcare_bridge.channels import PROBE
from pcare_bridge.client import Credentials, PCareClient, Unreachable
from pcare_bridge.envelope import Reply, rows
from pcare_bridge.errors import classify

CLOCK_LIMIT = 60  # seconds; the service's own limit is not published
CATALOGUES = {
    "kdPoli": ("poli/fktp/{start}/{limit}", "kode poli"),
    "kdDokter": ("dokter/{start}/{limit}", "kode vaksinator"),
}

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


def probe(base_url: str, credentials: Credentials, codes: dict[str, str], *, clock_shift: float = 0.0) -> list[Finding]:
    """Check an address with one account; `codes` are kdPoli, kdDokter and diagnoses to be known there.

    Stops at the first check that makes the others pointless. `clock_shift` (seconds) is for trying a wrong clock.
    """
    with PCareClient(base_url, credentials, conf.options(), clock=lambda: time.time() + clock_shift) as client:
        try:
            reply = client.get(PROBE, start=0, limit=100)
        except Unreachable as error:
            return [Finding("sambungan", False, _unreachable(error.kind, base_url))]
        found = [Finding("sambungan", True, f"{base_url} menjawab (HTTP {reply.http_status}).")]
        difference = client.calls[-1].clock_difference
        found.append(_clock(difference))
        found.append(_account(reply))
        if not found[-1].ok:
            return found
        found += [_code(client, name, codes[name]) for name in CATALOGUES if codes.get(name)]
        found += [_diagnosis(client, code) for code in codes.get("diagnosa", "").split() if code]
    return found


def _unreachable(kind: str, base_url: str) -> str:
    if "Connect" in kind:
        return f"{base_url} tidak dapat dihubungi ({kind}). Periksa alamat, DNS, firewall, dan sertifikat TLS."
    return f"{base_url} tidak menjawab pada waktunya ({kind}). Coba lagi; bila tetap, PCare sedang terganggu."


def _clock(difference: int | None) -> Finding:
    if difference is None:
        return Finding("jam", True, "Layanan tidak menyebut jamnya; selisih tidak dapat diukur.")
    text = f"Jam layanan berselisih {difference} detik dari jam server ini."
    if abs(difference) > CLOCK_LIMIT:
        return Finding("jam", False, f"{text} Samakan jam server dengan NTP, karena tanda waktu yang meleset ditolak.")
    return Finding("jam", True, text)


def _account(reply: Reply) -> Finding:
    error = classify(reply)
    if error is None:
        return Finding("akun", True, "Tanda tangan, user key, akun, dan sandi jawaban cocok.")
    if reply.unreadable in ("base64", "aes", "lzstring", "json"):
        return Finding("akun", False, "Jawaban tidak dapat dibuka: kunci rahasia salah atau jam server meleset.")
    speech = reply.text.lower()
    meaning = next((text for word, text in _MEANINGS if word in speech), error.todo)
    return Finding("akun", False, f"PCare menjawab {reply.code} “{reply.text}”. {meaning}")


def _code(client: PCareClient, name: str, code: str) -> Finding:
    path, label = CATALOGUES[name]
    try:
        reply = client.get(path, start=0, limit=100)
    except Unreachable as error:
        return Finding(name, False, f"{label} tidak dapat dibaca ({error.kind}).")
    known = [str(row.get(name)) for row in rows(reply.payload)]
    if code in known:
        return Finding(name, True, f"{label} {code} dikenal.")
    some = ", ".join(known[:8]) or "tidak ada"
    return Finding(name, False, f"{label} {code} tidak ada pada daftar fasilitas ini. Yang ada: {some}.")


def _diagnosis(client: PCareClient, code: str) -> Finding:
    try:
        reply = client.get("diagnosa/{text}/{start}/{limit}", text=code, start=0, limit=10)
    except Unreachable as error:
        return Finding("kdDiag", False, f"kode diagnosis {code} tidak dapat dibaca ({error.kind}).")
    known = any(row.get("kdDiag") == code for row in rows(reply.payload))
    text = "dikenal" if known else "tidak dikenal; tanyakan kode penggantinya kepada kantor cabang BPJS Kesehatan"
    return Finding("kdDiag", known, f"kode diagnosis {code} {text}.")
