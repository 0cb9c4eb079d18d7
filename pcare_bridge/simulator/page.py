"""The simulator's own small page: is it on, what arrived, and a switch to turn it off and on."""

from datetime import datetime
from html import escape
from typing import Any

from pcare_bridge.simulator.service import Arrival, Service, mask
from pcare_bridge.simulator.vaccination import WIB

OUTCOMES = {"answered": "dijawab", "outage": "diputus: PCare mati"}

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:0;color:#16202a;background:#f4f6f8}
main{max-width:76rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.15rem;margin:1.5rem 0 .5rem}
.state{padding:1rem;border-left:.5rem solid #1a7f4b;background:#fff}.state.off{border-color:#b3261e}
button{font:inherit;min-height:44px;padding:.4rem 1.2rem;border:0;border-radius:.3rem;background:#b3261e;color:#fff}
button.on{background:#14663c}button:focus-visible{outline:3px solid #ffbf47;outline-offset:2px}
.wrap{overflow-x:auto;background:#fff}table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #dde3e8;white-space:nowrap}
"""


def render(service: Service) -> str:
    """The whole page as HTML."""
    dark = service.weather.is_dark
    with service.registry.lock:
        tables = {name: list(rows.values()) for name, rows in service.registry.tables.items()}
    records = [mask(row) for row in tables["vaksinasi"][-50:]]
    total = len(tables["vaksinasi"])
    visits, doses = tables["kunjungan"], tables["Immunization"]
    state = "MATI: setiap permintaan diputus tanpa jawaban." if dark else "NYALA: menjawab seperti biasa."
    button = "Nyalakan" if dark else "Matikan"
    faults = service.weather.describe()["faults"]
    items = "".join(f"<li>{escape(_fault(fault))}</li>" for fault in faults)
    trouble = f"<p>Gangguan yang aktif:</p><ul>{items}</ul>" if faults else ""
    return f"""<!DOCTYPE html>
<html lang="id"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5"><title>Simulator PCare</title><style>{STYLE}</style></head>
<body><main><h1>Simulator PCare</h1>
<p>Pengganti layanan PCare untuk percobaan. Bukan layanan BPJS Kesehatan.</p>
<div class="state{" off" if dark else ""}"><p><strong>{state}</strong></p>{trouble}
<form method="post" action="/__control__/power">
<input type="hidden" name="token" value="{escape(service.token)}">
<input type="hidden" name="on" value="{"1" if dark else "0"}">
<button class="{"on" if dark else "off"}">{button} PCare</button></form></div>
<h2>Vaksinasi yang diterima: {total}</h2>{_records(records)}
<h2>Kunjungan yang diterima: {len(visits)}</h2>{_visits([mask(row) for row in visits[-50:]])}
<h2>SATUSEHAT, Immunization yang diterima: {len(doses)}</h2>{_immunizations(doses[-50:])}
<h2>Permintaan terakhir (dari {service.total})</h2>{_arrivals(list(service.arrivals)[-20:])}
<p>Halaman ini memuat ulang setiap 5 detik.</p></main></body></html>"""


def _fault(fault: dict[str, Any]) -> str:
    """One fault in a line: what, to which requests, how often."""
    where = " ".join(part for part in (fault["method"], fault["path"]) if part)
    often = [
        f"{fault['times']} kali lagi" if fault["times"] is not None else "",
        f"setiap permintaan ke-{fault['every']}" if fault["every"] else "",
        f"peluang {fault['probability']}" if fault["probability"] is not None else "",
    ]
    return ", ".join(part for part in (fault["kind"], where, *often) if part)


def _records(records: list[dict[str, Any]]) -> str:
    rows = [
        [
            str(row["nama"]),
            f"{row['nmVaksin']} dosis {row['dosisKe']}",
            str(row["tglVaksin"]),
            str(row["noBatch"]),
            str(row["nik"]),
            str(row["kdProviderPelayanan"]),
            ", ".join(row["kipi"]["gejala"]) if (row.get("kipi") or {}).get("ada") else "",
            str(row["noVaksinasi"]),
        ]
        for row in reversed(records)
    ]
    return _table(["Nama", "Vaksin", "Tanggal", "Batch", "NIK", "Fasilitas", "KIPI", "Nomor"], rows)


def _visits(visits: list[dict[str, Any]]) -> str:
    names = ("anamnesa", "tglDaftar", "kdPoli", "kdDiag1", "noKartu", "kdProvider", "noKunjungan")
    rows = [[str(row.get(name) or "") for name in names] for row in reversed(visits)]
    return _table(["Isi", "Tanggal", "Poli", "Diagnosis", "Kartu", "Fasilitas", "Nomor"], rows)


def _immunizations(doses: list[dict[str, Any]]) -> str:
    rows = [
        [
            str(row["occurrenceDateTime"]),
            str(row["status"]),
            str(row["vaccineCode"]["coding"][0]["code"]),
            str(row["lotNumber"]),
            str(row["patient"]["reference"]),
            str(len(row.get("reaction") or []) or ""),
            str(row["id"]),
        ]
        for row in reversed(doses)
    ]
    return _table(["Waktu", "Status", "KFA", "Batch", "Pasien", "KIPI", "Id"], rows)


def _arrivals(arrivals: list[Arrival]) -> str:
    rows = [
        [
            f"{datetime.fromtimestamp(item.at, WIB):%H:%M:%S}",
            item.method,
            item.path,
            "" if item.code is None else str(item.code),
            OUTCOMES.get(item.outcome, item.outcome),
        ]
        for item in reversed(arrivals)
    ]
    return _table(["Waktu (WIB)", "Cara", "Alamat", "Kode", "Hasil"], rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return "<p>Belum ada.</p>"
    cells = "".join(f"<th scope='col'>{escape(name)}</th>" for name in head)
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class='wrap' tabindex='0'><table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table></div>"
