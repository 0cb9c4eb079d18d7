"""Certificates: signing and checking beside the bare signature, pictures, pages, the first click, and all at once.

Rates of work that stays in one process are of its processor time, in short turns with the bare operation of
`cryptography`; what other programs do then weighs on neither.
"""

import itertools
import os
import statistics
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

import segno
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.utils import timezone

from bench import load, people
from bench.bookings import cookies
from bench.client import Answer
from bench.people import DOSE, PROGRAMME, VACCINE, query
from bench.production import HOST
from bench.result import Figure, Scale, against, alternate
from bench.stack import Stack

CORES = os.cpu_count() or 1
SIGN, CHECK = "bare ECDSA sign", "bare ECDSA verify"
DATA = bytes(380)  # about what a code signs
# The same facts and codes on the same pages without any layout: what typst costs anyhow.
PLAIN = """
#let data = json(bytes(sys.inputs.data))
#set document(title: "Certificate")
#set text(lang: "id")
#let code(svg, width) = image(bytes(svg), format: "svg", width: width, alt: "code")
#let lines(rows) = for row in rows [#row.id / _#row.en;_: *#row.value* \\ ]
#set page(paper: "a4")
#lines(data.rows)
#code(data.hc1_svg, 56mm) #code(data.shc_svg, 56mm)
#set page(width: 85.6mm, height: 54mm, margin: 3.5mm)
#set text(size: 7pt)
#let side(svg) = grid(columns: (1fr, 42mm), lines(data.card), code(svg, 39.5mm))
#side(data.hc1_svg)
#pagebreak()
#side(data.shc_svg)
"""


def run(stack: Stack, scale: Scale) -> list[Figure]:
    """Codes and pages in this process, the click through gunicorn, then the bulk on every core."""
    from certificates import authority

    authority.ensure()
    codes = Codes(scale)
    return [*codes.figures(), pictures(codes, scale), *page(stack, codes, scale), click(stack, scale), bulk(scale)]


def facts(number: int) -> Any:
    """A dose of a person of this number."""
    from certificates.facts import DoseFacts

    return DoseFacts(
        name=f"Suparti Uji {number}", birth_date=date(1950, 1, 1) + timedelta(days=number % 9000),
        vaccine_code=VACCINE, vaccine_name="AstraZeneca", manufacturer="AstraZeneca AB", disease="COVID-19",
        dose_number=1, series_doses=2, occurred_on=timezone.localdate(), facility_name="Puskesmas Pandanaran",
        lot_number=f"BENCH{number % 50}", dose_label="Dosis 1",
    )  # fmt: skip


class Codes:
    """Doses of people who all have different names, and their codes."""

    def __init__(self, scale: Scale) -> None:
        from certificates import keys

        self.turn = scale.pick(50, 5)  # operations
        self.rounds = scale.pick(240, 3)  # a dozen seconds: for a few of them a host may give its caches to others
        self.now = timezone.now()
        self.cards, self.eu = keys.signer("shc"), keys.signer("dcc")
        self.signers = {"shc": self.cards, "dcc": self.eu}
        from certificates import uvci

        # The clock runs from the facts of a dose to the text of its code, and more people come than `person_name` keeps
        # in mind: as of half a million, each name is taken apart.
        self.cases = itertools.cycle([(facts(number), uvci.new_uvci()) for number in range(scale.pick(5_000, 20))])
        self.wrong = 0
        private = ec.generate_private_key(ec.SECP256R1())
        public, algorithm = private.public_key(), ec.ECDSA(hashes.SHA256())
        signature = private.sign(DATA, algorithm)
        self.sign: Callable[[], Any] = lambda: private.sign(DATA, algorithm)
        self.verify: Callable[[], Any] = lambda: public.verify(signature, DATA, algorithm)

    def hc1(self) -> str:
        """One EU code, from the facts to the text."""
        from certificates import dcc, hcert

        case, number = next(self.cases)
        payload = {hcert.EU_DCC: dcc.build(case, number)}
        until = self.now + timedelta(days=365)
        key = self.eu
        return hcert.issue(payload, kid=key.kid_bytes, sign=key.sign, issued_at=self.now, expires_at=until).text

    def shc(self) -> str:
        """One health card, from the facts to the JWS."""
        from certificates import shc

        key, (case, number) = self.cards, next(self.cases)
        return shc.issue(case, issuer_url=key.iss, kid=key.kid, uvci=number, sign=key.sign, issued_at=self.now).text

    def both(self) -> Any:
        """Both codes of one certificate as they are issued, without a database."""
        from certificates import services

        return services.make_codes(*next(self.cases), self.now, signer=self.signers.__getitem__)

    def rate(self, work: Callable[[], Any]) -> float:
        """How often a second of processor time."""
        begun = time.process_time()
        for _ in range(self.turn):
            work()
        return self.turn / (time.process_time() - begun)

    def figures(self) -> list[Figure]:
        """Issue and verify of both formats beside the bare operation."""
        from certificates import keys
        from certificates.verifying import hcert, shc

        ring, later = keys.own_keys(), self.now + timedelta(seconds=1)
        texts = {name: itertools.cycle([make() for _ in range(20)]) for name, make in self.makers()}

        def check(name: str, reader: Any) -> Callable[[], None]:
            def one() -> None:
                self.wrong += reader.verify(next(texts[name]), ring, now=later).verdict != "valid"

            return one

        measures = {
            "sign": self.sign, "issue_hc1": self.hc1, "issue_shc": self.shc,
            "verify": self.verify, "verify_hc1": check("hc1", hcert), "verify_shc": check("shc", shc),
        }  # fmt: skip
        timed: dict[str, Callable[[], float]] = {name: partial(self.rate, work) for name, work in measures.items()}
        found = alternate(timed, self.rounds)
        lines = (
            ("issue_hc1", "issue an HC1 code", "sign", SIGN, 0.3, None),
            ("issue_shc", "issue a SMART Health Card", "sign", SIGN, 0.3, None),
            ("verify_hc1", "verify an HC1 code", "verify", CHECK, 0.4, None),
            ("verify_shc", "verify a SMART Health Card", "verify", CHECK, 0.4, None),
        )
        return [
            against(
                f"certificate_{key}", what, found[key], found[limit], limit_is, asked=asked, aim=aim, wrong=self.wrong
            )
            for key, what, limit, limit_is, asked, aim in lines
        ]

    def makers(self) -> Sequence[tuple[str, Callable[[], str]]]:
        """Name of each code and what makes one."""
        return ("hc1", self.hc1), ("shc", self.shc)

    def certificate(self) -> Any:
        """A certificate with its pictures, as the citizen's page keeps it; not in the database."""
        from certificates import keys, qr, services
        from certificates.models import Certificate

        case, number = next(self.cases)
        made = services.make_codes(case, number, self.now, signer=keys.signer)
        certificate = Certificate(
            uvci=number, hc1=made.hc1.text if made.hc1 else "", shc=made.shc.text, issued_at=self.now,
            expires_at=made.expires_at, facts=services.facts_as_json(case),
        )  # fmt: skip
        certificate.hc1_svg, certificate.shc_svg = qr.pictures(certificate)
        return certificate


def pictures(codes: Codes, scale: Scale) -> Figure:
    """QR code and SVG of a fresh HC1 text."""
    from certificates import qr

    texts = itertools.cycle([codes.hc1() for _ in range(scale.pick(40, 4))])

    def rate(make: Callable[[str], Any]) -> float:
        begun = time.process_time()
        for _ in range(4):
            qr.svg(make(next(texts)))
        return 4 / (time.process_time() - begun)

    def automatic(text: str) -> segno.QRCode:
        return segno.make(text, mode="alphanumeric", error="q", boost_error=False, micro=False)

    found = alternate({"limit": lambda: rate(automatic), "ours": lambda: rate(qr.hc1_code)}, scale.pick(9, 1))
    return against(
        "certificate_qr", "QR code of an HC1 as SVG", found["ours"], found["limit"], "the library left to itself",
        asked=1.0, aim=2.0,
    )  # fmt: skip


def page(stack: Stack, codes: Codes, scale: Scale) -> list[Figure]:
    """Median milliseconds of the PDF of one certificate beside the plainest one, both with a compiler that is kept.

    The plain page draws the codes as the SVG they are kept as. Beside it, not judged: drawn from pixels as ours are.
    """
    import json

    import typst

    from certificates import pdf, qr

    source = stack.folder / "plain.typ"
    source.write_text(PLAIN)
    compiler = typst.Compiler(str(source), root=str(stack.folder), ignore_system_fonts=True)
    options: Any = {"pdf_standards": pdf.STANDARDS, "timestamp": int(codes.now.timestamp())}

    def plain(certificate: Any, picture: Callable[[str], str] = str) -> None:
        data = pdf.page_data(certificate)
        data |= {name: picture(data[name]) for name in ("hc1_svg", "shc_svg")}
        compiler.compile(format="pdf", sys_inputs={"data": json.dumps(data)}, **options)

    def milliseconds(make: Callable[[Any], Any]) -> float:
        certificate = codes.certificate()  # a new one: typst remembers pictures it has seen
        # Of all threads: typst sets pages and draws pictures on threads of its own.
        begun = time.process_time()
        make(certificate)
        return 1000 * (time.process_time() - begun)

    makers: dict[str, Callable[[Any], Any]] = {
        "plain": plain, "pixels": partial(plain, picture=qr.pixels), "ours": pdf.render,
    }  # fmt: skip
    timed: dict[str, Callable[[], float]] = {name: partial(milliseconds, make) for name, make in makers.items()}
    alternate(timed, 2)
    found = alternate(timed, scale.pick(40, 3))
    ours, limit, pixels = (statistics.median(found[name]) for name in ("ours", "plain", "pixels"))
    return [
        Figure(
            "certificate_page", "PDF of a certificate, A4 and two sides of a card", ours / limit, 1.3, 1.1, most=True,
            measured=ours, limit=limit, limit_is="typst, same facts and codes (SVG), no layout",
            unit="ms", details=found,
        ),
        Figure(
            "certificate_page_pixels", "the same (beside it)", ours / pixels, 0.0,
            measured=ours, limit=pixels, limit_is="the same with the codes as pixels", unit="ms",
        ),
    ]  # fmt: skip


def click(stack: Stack, scale: Scale) -> Figure:
    """Slowest second of all first looks at a new dose's certificate: signed, drawn and answered, without a worker."""
    count = scale.pick(40, 3)
    somebody = people.make_people(count)
    doses = make_doses([one.pk for one in somebody])
    requests = [
        load.get(f"/sertifikat/dosis/{dose}/", HOST, Cookie=cookies(one))
        for dose, one in zip(doses, somebody, strict=True)
    ]

    def label(answer: Answer) -> str:
        return "page" if answer.status == 200 and answer.body.count(b"<svg") >= 2 else f"other {answer.status}"

    load.run(stack.portal.address, load.each_once(requests[:1], 1), seconds=30, label=label, drain=1)
    tally = load.run(stack.portal.address, load.each_once(requests[1:], 1), seconds=30, label=label, drain=1)
    seconds = list(tally.latencies.get("page", ()))
    return Figure(
        "certificate_click", "first look at a certificate, slowest, s", max(seconds, default=0), 1.0, 0.2, most=True,
        details={"median": statistics.median(seconds or [0]), "other": count - 1 - len(seconds)},
    )  # fmt: skip


def bulk(scale: Scale) -> Figure:
    """Everything `manage.py issue_certificates` does, beside both codes signed by one process, times the cores."""
    from certificates import bulk as bulk_issue
    from certificates import services

    order, each, wrong = bulk_issue.Order(), scale.pick(40_000, 60), []
    codes = Codes(scale)
    # What other measures left behind.
    bulk_issue.issue_all(bulk_issue.plan(), bulk_issue.CREW, order, lambda _done: None)

    def single() -> float:
        begun, count = time.perf_counter(), scale.pick(4_000, 40)
        for _ in range(count):
            codes.both()
        return CORES * count / (time.perf_counter() - begun)

    def everything() -> float:
        first = people.make_many_citizens(each)
        make_doses(range(first, first + each))
        people.analyze()  # as autovacuum does within a minute; without it each batch's question walks over all doses
        begun = time.perf_counter()
        count = bulk_issue.issue_all(bulk_issue.plan(), bulk_issue.CREW, order, lambda _done: None)
        seconds = time.perf_counter() - begun
        if count != each or services.missing().exists():
            wrong.append(f"{count} of {each} issued")
        return each / seconds

    found = alternate({"single": single, "bulk": everything}, scale.rounds)
    return against(
        "certificate_bulk", f"certificates in bulk, {each:,} a round", found["bulk"], found["single"],
        f"both codes in one process × {CORES}", asked=0.5, aim=0.8, wrong=wrong,
    )  # fmt: skip


def make_doses(citizens: Sequence[int]) -> list[uuid.UUID]:
    """One dose given today for each of these people; their public ids in the same order."""
    rows = query(
        """INSERT INTO vaccination_immunization (uuid, client_uuid, citizen_id, programme_id, vaccine_id, dose_code,
               dose_number, status, status_reason, occurred_at, recorded_at, lot_number, expiration_date, facility_id,
               outside_facility, is_primary_source, report_origin, body_site, route, invalid_reasons, override_reason)
           SELECT gen_random_uuid(), gen_random_uuid(), citizen, %s, %s, %s, 1, 'completed', '', now(), now(), 'BENCH1',
               date '2099-12-31', (SELECT min(id) FROM regions_facility), '', true, '', 'LA', '', '{}', ''
           FROM unnest(%s::bigint[]) AS citizen RETURNING citizen_id, uuid""",
        [PROGRAMME, VACCINE, DOSE, list(citizens)],
    )
    found = dict(rows)
    return [found[citizen] for citizen in citizens]
