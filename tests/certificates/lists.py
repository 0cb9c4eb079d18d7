"""Trust lists made for tests, signed the way the world signs them, with throw-away keys."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta

from asn1crypto import cms
from asn1crypto import core as asn1
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certificates import jsonld
from certificates.shc import b64url
from certificates.trust.keys import kid_of

SIGNER = ec.generate_private_key(ec.SECP256R1())
DOCUMENT = "did:web:tng-cdn.who.int:v2:trustlist"
PROOF = "did:web:example.org:WHO:signing:DID"


def public_pem(key):
    """The public half as an admin would paste it."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def certificate(key, name="DSC Uji", *, country="SG", issuer=None, extensions=(), days=700):
    """A certificate of `key`, signed by itself or by `issuer` (key, certificate)."""
    subject = x509.Name(
        [x509.NameAttribute(x509.NameOID.COUNTRY_NAME, country), x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]
    )
    signing, issuer_name = (issuer[0], issuer[1].subject) if issuer else (key, subject)
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + timedelta(days=days))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(signing, hashes.SHA256())


def der(cert):
    """A certificate as bytes."""
    return cert.public_bytes(Encoding.DER)


def kid(cert):
    """The kid codes name this certificate by."""
    return kid_of(der(cert))


def _coordinate(number):
    return b64url(b"\x00" + number.to_bytes(32, "big"))  # with the leading zero byte WHO writes


def method(cert, *, domain="DCC", participant="SGP", usage="DSC", **changes):
    """One key of a did.json."""
    numbers = cert.public_key().public_numbers()
    name = base64.b64encode(kid(cert)).decode()
    jwk = {
        "kty": "EC",
        "kid": name,
        "x5c": [base64.b64encode(der(cert)).decode()],
        "crv": "P-256",
        "x": _coordinate(numbers.x),
        "y": _coordinate(numbers.y),
    }
    return {
        "id": f"{DOCUMENT}:{domain}:{participant}:{usage}#{name}",
        "type": "JsonWebKey2020",
        "controller": f"{DOCUMENT}:{domain}:{participant}",
        "publicKeyJwk": jwk | changes,
    }


def did_json(methods, *, signer=SIGNER, created=None, spoil=None):
    """A GDHCN list with its proof: DER inside the JWS, as the WHO gateway writes it. `spoil` acts after signing."""
    document = {
        "@context": [jsonld.DID_V1, jsonld.JWS_2020],
        "id": DOCUMENT,
        "controller": DOCUMENT,
        "verificationMethod": methods,
    }
    proof = {
        "type": "JsonWebSignature2020",
        "created": (created or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "nonce": "uji",
        "proofPurpose": "assertionMethod",
        "verificationMethod": PROOF,
    }
    header = b64url(json.dumps({"b64": False, "crit": ["b64"], "alg": "ES256"}).encode())
    data = jsonld.signed_bytes(jsonld.expand(document), proof, document["@context"], header)
    signature = signer.sign(data, ec.ECDSA(hashes.SHA256()))
    document["proof"] = proof | {"jws": f"{header}..{b64url(signature)}"}
    if spoil:
        spoil(document)
    return json.dumps(document).encode()


def dsc_json(*certs, signer=None, country="SG"):
    """A list of document signers, with a signature line when a signer is given."""
    listed = [
        {
            "certificateType": "DSC",
            "country": country,
            "kid": base64.b64encode(kid(cert)).decode(),
            "rawData": base64.b64encode(der(cert)).decode(),
        }
        for cert in certs
    ]
    body = json.dumps({"certificates": listed}).encode()
    if signer is None:
        return body
    return base64.b64encode(signer.sign(body, ec.ECDSA(hashes.SHA256()))) + b"\n" + body


def master_list(certs, *, signer, spoil=None, content_type="2.23.136.1.1.2"):
    """An ICAO master list: a CMS signature over a set of certificates. `signer` is (key, certificate)."""
    key, cert = signer
    octets = _MasterList({"version": 0, "certificates": [asn1_x509.Certificate.load(der(one)) for one in certs]}).dump()
    attributes = cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": "content_type", "values": [content_type]}),
            cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(octets).digest()]}),
        ]
    )
    read = asn1_x509.Certificate.load(der(cert))
    info = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                {"issuer_and_serial_number": {"issuer": read.issuer, "serial_number": read.serial_number}}
            ),
            "digest_algorithm": {"algorithm": "sha256"},
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": "sha256_ecdsa"},
            "signature": key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256())),
        }
    )
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [{"algorithm": "sha256"}],
            "encap_content_info": {
                "content_type": content_type,
                "content": asn1.ParsableOctetString(spoil(octets) if spoil else octets),
            },
            "certificates": [read],
            "signer_infos": [info],
        }
    )
    return cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump()


class _Certificates(asn1.SetOf):
    _child_spec = asn1_x509.Certificate


class _MasterList(asn1.Sequence):
    _fields = [("version", asn1.Integer), ("certificates", _Certificates)]
