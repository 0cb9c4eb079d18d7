/* The HC1 container (EU DCC, WHO DVC, DDCC:VS) in the fixed order of certificates/verifying/hcert.py. */

import { base45, concat, encoded } from "./bytes.js";
import { cborHead, decodeCbor, Tag } from "./cbor.js";
import * as dcc from "./dcc.js";
import * as ddcc from "./ddcc.js";
import * as dvc from "./dvc.js";
import { inflate, MAX_HCERT_TEXT } from "./limits.js";
import { judged, refuse } from "./outcome.js";
import { holds } from "./signatures.js";
import { asText } from "./terms.js";

export const PREFIX = "HC1:";
const ALG = 1, KID = 4, EXP = 4, IAT = 6, HCERT = -260;
const SIGN1_TAG = 18, CWT_TAG = 61;
const ALGORITHMS = new Map([[-7, "ES256"], [-37, "PS256"]]);
const SUBCLAIMS = new Map([[1, "eu-dcc"], [3, "ddcc-vs"], [-6, "who-dvc"]]);

/* Check one HC1 text at `now` (seconds). */
export function verify(text, { trust, terms, now }) {
  const code = text.trim(); // base45 never ends in a blank, so blanks at the ends come from pasting
  return judged("hcert", async (state) => {
    const message = await open(code);
    const claims = claimsOf(message);
    const { format, content } = contentOf(claims);
    state.format = format;
    const { key, algorithm } = await signer(message, trust, format);
    state.signedBy(key);
    state.facts = factsOf(format, content, terms);
    checkTimes(claims, key, Math.floor(now), claims.has(HCERT));
    checkUsage(format, content, key);
    if (await trust.isRevoked(namesOf(message.signature, algorithm, format, content))) refuse("revoked");
    checkContent(format, content, terms);
  });
}

async function open(text) {
  if (text.length > MAX_HCERT_TEXT) refuse("bad-base45");
  let packed;
  try {
    packed = base45(text.slice(PREFIX.length));
  } catch {
    refuse("bad-base45");
  }
  let item = decoded(await inflate(packed, "deflate", "bad-zlib"), "bad-cose");
  if (item instanceof Tag && item.number === CWT_TAG) item = item.value;
  if (item instanceof Tag && item.number === SIGN1_TAG) item = item.value;
  if (!Array.isArray(item) || item.length !== 4) refuse("bad-cose");
  const [protectedBytes, unprotected, payload, signature] = item;
  if (![protectedBytes, payload, signature].every((part) => part instanceof Uint8Array)) refuse("bad-cose");
  const signed = protectedBytes.length ? decoded(protectedBytes, "bad-cose") : new Map();
  if (!(signed instanceof Map) || !(unprotected instanceof Map)) refuse("bad-cose");
  /* The protected header wins: it is signed. A kid only in the other one is legal. */
  return { protectedBytes, headers: new Map([...unprotected, ...signed]), payload, signature };
}

function decoded(bytes, verdict) {
  try {
    return decodeCbor(bytes);
  } catch {
    return refuse(verdict);
  }
}

function claimsOf(message) {
  const claims = decoded(message.payload, "bad-cbor");
  if (!(claims instanceof Map)) refuse("bad-cbor");
  if (claims.has(HCERT)) {
    const subclaims = claims.get(HCERT);
    if (!(subclaims instanceof Map)) refuse("bad-cbor");
    for (const number of SUBCLAIMS.keys()) {
      if (subclaims.has(number) && !(subclaims.get(number) instanceof Map)) refuse("bad-cbor");
    }
  }
  return claims;
}

/* Format and its content. An unknown subclaim has none: nothing of it is ever shown. */
function contentOf(claims) {
  if (!claims.has(HCERT)) {
    return ddcc.looksFlat(claims) ? { format: "ddcc-vs", content: claims } : { format: "hcert-other", content: null };
  }
  for (const [number, format] of SUBCLAIMS) {
    if (claims.get(HCERT).has(number)) return { format, content: claims.get(HCERT).get(number) };
  }
  return { format: "hcert-other", content: null };
}

function toBeSigned({ protectedBytes, payload }) {
  const name = encoded("Signature1");
  return concat(Uint8Array.of(0x84), cborHead(3, name.length), name, cborHead(2, protectedBytes.length), protectedBytes,
    Uint8Array.of(0x40), cborHead(2, payload.length), payload);
}

/* Two certificates may share a kid, so every one of them is tried; a kid proves nothing.
   One key may stand on several lists: the entry that allows this format is asked first. */
async function signer(message, trust, format) {
  const kid = message.headers.get(KID), algorithm = ALGORITHMS.get(message.headers.get(ALG)) || "";
  const data = toBeSigned(message);
  const unfit = (key) => Number(key.formats.length > 0 && !key.formats.includes(format));
  const candidates = kid instanceof Uint8Array ? trust.find(kid, "hcert").sort((a, b) => unfit(a) - unfit(b)) : [];
  const found = await signedBy(candidates, algorithm, message.signature, data);
  if (found) return { key: found, algorithm };
  if (candidates.length) refuse("bad-signature");
  /* Against one named signer there is a truer answer than "unknown": this signer did not sign it. */
  if (trust.pinned && !(await signedBy(trust.all("hcert"), algorithm, message.signature, data))) refuse("bad-signature");
  return refuse("unknown-key");
}

async function signedBy(keys, algorithm, signature, data) {
  for (const key of keys) {
    if (await holds(key, algorithm, signature, data)) return key;
  }
  return null;
}

function checkTimes(claims, key, now, required) {
  const issued = claims.get(IAT), expires = claims.get(EXP);
  if (!required && (issued ?? null) === null && (expires ?? null) === null) return;
  if (!Number.isInteger(issued) || !Number.isInteger(expires)) refuse("bad-cbor");
  if (issued > now) refuse("not-yet-valid");
  if (expires < now) refuse("expired");
  if (key.notBefore !== null && issued < key.notBefore) refuse("not-yet-valid");
  if (key.notAfter !== null && issued > key.notAfter) refuse("expired");
}

/* By key-usage OID of the certificate, and by the formats its trust list gave it for. */
function checkUsage(format, content, key) {
  const group = format === "eu-dcc" ? dcc.kind(content) : "v";
  if (key.usages.length && group && !key.usages.includes(group)) refuse("wrong-key-usage");
  if (key.formats.length && !key.formats.includes(format)) refuse("wrong-key-usage");
}

/* What a revocation list may name this code by: half of an ECDSA signature (all of another), UVCI, country and UVCI. */
function namesOf(signature, algorithm, format, content) {
  const names = [algorithm === "ES256" ? signature.slice(0, signature.length / 2) : signature];
  const group = format === "eu-dcc" ? dcc.kind(content) : "";
  const entries = group ? content.get(group) : null;
  if (Array.isArray(entries) && entries[0] instanceof Map) {
    const uvci = asText(entries[0].get("ci")), country = asText(entries[0].get("co"));
    if (uvci) names.push(encoded(uvci));
    if (uvci && country) names.push(encoded(country + uvci));
  }
  return names;
}

function checkContent(format, content, terms) {
  if (format === "eu-dcc") {
    if (!dcc.keepsSchema(content)) refuse("bad-schema");
    if (!dcc.keepsValueSets(content, terms)) refuse("bad-valueset");
  }
  if (format === "who-dvc" && !dvc.recognised(content)) refuse("bad-schema");
  if (format === "ddcc-vs" && !ddcc.recognised(content)) refuse("bad-schema");
}

function factsOf(format, content, terms) {
  if (format === "eu-dcc") return dcc.keepsSchema(content) ? dcc.facts(content, terms) : {};
  if (format === "who-dvc") return dvc.facts(content, terms);
  if (format === "ddcc-vs") return ddcc.facts(content, terms);
  return { kind: "unknown" }; // signature sound, content unknown: never shown as vaccinated
}

