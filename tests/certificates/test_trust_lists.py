"""Foreign keys: read with the list's proof checked, compared, and believed only after a person's yes."""

import base64
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from certificates import authority, dcc, hcert, keys, uvci
from certificates.models import IssuerKey, SigningKey, TrustEdition, TrustList
from certificates.shc import b64url
from certificates.trust import importing
from certificates.trust.lists import csca, dsc, gdhcn
from certificates.trust.lists.entries import ListRefused
from certificates.trust.lists.proofs import ec_of_jwk, read_signer
from certificates.verifying import verify_text
from tests.certificates import lists, makers
from tests.certificates.test_hcert import FACTS
from tests.staff import make_staff, sign_in_staff

pytestmark = pytest.mark.django_db

KEY = ec.generate_private_key(ec.SECP256R1())
DSC = lists.certificate(KEY)
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = lists.certificate(OTHER_KEY, "DSC Lain")


def code(key=KEY, cert=DSC, content=b""):
    """A code of Singapore's, signed now; of a vaccination unless it is given another content."""
    now = timezone.now()
    return hcert.issue(
        {hcert.EU_DCC: content or dcc.build(FACTS, uvci.new_uvci())},
        kid=lists.kid(cert),
        sign=lambda data: hcert.sign_es256(key, data),
        issued_at=now - timedelta(minutes=1),
        expires_at=now + timedelta(days=10),
        issuer="SG",
    ).text


def a_list(kind="gdhcn", **fields):
    signer = lists.public_pem(lists.SIGNER) if kind == "gdhcn" else ""
    fields = {"name": f"Uji {kind}", "signer": signer, "formats": list(importing.FORMATS[kind]), **fields}
    return TrustList.objects.create(kind=kind, **fields)


def take(trust_list, data):
    return importing.take(trust_list, data, origin="uji.json")


def test_the_list_indonesia_stands_on_verifies_with_the_key_who_published():
    """A real list of the WHO's development network (21 June 2025) and the public key of its signer."""
    folder = Path(__file__).parent / "data"
    signer = ec_of_jwk(json.loads((folder / "who-dev-signer.jwk.json").read_text()))
    data = (folder / "who-dev-idn.did.json").read_bytes()
    with pytest.raises(ListRefused, match="Tidak ada satu pun kunci"):  # the proof holds; it names an authority only
        gdhcn.read(data, signer, importing.FORMATS["gdhcn"])
    with pytest.raises(ListRefused, match="tidak cocok"):
        gdhcn.read(data.replace(b":IDN:SCA#", b":IDN:DSC#"), signer, importing.FORMATS["gdhcn"])
    with pytest.raises(ListRefused, match="tidak cocok"):
        gdhcn.read(data, lists.SIGNER.public_key(), importing.FORMATS["gdhcn"])


def test_nothing_counts_by_being_on_a_list_only_by_a_persons_yes():
    text, trust_list = code(), a_list()
    assert verify_text(text).verdict == "unknown-key"
    edition = take(trust_list, lists.did_json([lists.method(DSC)]))
    assert (edition.status, len(edition.diff["added"]), edition.diff["removed"]) == ("pending", 1, [])
    assert edition.proof == lists.PROOF
    assert verify_text(text).verdict == "unknown-key"
    importing.confirm(edition.pk, by=None)
    found = verify_text(text)
    assert (found.verdict, found.trust, found.list_name) == ("valid", "international", "Uji gdhcn")
    assert "SGP" in found.issuer
    assert "revocation-not-checked" in found.notes


def test_discarded_copy_changes_nothing_and_is_decided_for_good():
    edition = take(a_list(), lists.did_json([lists.method(DSC)]))
    importing.discard(edition.pk, by=None)
    assert IssuerKey.objects.count() == 0
    with pytest.raises(ValidationError, match="sudah diputuskan"):
        importing.confirm(edition.pk, by=None)


def test_key_that_a_later_edition_leaves_out_stops_counting():
    trust_list, text = a_list(), code()
    importing.confirm(take(trust_list, lists.did_json([lists.method(DSC), lists.method(OTHER)])).pk, by=None)
    assert verify_text(text).verdict == "valid"
    edition = take(trust_list, lists.did_json([lists.method(OTHER)]))
    assert (edition.diff["added"], len(edition.diff["removed"]), edition.diff["kept"]) == ([], 1, 1)
    importing.confirm(edition.pk, by=None)
    assert verify_text(text).verdict == "unknown-key"
    assert verify_text(code(OTHER_KEY, OTHER)).verdict == "valid"
    assert IssuerKey.objects.exclude(withdrawn_at=None).count() == 1


def test_list_replayed_from_the_past_is_refused():
    trust_list = a_list()
    importing.confirm(take(trust_list, lists.did_json([lists.method(DSC)])).pk, by=None)
    old = lists.did_json([lists.method(OTHER)], created=datetime.now(UTC) - timedelta(days=30))
    with pytest.raises(ValidationError, match="lebih tua"):
        take(trust_list, old)


def test_what_was_shown_is_what_is_done():
    trust_list = a_list()
    edition = take(trust_list, lists.did_json([lists.method(DSC)]))
    TrustEdition.objects.filter(pk=edition.pk).update(status="confirmed", decided_at=timezone.now())
    importing.confirm(take(trust_list, lists.did_json([lists.method(OTHER)])).pk, by=None)
    TrustEdition.objects.filter(pk=edition.pk).update(status="pending", decided_at=None)
    with pytest.raises(ValidationError, match="berubah sejak ditampilkan"):
        importing.confirm(edition.pk, by=None)


def test_list_that_is_not_used_any_more_counts_for_nothing():
    trust_list, text = a_list(), code()
    importing.confirm(take(trust_list, lists.did_json([lists.method(DSC)])).pk, by=None)
    TrustList.objects.update(is_active=False)
    assert verify_text(text).verdict == "unknown-key"


def _add_key(document):
    document["verificationMethod"].append(lists.method(OTHER))


def _add_field(document):
    document["verificationMethod"][0]["revoked"] = "2020-01-01"


def _change_usage(document):
    method = document["verificationMethod"][0]
    method["id"] = method["id"].replace(":DCC:", ":DDCC:")


@pytest.mark.parametrize("spoil", [_add_key, _add_field, _change_usage])
def test_list_changed_after_signing_is_refused(spoil):
    with pytest.raises(ValidationError):
        take(a_list(), lists.did_json([lists.method(DSC)], spoil=spoil))
    assert TrustEdition.objects.count() == 0


def test_list_signed_by_another_key_or_without_a_pinned_signer_is_refused():
    data = lists.did_json([lists.method(DSC)], signer=OTHER_KEY)
    with pytest.raises(ValidationError, match="tidak cocok"):
        take(a_list(), data)
    with pytest.raises(ValidationError, match="isi kunci itu lebih dahulu"):
        take(a_list(name="Tanpa kunci", signer=""), data)


def test_trust_is_by_domain_participant_and_usage():
    methods = [
        lists.method(DSC, usage="SCA"),
        lists.method(OTHER, domain="IPS-PILGRIMAGE"),
        lists.method(lists.certificate(KEY, "DDCC"), domain="DDCC"),
    ]
    edition = take(a_list(), lists.did_json(methods))
    assert [entry["formats"] for entry in edition.entries] == [["ddcc-vs"]]
    assert sum(edition.left_out.values()) == 2
    importing.confirm(edition.pk, by=None)
    # The key of another domain signs an EU certificate: known, and not for this.
    found = verify_text(_code_with_kid_of(edition))
    assert found.verdict == "wrong-key-usage"
    assert found.facts == {}


def _code_with_kid_of(edition):
    now = timezone.now()
    return hcert.issue(
        {hcert.EU_DCC: dcc.build(FACTS, uvci.new_uvci())},
        kid=base64.b64decode(edition.entries[0]["kid"]),
        sign=lambda data: hcert.sign_es256(KEY, data),
        issued_at=now - timedelta(minutes=1),
        expires_at=now + timedelta(days=10),
    ).text


def test_key_of_two_domains_serves_both():
    edition = take(a_list(), lists.did_json([lists.method(DSC, domain="DDCC"), lists.method(DSC)]))
    assert [entry["formats"] for entry in edition.entries] == [["ddcc-vs", "eu-dcc"]]
    importing.confirm(edition.pk, by=None)
    assert verify_text(code()).verdict == "valid"


def test_key_on_two_lists_is_asked_by_the_entry_that_allows_the_format():
    importing.confirm(take(a_list(), lists.did_json([lists.method(DSC, domain="DDCC")])).pk, by=None)
    assert verify_text(code()).verdict == "wrong-key-usage"
    importing.confirm(take(a_list("dsc"), lists.dsc_json(DSC)).pk, by=None, compared=True)
    assert (verify_text(code()).verdict, verify_text(code()).list_name) == ("valid", "Uji dsc")


def test_certificate_about_another_key_than_the_list_says_is_left_out():
    swapped = lists.method(DSC) | {"publicKeyJwk": lists.method(DSC)["publicKeyJwk"] | _point(OTHER)}
    edition = take(a_list(), lists.did_json([swapped, lists.method(OTHER)]))
    assert len(edition.entries) == 1
    assert edition.left_out == {"kunci tidak terbaca": 1}


def _point(cert):
    jwk = lists.method(cert)["publicKeyJwk"]
    return {"x": jwk["x"], "y": jwk["y"]}


def test_unsigned_list_needs_the_person_to_have_compared_its_fingerprint():
    edition = take(a_list("dsc"), lists.dsc_json(DSC))
    assert edition.proof == ""
    with pytest.raises(ValidationError, match="bandingkan"):
        importing.confirm(edition.pk, by=None)
    importing.confirm(edition.pk, by=None, compared=True)
    assert verify_text(code()).verdict == "valid"


def test_national_list_is_named_as_such_and_its_signature_is_checked():
    national = a_list("dsc", scope="national", signer=lists.public_pem(lists.SIGNER))
    with pytest.raises(ValidationError, match="tidak bertanda tangan"):
        take(national, lists.dsc_json(DSC))
    signed = lists.dsc_json(DSC, signer=lists.SIGNER)
    with pytest.raises(ValidationError, match="tidak cocok"):
        take(national, signed.replace(b'"SG"', b'"ID"'))
    importing.confirm(take(national, signed).pk, by=None)
    assert verify_text(code()).trust == "national"


def test_own_key_that_stands_on_a_list_too_says_so():
    authority.ensure()
    own = SigningKey.objects.get(purpose="dcc")
    signer = keys.signer("dcc")
    now = timezone.now()
    text = hcert.issue(
        {hcert.EU_DCC: dcc.build(FACTS, uvci.new_uvci())},
        kid=signer.kid_bytes, sign=signer.sign, issued_at=now, expires_at=now + timedelta(days=1),
    ).text  # fmt: skip
    assert (verify_text(text).trust, verify_text(text).list_name) == ("own", "")
    edition = take(a_list("dsc"), own.certificate_pem.encode())
    importing.confirm(edition.pk, by=None, compared=True)
    assert (verify_text(text).trust, verify_text(text).list_name) == ("own", "Uji dsc")


def test_health_card_key_counts_only_for_the_address_it_was_published_under(shared_dir):
    data = shared_dir / "certificates/testdata"
    published = json.loads((data / "shc/issuer-jwks.json").read_text())
    card = (data / "shc/valid/example-00-e-file.smart-health-card").read_text()
    iss = "https://smarthealth.cards/examples/issuer"
    for name, address, verdict in (("Palsu", "https://palsu.example", "unknown-key"), ("Benar", iss, "valid")):
        snapshot = {"issuerInfo": [{"issuer": {"iss": address, "name": name}, "keys": published["keys"]}]}
        edition = take(a_list("shc", name=name), json.dumps(snapshot).encode())
        importing.confirm(edition.pk, by=None, compared=True)
        assert verify_text(card).verdict == verdict
    bare = a_list("shc", name="Tanpa alamat")
    with pytest.raises(ValidationError, match="Isi alamat penerbit"):
        take(bare, json.dumps(published).encode())
    with pytest.raises(ValidationError, match="hanya menyebut penerbit"):
        take(bare, b'{"participating_issuers": [{"iss": "https://a.example", "name": "A"}]}')


def test_authorities_and_divoc_keys_make_specimens_valid(shared_dir):
    data = shared_dir / "certificates/testdata"
    public = json.loads((data / "public-keys.json").read_text())
    seals = [(data / f"vdsnc/{name}-specimen.json").read_text() for name in ("au", "jp")]
    india = (data / "divoc/india-specimen.b64.txt").read_text()
    before = [verify_text(text) for text in (*seals, india)]
    assert [found.verdict for found in before] == ["unknown-key"] * 3
    assert [found.trust for found in before] == ["unlisted", "unlisted", ""]
    assert not any(found.facts for found in before)
    pem = "\n".join(public["vdsnc"].values()).encode()
    importing.confirm(take(a_list("csca"), pem).pk, by=None, compared=True)
    importing.confirm(take(a_list("divoc"), json.dumps(public["divoc"]).encode()).pk, by=None, compared=True)
    after = [verify_text(text) for text in (*seals, india)]
    assert [(found.verdict, found.trust) for found in after] == [("valid", "international")] * 3
    assert after[0].facts["name"] == "CITIZEN JANE SUE"
    assert after[1].facts["doses_on_card"] == "3"


def test_document_signer_is_no_authority():
    named = lists.certificate(KEY, extensions=[x509.SubjectKeyIdentifier.from_public_key(KEY.public_key())])
    with pytest.raises(ListRefused, match="Tidak ada satu pun kunci"):
        csca.read(lists.der(named), None)
    with pytest.raises(ListRefused, match="Tidak ada satu pun kunci"):
        csca.read(lists.der(DSC), None)


def test_master_list_counts_only_under_the_signer_the_office_pinned():
    signer = lists.certificate(lists.SIGNER, "Penanda Tangan Master List", country="UT")
    data = lists.master_list([makers.CSCA, DSC], signer=(lists.SIGNER, signer))
    pinned = lists.SIGNER.public_key()
    reading = csca.read(data, pinned)
    assert [(entry.family, entry.issuer) for entry in reading.entries] == [("csca", "CSCA Uji, SG")]
    assert (reading.proof, reading.left_out) == ("CMS", {"bukan sertifikat otoritas": 1})
    with pytest.raises(ListRefused, match="isi sertifikat"):
        csca.read(data, None)
    with pytest.raises(ListRefused, match="tidak cocok"):
        csca.read(data, OTHER_KEY.public_key())
    changed = lists.master_list([makers.CSCA], signer=(lists.SIGNER, signer), spoil=lambda octets: octets[:-1] + b"x")
    with pytest.raises(ListRefused, match="tidak cocok"):
        csca.read(changed, pinned)
    # Somebody else's signature beside the pinned certificate proves nothing.
    with pytest.raises(ListRefused, match="tidak cocok"):
        csca.read(lists.master_list([makers.CSCA], signer=(OTHER_KEY, signer)), pinned)
    with pytest.raises(ListRefused, match="bukan master list"):
        csca.read(lists.master_list([makers.CSCA], signer=(lists.SIGNER, signer), content_type="data"), pinned)


def test_master_list_may_be_signed_below_the_pinned_authority():
    below = lists.certificate(OTHER_KEY, "Penanda Tangan", issuer=(makers.CSCA_KEY, makers.CSCA))
    data = lists.master_list([makers.CSCA], signer=(OTHER_KEY, below))
    assert csca.read(data, makers.CSCA_KEY.public_key()).proof == "CMS"
    forged = lists.certificate(OTHER_KEY, "Penanda Tangan", issuer=(lists.SIGNER, makers.CSCA))
    with pytest.raises(ListRefused, match="tidak cocok"):
        csca.read(lists.master_list([makers.CSCA], signer=(OTHER_KEY, forged)), makers.CSCA_KEY.public_key())


def test_signed_list_of_the_eu_is_checked():
    raw = base64.b64encode(lists.der(DSC)).decode()
    claims = {"iat": 1_790_000_000, "dsc_trust_list": {"SG": {"keys": [{"x5c": [raw]}]}}}
    signed = ".".join(b64url(json.dumps(part).encode()) for part in ({"alg": "ES256"}, claims))
    text = f"{signed}.{b64url(hcert.sign_es256(lists.SIGNER, signed.encode()))}".encode()
    reading = dsc.read(text, lists.SIGNER.public_key(), ["eu-dcc"])
    assert (len(reading.entries), reading.entries[0].country, reading.proof) == (1, "SG", "JWS ES256")
    for key in (OTHER_KEY.public_key(), None):
        with pytest.raises(ListRefused):
            dsc.read(text, key, ["eu-dcc"])


def test_empty_or_foreign_files_are_refused_for_every_kind():
    for kind in TrustList.Kind.values:
        trust_list = a_list(kind, name=f"Kosong {kind}")
        for data in (b"", b"{}", b"[]", b"null", b'{"certificates": []}', b"0\x03abc", b"eyJ.x.y", b"[" * 100_000):
            with pytest.raises(ValidationError):
                take(trust_list, data)
    assert TrustEdition.objects.count() == 0


def test_signer_that_cannot_be_read_is_refused():
    for text in ("{", "-----BEGIN CERTIFICATE-----\nxx\n-----END", "bukan kunci", '{"kty": "EC"}'):
        with pytest.raises(ListRefused):
            read_signer(text)


# --- the office's pages and the command ----------------------------------------------------------------------------


@pytest.fixture
def office(client):
    return sign_in_staff(client, make_staff("admin_dinkes", city=True))


def test_office_makes_a_list_brings_a_copy_sees_the_difference_and_confirms(office, tmp_path):
    made = office.post(
        reverse("trust:overview"),
        {"name": "WHO", "kind": "gdhcn", "scope": "international", "signer": lists.public_pem(lists.SIGNER)},
    )
    trust_list = TrustList.objects.get()
    assert made.headers["Location"] == reverse("trust:list", args=[trust_list.pk])
    path = tmp_path / "did.json"
    path.write_bytes(lists.did_json([lists.method(DSC)]))
    with path.open("rb") as file:
        answer = office.post(reverse("trust:list", args=[trust_list.pk]), {"berkas": file})
    edition = TrustEdition.objects.get()
    page = office.get(answer.headers["Location"]).content.decode()
    for shown in ("1 kunci baru, 0 hilang", "did.json", "sudah diperiksa dan cocok", "SGP", edition.digest[:8]):
        assert shown in page
    assert IssuerKey.objects.count() == 0
    office.post(reverse("trust:decide", args=[edition.pk]), {"putusan": "setuju"})
    edition.refresh_from_db()
    assert (edition.status, edition.decided_by is not None) == ("confirmed", True)
    assert verify_text(code()).verdict == "valid"
    empty = office.get(reverse("trust:overview")).content.decode()
    assert "Pilih jenis" in empty and "-----" not in empty
    office.post(reverse("trust:switch", args=[trust_list.pk]))
    assert verify_text(code()).verdict == "unknown-key"


def test_a_list_out_of_use_and_into_use_again_is_on_record_with_who_did_it(office):
    trust_list = a_list("gdhcn")
    switch, page = (reverse(name, args=[trust_list.pk]) for name in ("trust:switch", "trust:list"))
    assert "Pemakaian" not in office.get(page).content.decode()
    for wanted, active in (("tidak", False), ("tidak", False), ("ya", True), ("ya", True)):
        office.post(switch, {"pakai": wanted})  # a second click changes nothing
        trust_list.refresh_from_db()
        assert trust_list.is_active == active
    by = User.objects.get(pk=office.session["_auth_user_id"])
    assert [(one.active, one.by) for one in importing.switches(trust_list)] == [(True, str(by)), (False, str(by))]
    shown = office.get(page).content.decode()
    assert f"dipakai lagi oleh {by}" in shown and f"berhenti dipakai oleh {by}" in shown
    trust_list.name = "WHO, nama lain"
    trust_list.save()
    assert len(importing.switches(trust_list)) == 2  # a new name is not a change of trust


def test_office_is_told_why_a_list_is_refused(office, tmp_path):
    answer = office.post(reverse("trust:overview"), {"name": "WHO", "kind": "gdhcn", "scope": "international"})
    assert answer.status_code == 422
    assert "kunci penanda tangannya" in answer.content.decode()
    trust_list = a_list("dsc")
    path = tmp_path / "x.json"
    path.write_bytes(b"{}")
    with path.open("rb") as file:
        answer = office.post(reverse("trust:list", args=[trust_list.pk]), {"berkas": file})
    assert (answer.status_code, "Tidak ada satu pun kunci" in answer.content.decode()) == (422, True)
    edition = take(trust_list, lists.dsc_json(DSC))
    answer = office.post(reverse("trust:decide", args=[edition.pk]), {"putusan": "setuju"})
    assert (answer.status_code, IssuerKey.objects.count()) == (422, 0)
    office.post(reverse("trust:decide", args=[edition.pk]), {"putusan": "setuju", "dibandingkan": "on"})
    assert IssuerKey.objects.count() == 1


def run(*words, **options):
    out = StringIO()
    call_command("trust_list", *words, stdout=out, **options)
    return out.getvalue()


def test_command_goes_the_same_way(tmp_path):
    signer, did = tmp_path / "signer.pem", tmp_path / "did.json"
    signer.write_text(lists.public_pem(lists.SIGNER))
    did.write_bytes(lists.did_json([lists.method(DSC)]))
    run("add", "WHO", "--kind", "gdhcn", "--signer-file", str(signer))
    told = json.loads(run("import", "WHO", "--file", str(did)))
    assert (len(told["added"]), told["status"], told["origin"]) == (1, "pending", "did.json")
    assert verify_text(code()).verdict == "unknown-key"
    run("confirm", str(told["edition"]))
    assert verify_text(code()).verdict == "valid"
    assert "    1 kunci  dipakai  WHO" in run("list")
    with pytest.raises(CommandError, match="sudah diputuskan"):
        run("discard", str(told["edition"]))
    with pytest.raises(CommandError, match="Tidak ada"):
        run("show", "999")


def test_command_wants_the_fingerprint_of_an_unsigned_list(tmp_path):
    path = tmp_path / "dsc.json"
    path.write_bytes(lists.dsc_json(DSC))
    run("add", "DSC", "--kind", "dsc")
    told = json.loads(run("import", "DSC", "--file", str(path)))
    with pytest.raises(CommandError, match="bandingkan"):
        run("confirm", str(told["edition"]), "--digest", "0" * 64)
    run("confirm", str(told["edition"]), "--digest", told["sha256"])
    assert IssuerKey.objects.get().family == "hcert"
