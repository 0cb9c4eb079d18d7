"""Codes of the other worlds, made with throw-away keys: DIVOC credentials and VDS-NC seals."""

import base64
import io
import json
import zipfile
from copy import deepcopy
from datetime import UTC, datetime, timedelta

import rfc8785
from asn1crypto import core as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from certificates import hcert, jsonld
from certificates.shc import b64url
from certificates.trust.keys import CSCA_KEYS, DIVOC_KEYS, TrustedKey
from tests.certificates import lists

METHOD = "did:uji"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED = ed25519.Ed25519PrivateKey.generate()
CREDENTIAL = {
    "@context": ["https://www.w3.org/2018/credentials/v1", "https://cowin.gov.in/credentials/vaccination/v1"],
    "type": ["VerifiableCredential", "ProofOfVaccinationCredential"],
    "credentialSubject": {
        "type": "Person",
        "id": "did:Passport:UJI1",
        "name": "Warga Uji",
        "gender": "Male",
        "age": "65",
    },
    "issuer": "https://uji.example/",
    "issuanceDate": "2021-03-03T04:28:46.012Z",
    "evidence": [
        {
            "id": "https://uji.example/vaksin/1",
            "certificateId": "UJI-1",
            "type": ["Vaccination"],
            "batch": "UJI-B",
            "vaccine": "COVISHIELD",
            "manufacturer": "Pabrik Uji",
            "date": "2021-03-03T04:28:43.134Z",
            "effectiveStart": "2021-03-03",
            "effectiveUntil": "2021-06-03",
            "dose": 1,
            "totalDoses": 2,
            "verifier": {"name": "Petugas Uji"},
            "facility": {"name": "Puskesmas Uji", "address": {"city": "Semarang", "addressCountry": "ID"}},
        }
    ],
    "nonTransferable": "true",
}


def divoc_key(private=RSA, **more):
    """The public half as a trusted key of a DIVOC issuer."""
    return TrustedKey(METHOD.encode(), private.public_key(), issuer="Penerbit Uji", family=DIVOC_KEYS, **more)


def credential(**changes):
    """A credential before signing; `subject` and `evidence` are merged into theirs."""
    document = deepcopy(CREDENTIAL)
    document["credentialSubject"] |= changes.pop("subject", {})
    document["evidence"][0] |= changes.pop("evidence", {})
    return document | changes


def divoc(document=None, *, key=RSA, spoil=None, method=METHOD, alg=None, proof_type=None):
    """A DIVOC code. `spoil` changes the document after it was signed."""
    document = document or credential()
    is_rsa = isinstance(key, rsa.RSAPrivateKey)
    proof = {
        "type": proof_type or ("RsaSignature2018" if is_rsa else "Ed25519Signature2018"),
        "created": "2021-03-03T04:28:46Z",
        "verificationMethod": method,
        "proofPurpose": "assertionMethod",
    }
    header = {"alg": alg or ("PS256" if is_rsa else "EdDSA"), "b64": False, "crit": ["b64"]}
    encoded = b64url(json.dumps(header).encode())
    try:
        data = jsonld.signed_bytes(document, proof, jsonld.SECURITY_V2, encoded)
    except jsonld.NotSigned:  # documents nobody could sign: what is tested comes before the signature
        data = b""
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    signature = key.sign(data, pss, hashes.SHA256()) if is_rsa else key.sign(data)
    signed = deepcopy(document) | {"proof": proof | {"jws": f"{encoded}..{b64url(signature)}"}}
    if spoil:
        spoil(signed)
    return zipped(json.dumps(signed))


def zipped(text, name="certificate.json"):
    """Text as a DIVOC code."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return "B64:" + base64.b64encode(packed.getvalue()).decode()


# --- VDS-NC --------------------------------------------------------------------------------------------------------

CSCA_KEY = ec.generate_private_key(ec.SECP384R1())
CSCA = lists.certificate(
    CSCA_KEY,
    "CSCA Uji",
    extensions=[
        x509.BasicConstraints(ca=True, path_length=0),
        x509.SubjectKeyIdentifier.from_public_key(CSCA_KEY.public_key()),
    ],
)
SEAL_KEY = ec.generate_private_key(ec.SECP256R1())
SEAL = {
    "hdr": {"is": "UTO", "t": "icao.vacc", "v": 1},
    "msg": {
        "pid": {"dob": "1990-01-02", "n": "UJI WARGA"},
        "uvci": "UJI0001",
        "ve": [
            {
                "des": "XM68M6",
                "dis": "RA01.0",
                "nam": "Merek Uji",
                "vd": [
                    {"adm": "Klinik", "ctr": "UTO", "dvc": "2021-09-15", "lot": "L1", "seq": 1},
                    {"adm": "Klinik", "ctr": "UTO", "dvc": "2021-12-15", "lot": "L2", "seq": 2},
                ],
            }
        ],
    },
}


def csca_key(cert=CSCA, key=CSCA_KEY, **more):
    """The authority as a trusted key."""
    name = x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest
    return TrustedKey(name, key.public_key(), issuer="CSCA Uji", family=CSCA_KEYS, certificate=lists.der(cert), **more)


class _Types(asn1.SetOf):
    _child_spec = asn1.PrintableString


class _List(asn1.Sequence):
    _fields = [("version", asn1.Integer), ("types", _Types)]


def seal_certificate(*, usage="2.23.136.1.1.14.2", types=("NV",), issuer=(CSCA_KEY, CSCA), days=700):
    """A signer of seals, as the authority issues it."""
    document_types = x509.UnrecognizedExtension(
        x509.ObjectIdentifier("2.23.136.1.1.6.2"), _List({"version": 0, "types": list(types)}).dump()
    )
    return lists.certificate(
        SEAL_KEY,
        "Penanda Tangan Uji",
        issuer=issuer,
        days=days,
        extensions=[
            x509.ExtendedKeyUsage([x509.ObjectIdentifier(usage)]),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(CSCA_KEY.public_key()),
            document_types,
        ],
    )


def seal(data=None, *, cert=None, key=SEAL_KEY, spoil=None, alg="ES256"):
    """A VDS-NC code. `spoil` changes the data after it was signed."""
    data = deepcopy(data or SEAL)
    signature = hcert.sign_es256(key, rfc8785.dumps(data))
    if spoil:
        spoil(data)
    cer = b64url(lists.der(cert or seal_certificate()))
    return json.dumps({"data": data, "sig": {"alg": alg, "cer": cer, "sigvl": b64url(signature)}})


NOW = datetime.now(UTC) - timedelta(days=1)
