/* As much of X.509 as a seal needs, read tolerantly: signers in the wild break strict DER (certificates/trust/chain.py). */

import { concat, toBase64 } from "./bytes.js";
import { NotHere } from "./outcome.js";
import { publicKey } from "./signatures.js";

const MAX_DER = 6000;
const SEQUENCE = 0x30, SET = 0x31, OID = 0x06, INTEGER = 0x02, BIT_STRING = 0x03, OCTETS = 0x04;
const UTC_TIME = 0x17, GENERALIZED_TIME = 0x18, EXPLICIT_0 = 0xa0, EXPLICIT_3 = 0xa3;
const CURVES = { "1.2.840.10045.3.1.7": "P-256", "1.3.132.0.34": "P-384", "1.3.132.0.35": "P-521" };
const EC_KEY = "1.2.840.10045.2.1", RSA_KEY = "1.2.840.113549.1.1.1";
const EXTENDED_USAGE = "2.5.29.37", AUTHORITY_KEY = "2.5.29.35", DOCUMENT_TYPES = "2.23.136.1.1.6.2";
const SUBJECT_NAMES = ["2.5.4.10", "2.5.4.3", "2.5.4.6"]; // organization, common name, country
const SIGNATURES = {
  "1.2.840.113549.1.1.11": { rsa: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  "1.2.840.113549.1.1.12": { rsa: "RSASSA-PKCS1-v1_5", hash: "SHA-384" },
  "1.2.840.113549.1.1.13": { rsa: "RSASSA-PKCS1-v1_5", hash: "SHA-512" },
  "1.2.840.10045.4.3.2": { hash: "SHA-256" },
  "1.2.840.10045.4.3.3": { hash: "SHA-384" },
  "1.2.840.10045.4.3.4": { hash: "SHA-512" },
};
const RSA_PSS = "1.2.840.113549.1.1.10"; // its parameters decide too much; the server reads them
const COORDINATE = { "P-256": 32, "P-384": 48, "P-521": 66 };

/* One element: tag, its content, its bytes with the head; `children` reads what is inside. */
function element(bytes, at = 0) {
  let length = bytes[at + 1], start = at + 2;
  if (length >= 0x80) {
    const size = length & 0x7f;
    if (size === 0 || size > 3) throw new Error("length");
    length = 0;
    for (let i = 0; i < size; i++) length = length * 256 + bytes[start + i];
    start += size;
  }
  if (!(start + length <= bytes.length)) throw new Error("short");
  return { tag: bytes[at], content: bytes.subarray(start, start + length), whole: bytes.subarray(at, start + length) };
}

function children(parent) {
  const found = [];
  for (let at = 0; at < parent.content.length; at += found.at(-1).whole.length) found.push(element(parent.content, at));
  return found;
}

function expect(item, tag) {
  if (item?.tag !== tag) throw new Error("tag");
  return item;
}

function oid(item) {
  const numbers = [];
  let number = 0;
  for (const byte of expect(item, OID).content) {
    number = number * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      numbers.push(number);
      number = 0;
    }
  }
  const first = Math.min(Math.floor(numbers[0] / 40), 2);
  return [first, numbers[0] - 40 * first, ...numbers.slice(1)].join(".");
}

function text(item) {
  return new TextDecoder().decode(item.content);
}

function seconds(item) {
  if (![UTC_TIME, GENERALIZED_TIME].includes(item.tag)) throw new Error("time");
  const digits = /^(\d{2,4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text(item));
  const year = digits[1].length === 2 ? Number(digits[1]) + (Number(digits[1]) < 50 ? 2000 : 1900) : Number(digits[1]);
  return Date.UTC(year, digits[2] - 1, digits[3], digits[4], digits[5], digits[6]) / 1000;
}

/* {type, spki} of a SubjectPublicKeyInfo. */
function keyOf(item) {
  const [algorithm, parameters] = children(children(item)[0]);
  if (oid(algorithm) === RSA_KEY) return { type: "RSA", spki: item.whole };
  if (oid(algorithm) !== EC_KEY || !CURVES[oid(parameters)]) throw new Error("key");
  return { type: CURVES[oid(parameters)], spki: item.whole };
}

/* The certificate of a signer; throws an Error for anything that is none. */
export function readCertificate(der) {
  if (der.length > MAX_DER) throw new Error("long");
  const [tbs, algorithm, signature] = children(expect(element(der), SEQUENCE));
  const fields = children(expect(tbs, SEQUENCE));
  if (fields[0].tag === EXPLICIT_0) fields.shift(); // version
  const [, , issuer, validity, subject, spki] = fields;
  const [notBefore, notAfter] = children(validity).map(seconds);
  return {
    ...keyOf(expect(spki, SEQUENCE)),
    ...extensions(fields.find((field) => field.tag === EXPLICIT_3)),
    notBefore,
    notAfter,
    issuerName: issuer.whole,
    issuer: readableName(subject),
    signed: tbs.whole,
    signature: expect(signature, BIT_STRING).content.subarray(1),
    algorithm: oid(children(algorithm)[0]),
  };
}

function readableName(name) {
  const parts = new Map(children(name).map((set) => children(expect(set, SET))[0]).map((pair) => {
    const [type, value] = children(pair);
    return [oid(type), text(value)];
  }));
  return [...new Set(SUBJECT_NAMES.map((type) => parts.get(type)).filter(Boolean))].join(", ");
}

function extensions(wrapped) {
  const found = { usageOids: [], documentTypes: [], authorityKeyId: new Uint8Array() };
  for (const extension of wrapped ? children(children(wrapped)[0]) : []) {
    const parts = children(extension), name = oid(parts[0]);
    const inner = element(expect(parts.at(-1), OCTETS).content);
    if (name === EXTENDED_USAGE) found.usageOids = children(inner).map(oid);
    if (name === AUTHORITY_KEY) found.authorityKeyId = keyIdentifier(inner);
    if (name === DOCUMENT_TYPES) found.documentTypes = children(expect(children(inner).at(-1), SET)).map(text);
  }
  return found;
}

function keyIdentifier(authority) {
  return children(authority).find((part) => part.tag === 0x80)?.content ?? new Uint8Array();
}

/* True when this authority may issue, its key signed exactly this certificate, and the certificate names it. */
export async function issuedBy(signer, authority) {
  if (!authority.mayIssue) return false;
  if (authority.name && authority.name !== toBase64(signer.issuerName)) return false;
  if (signer.algorithm === RSA_PSS) throw new NotHere("RSA-PSS");
  const rule = SIGNATURES[signer.algorithm];
  if (!rule || Boolean(rule.rsa) !== (authority.type === "RSA")) return false;
  if (rule.rsa) {
    const key = await publicKey(authority.spki, { name: rule.rsa, hash: rule.hash });
    return Boolean(key) && crypto.subtle.verify(rule.rsa, key, signer.signature, signer.signed);
  }
  const key = await publicKey(authority.spki, { name: "ECDSA", namedCurve: authority.type });
  const raw = rawSignature(signer.signature, COORDINATE[authority.type]);
  return Boolean(key && raw) && crypto.subtle.verify({ name: "ECDSA", hash: rule.hash }, key, raw, signer.signed);
}

/* r and s of a DER signature, each in `size` bytes; null when they are not that. */
function rawSignature(der, size) {
  try {
    const parts = children(element(der)).map((part) => expect(part, INTEGER).content);
    return concat(...parts.map((part) => fixed(part, size)));
  } catch {
    return null;
  }
}

function fixed(integer, size) {
  let start = 0;
  while (start < integer.length - 1 && integer[start] === 0) start++;
  const digits = integer.subarray(start);
  if (digits.length > size) throw new Error("large");
  return concat(new Uint8Array(size - digits.length), digits);
}
