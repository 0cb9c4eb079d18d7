/* DIVOC certificates (W3C credential in a zip), as certificates/verifying/divoc.py reads them. A term that no context
   defines is not signed, so such a document is refused; jsonld.js (static/vendor) expands and canonicalises. */

import { base64, base64url, concat, encoded, latin1, sha256, utf8 } from "./bytes.js";
import { MAX_DIVOC_TEXT, MAX_LD_ALIKE, MAX_LD_BYTES, MAX_LD_KEYS, MAX_LD_NODES, readJson } from "./limits.js";
import { judged, NotHere, refuse } from "./outcome.js";
import { isObject } from "./shc.js";
import { holds } from "./signatures.js";
import { asText, compact, doseText, icdVaccine, isText } from "./terms.js";
import { unzip } from "./zip.js";

const PREFIX = "B64:", ZIP_START = "PK\x03\x04", ENTRY = "certificate.json";
const CREDENTIALS_V1 = "https://www.w3.org/2018/credentials/v1";
const SECURITY_V2 = "https://w3id.org/security/v2";
const PROOF = ["created", "jws", "proofPurpose", "type", "verificationMethod"];
const TYPES = ["ProofOfVaccinationCredential", "VerifiableCredential"];
const ALGORITHMS = new Map([["RsaSignature2018", "PS256"], ["Ed25519Signature2018", "EdDSA"]]);
const KEY_TYPES = { PS256: "RSA", EdDSA: "Ed25519" };

export function looksLike(text) {
  return text.startsWith(PREFIX) || text.startsWith(ZIP_START);
}

/* Check one credential at `now` (seconds). A zip comes as text with one character per byte. */
export function verify(text, { trust, terms, contexts, now }) {
  return judged("divoc", async (state) => {
    const { document, proof } = await open(text, terms);
    const key = await signer(document, proof, trust, contexts);
    state.signedBy(key, "roles-not-signed");
    state.facts = factsOf(document, terms);
    checkTimes(document, now);
    if (key.formats.length && !key.formats.includes("divoc")) refuse("wrong-key-usage");
    if (!Object.keys(state.facts).length) refuse("bad-schema");
  });
}

async function open(text, terms) {
  const content = await unzip(bytesOf(text), ENTRY);
  let json;
  try {
    json = utf8(content);
  } catch {
    refuse("bad-json");
  }
  if (content.length > MAX_LD_BYTES) refuse("bad-json");
  const whole = readJson(json, "bad-json", MAX_LD_BYTES);
  if (!isObject(whole) || !isCheap(whole, terms)) refuse("bad-json");
  const { proof, ...document } = whole;
  const isProof = isObject(proof) && Object.keys(proof).sort().join() === PROOF.join() &&
    Object.values(proof).every((value) => typeof value === "string" && value.length <= 2000);
  if (!isProof) refuse("bad-jws");
  return { document, proof };
}

function bytesOf(text) {
  if (text.length > MAX_DIVOC_TEXT) refuse("bad-qr");
  try {
    return text.startsWith(PREFIX) ? base64(text.slice(PREFIX.length)) : latin1(text);
  } catch {
    return refuse("bad-qr");
  }
}

/* True when canonicalising cannot cost much: few nodes, hardly any alike, no keywords but the one context. */
function isCheap(document, terms) {
  const named = document["@context"];
  const isKnown = Array.isArray(named) && named.length === 2 && named[0] === CREDENTIALS_V1;
  if (!isKnown || !terms.divoc_contexts.includes(named[1])) return false;
  let nodes = 0, keys = 0;
  const waiting = [document];
  while (waiting.length) {
    const value = waiting.pop();
    if (Array.isArray(value)) {
      const inner = value.filter((item) => typeof item === "object" && item !== null);
      if (value.length > MAX_LD_KEYS || inner.length > MAX_LD_ALIKE) return false;
      waiting.push(...value);
    } else if (isObject(value)) {
      nodes += 1;
      keys += Object.keys(value).length;
      for (const [name, inner] of Object.entries(value)) {
        const isContext = name === "@context" && value === document;
        if (name.startsWith("@") && !isContext) return false;
        if (!isContext) waiting.push(inner);
      }
    } else if (typeof value === "string" && value.startsWith("_:")) {
      return false;
    }
  }
  return nodes <= MAX_LD_NODES && keys <= MAX_LD_KEYS;
}

async function signer(document, proof, trust, contexts) {
  const candidates = trust.find(encoded(proof.verificationMethod), "divoc");
  if (!candidates.length) refuse("unknown-key");
  const algorithm = ALGORITHMS.get(proof.type) || "";
  const { header, signature } = detached(proof.jws, algorithm);
  /* The kind of key decides before anything is canonicalised: a wrong one can never fit. */
  const fitting = candidates.filter((key) => key.type === KEY_TYPES[algorithm]);
  if (!fitting.length || proof.proofPurpose !== "assertionMethod") refuse("bad-signature");
  const data = await signedBytes(document, proof, header, contexts);
  for (const key of fitting) {
    if (await holds(key, algorithm, signature, data)) return key;
  }
  return refuse("bad-signature");
}

/* Header as written and signature of a detached JWS whose header says exactly what the proof's type says. */
function detached(jws, algorithm) {
  const [header, signature, ...rest] = jws.split("..");
  let read, packed;
  try {
    read = readJson(utf8(base64url(header)), "bad-jws");
    packed = base64url(rest.length || signature === undefined ? "!" : signature);
  } catch {
    refuse("bad-jws");
  }
  const expected = { alg: algorithm, b64: false, crit: ["b64"] };
  const same = isObject(read) && Object.keys(read).sort().join() === "alg,b64,crit" &&
    Object.keys(expected).every((name) => JSON.stringify(read[name]) === JSON.stringify(expected[name]));
  if (!same) refuse("bad-signature");
  return { header, signature: packed };
}

/* Header, point, hash of the proof, hash of the document; refused when a term would be dropped and so not be signed. */
async function signedBytes(document, { jws, ...options }, header, contexts) {
  if (!globalThis.jsonld) throw new NotHere("jsonld");
  try {
    const hashes = [await hashOf({ ...options, "@context": SECURITY_V2 }, contexts), await hashOf(document, contexts)];
    return concat(encoded(`${header}.`), ...hashes);
  } catch {
    return refuse("bad-signature");
  }
}

async function hashOf(document, contexts) {
  const documentLoader = (url) => {
    if (!Object.hasOwn(contexts, url)) throw new Error("context");
    return { contextUrl: null, documentUrl: url, document: contexts[url] };
  };
  /* `safe` refuses what would be lost: undefined terms, relative addresses. */
  const options = { algorithm: "RDFC-1.0", format: "application/n-quads", safe: true, base: "", documentLoader };
  const quads = await globalThis.jsonld.canonize(document, options);
  if (!quads) throw new Error("nothing is left to sign");
  return sha256(encoded(quads));
}

function checkTimes(document, now) {
  const issued = moment(document.issuanceDate), expires = moment(document.expirationDate);
  if (issued !== null && issued > now) refuse("not-yet-valid");
  if (expires !== null && expires < now) refuse("expired");
}

function moment(value) {
  if (typeof value !== "string" || !/^\d{4}-\d\d-\d\d/.test(value)) return null;
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/.test(value.slice(10));
  const milliseconds = Date.parse(value.length > 10 && !hasZone ? `${value}Z` : value);
  return Number.isNaN(milliseconds) ? null : milliseconds / 1000;
}

/* Facts of a vaccination credential; empty for anything else. */
function factsOf(document, terms) {
  const { type, credentialSubject: person } = document;
  const evidence = Array.isArray(document.evidence) && document.evidence.length === 1 ? document.evidence[0] : null;
  if (!Array.isArray(type) || [...new Set(type.map(String))].sort().join() !== TYPES.join()) return {};
  if (!isObject(person) || !isObject(evidence) || !isText(person.name)) return {};
  const [number, total] = inOrder(evidence.dose, evidence.totalDoses);
  const days = ["date", "effectiveStart", "effectiveUntil"].map((name) => evidence[name]).filter(isText);
  return compact({
    kind: "vaccination",
    name: person.name,
    birth_date: person.dob,
    age: ["string", "number"].includes(typeof person.age) ? String(person.age) : null,
    vaccine: evidence.vaccine || icdVaccine(asText(evidence.icd11Code), terms),
    manufacturer: evidence.manufacturer,
    lot: evidence.batch,
    dose: doseText(number, total),
    date: days.sort()[0],
    certificate_issuer: isObject(evidence.facility) ? evidence.facility.name : null,
    uvci: evidence.certificateId,
  });
}

/* The smaller one first: dose and total are one term to the signature, so the weaker claim is the safe one. */
function inOrder(number, total) {
  const both = Number.isInteger(number) && Number.isInteger(total);
  return both ? [Math.min(number, total), Math.max(number, total)] : [number, total];
}
