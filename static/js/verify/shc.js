/* SMART Health Cards: numeric code, chunks, file or bare JWS, in the order of certificates/verifying/shc.py. */

import { base64url, encoded, utf8 } from "./bytes.js";
import { inflate, MAX_CHUNKS, MAX_TEXT, readJson } from "./limits.js";
import { judged, refuse } from "./outcome.js";
import { holds } from "./signatures.js";
import { vaccineOf } from "./terms.js";

const PREFIX = "shc:/", HEALTH_CARD = "https://smarthealth.cards#health-card";
const CHUNK = /^shc:\/(\d{1,2})\/(\d{1,2})\/(\d+)$/, CHUNK_START = /^shc:\/\d{1,2}\/\d{1,2}\/\d/;
const MAX_ENTRIES = 100, MAX_FACT = 300;

/* True when the text may be a health card in any of its forms. */
export function looksLike(text) {
  const start = text.trimStart().slice(0, 400);
  return /^(shc:|eyJ)/.test(start) || start.includes('"verifiableCredential"') || start.includes('"shc:');
}

/* Check one card at `now` (seconds). */
export function verify(text, { trust, terms, now }) {
  return judged("shc", async (state) => {
    if (text.length > MAX_TEXT) refuse("bad-qr");
    const { header, packed, signature, signed } = opened(compactJws(text.trim()));
    const signers = await signersOf(header, signed, signature, trust);
    const claims = await claimsOf(header, packed);
    /* One key may be published under several addresses; it counts for the one the card names. */
    const key = signers.find(({ iss }) => iss === "" || iss === claims.iss) || refuse("unknown-key");
    state.signedBy(key);
    state.issuer = key.issuer || (typeof claims.iss === "string" ? claims.iss.slice(0, 200) : "");
    state.facts = factsOf(claims, terms) || { kind: "unknown" };
    checkTimes(claims, now);
    if (key.formats.length && !key.formats.includes("shc")) refuse("wrong-key-usage");
    if (await trust.isRevoked([signature.slice(0, 32)])) refuse("revoked");
  });
}

function opened(jws) {
  const parts = jws.split(".");
  if (parts.length !== 3) refuse("bad-jws");
  let bytes;
  try {
    bytes = parts.map(base64url);
  } catch {
    refuse("bad-jws");
  }
  const header = readJson(textOf(bytes[0]), "bad-jws");
  if (!isObject(header)) refuse("bad-jws");
  return { header, packed: bytes[1], signature: bytes[2], signed: encoded(`${parts[0]}.${parts[1]}`) };
}

function textOf(bytes) {
  try {
    return utf8(bytes);
  } catch {
    return refuse("bad-jws");
  }
}

function compactJws(text) {
  let code = text;
  if (/^[{[]/.test(code)) code = fromJson(code);
  else if (CHUNK_START.test(code)) code = PREFIX + joined(code.split(/\s+|,|(?=shc:\/)/)); // in any order
  if (code.startsWith(PREFIX)) return fromDigits(code.slice(PREFIX.length));
  if (code.startsWith("shc:")) refuse("bad-prefix");
  return code;
}

/* The first card of a `.smart-health-card` file, or a list of codes that together make one card. */
function fromJson(text) {
  let cards = readJson(text, "bad-jws");
  if (isObject(cards)) cards = cards.verifiableCredential;
  if (!Array.isArray(cards) || !cards.length || !cards.every((card) => typeof card === "string")) refuse("bad-jws");
  return cards.every((card) => CHUNK.test(card)) ? PREFIX + joined(cards) : cards[0];
}

/* The digits of all chunks in order. Every chunk must be there, once, and speak of the same number of them. */
function joined(chunks) {
  const found = chunks.filter(Boolean).map((chunk) => CHUNK.exec(chunk));
  if (!found.length || found.includes(null)) refuse("bad-qr");
  const count = Number(found[0][2]);
  const numbered = new Map(found.map((match) => [Number(match[1]), match[3]]));
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const complete = found.length === count && numbers.every((number) => numbered.has(number));
  if (count > MAX_CHUNKS || !complete || found.some((match) => Number(match[2]) !== count)) refuse("bad-qr");
  return numbers.map((number) => numbered.get(number)).join("");
}

function fromDigits(digits) {
  if (!/^(\d\d)+$/.test(digits)) refuse("bad-qr");
  const pairs = digits.match(/\d\d/g).map(Number);
  if (pairs.some((pair) => pair > 77)) refuse("bad-qr");
  return String.fromCharCode(...pairs.map((pair) => pair + 45));
}

/* Every known key that signed this card. */
async function signersOf(header, signed, signature, trust) {
  const candidates = typeof header.kid === "string" ? trust.find(encoded(header.kid), "shc") : [];
  if (!candidates.length) refuse("unknown-key");
  if (header.alg !== "ES256") refuse("bad-signature");
  const fits = await Promise.all(candidates.map((key) => holds(key, "ES256", signature, signed)));
  const signers = candidates.filter((_, index) => fits[index]);
  return signers.length ? signers : refuse("bad-signature");
}

async function claimsOf(header, packed) {
  if (header.zip !== "DEF") refuse("bad-zlib");
  const claims = readJson(textOf(await inflate(packed, "deflate-raw", "bad-zlib")), "bad-jws");
  if (!isObject(claims)) refuse("bad-jws");
  return claims;
}

function checkTimes({ nbf = null, exp = null }, now) {
  if ([nbf, exp].some((moment) => moment !== null && typeof moment !== "number")) refuse("bad-schema");
  if (nbf !== null && nbf > now) refuse("not-yet-valid");
  if (exp !== null && exp < now) refuse("expired");
}

/* Patient and newest immunization of the bundle; null when it is not the bundle of a health card. */
function factsOf(claims, terms) {
  try {
    const { type, credentialSubject } = claims.vc;
    if (!type.includes(HEALTH_CARD)) return null;
    const resources = credentialSubject.fhirBundle.entry.slice(0, MAX_ENTRIES).map((entry) => entry.resource);
    const patient = resources.find((one) => one.resourceType === "Patient");
    const doses = resources.filter((one) => one.resourceType === "Immunization" && one.status === "completed");
    const name = patient.name[0];
    const facts = {
      kind: doses.length ? "vaccination" : "other",
      name: name.text || [...(name.given || []), name.family || ""].join(" ").trim(),
      birth_date: patient.birthDate,
      ...(doses.length ? doseFacts(doses, terms) : {}),
    };
    if (!Object.values(facts).every((value) => typeof value === "string")) return null;
    return Object.fromEntries(Object.entries(facts).filter(([, v]) => v).map(([n, v]) => [n, v.slice(0, MAX_FACT)]));
  } catch {
    return null;
  }
}

function doseFacts(doses, terms) {
  const dose = doses.reduce((newest, one) => (String(one.occurrenceDateTime) > String(newest.occurrenceDateTime) ? one : newest));
  return {
    vaccine: vaccineOf(dose.vaccineCode.coding, terms),
    date: dose.occurrenceDateTime,
    lot: dose.lotNumber ?? "",
    certificate_issuer: dose.performer?.[0]?.actor?.display ?? "",
    doses_on_card: String(doses.length),
  };
}

export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
