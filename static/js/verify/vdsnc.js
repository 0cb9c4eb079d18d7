/* ICAO VDS-NC: JSON with its signer certificate inside, as certificates/verifying/vdsnc.py reads it.
   The signature proves nothing until that certificate leads to an authority we accept. */

import { base64, encoded } from "./bytes.js";
import { canonicalJson } from "./canonical.js";
import { readCertificate, issuedBy } from "./certificate.js";
import { MAX_VDS_TEXT, readJson } from "./limits.js";
import { judged, refuse } from "./outcome.js";
import { isObject } from "./shc.js";
import { holds } from "./signatures.js";
import { asText, compact, diseaseName, icdVaccine, isText } from "./terms.js";

const ALGORITHMS = new Set(["ES256", "ES384", "ES512"]);
const KINDS = new Map([["icao.vacc", "NV"], ["icao.test", "NT"]]); // message, and the document type its signer is for
const SEAL_USAGE = "2.23.136.1.1.14.2";

/* Health-card files are JSON too and are looked for first. */
export function looksLike(text) {
  return text.startsWith("{") && text.slice(0, 400).includes('"data"');
}

/* Check one seal at `now` (seconds). */
export function verify(text, { trust, terms, now }) {
  return judged("vds-nc", async (state) => {
    const { data, sig } = open(text);
    const signer = signerOf(sig);
    const canonical = encoded(canonicalJson(data));
    if (!(await holds(signer, sig.alg, unbase64(sig.sigvl), canonical))) {
      refuse(authoritiesOf(signer, trust).length ? "bad-signature" : "unknown-key");
    }
    const authority = await authorityOf(signer, trust, state);
    state.signedBy(authority);
    state.issuer = authority.issuer || signer.issuer;
    state.facts = factsOf(data, terms);
    checkTimes(signer, authority, Math.floor(now));
    checkUsage(signer, authority, data);
    if (!Object.keys(state.facts).length) refuse("bad-schema");
  });
}

function open(text) {
  const document = readJson(text, "bad-json", MAX_VDS_TEXT);
  if (!hasExactly(document, ["data", "sig"])) refuse("bad-json");
  const { data, sig } = document;
  if (!isObject(data) || !hasExactly(sig, ["alg", "cer", "sigvl"])) refuse("bad-json");
  if (!Object.values(sig).every((value) => typeof value === "string") || !ALGORITHMS.has(sig.alg)) refuse("bad-json");
  return { data, sig };
}

function hasExactly(value, names) {
  return isObject(value) && Object.keys(value).sort().join() === names.join();
}

/* Base64url with or without padding: the two specimens do it differently. */
function unbase64(text) {
  const plain = text.replace(/=+$/, "").replaceAll("-", "+").replaceAll("_", "/");
  try {
    return base64(plain + "=".repeat((4 - (plain.length % 4)) % 4));
  } catch {
    return refuse("bad-json");
  }
}

function signerOf(sig) {
  try {
    return readCertificate(unbase64(sig.cer));
  } catch {
    return refuse("bad-json");
  }
}

function authoritiesOf(signer, trust) {
  const named = trust.find(signer.authorityKeyId, "csca");
  return named.length || !trust.pinned ? named : trust.all("csca");
}

async function authorityOf(signer, trust, state) {
  const candidates = authoritiesOf(signer, trust);
  for (const authority of candidates) {
    if (await issuedBy(signer, authority)) return authority;
  }
  if (candidates.length) refuse("bad-signature"); // it names an authority we know, and that authority never signed it
  state.trust = "unlisted";
  return refuse("unknown-key");
}

/* A seal has no dates of its own: its signer's certificate must be valid now, and the authority's cover its start. */
function checkTimes(signer, authority, now) {
  if (now < signer.notBefore) refuse("not-yet-valid");
  if (now > signer.notAfter) refuse("expired");
  if (authority.notBefore !== null && signer.notBefore < authority.notBefore) refuse("not-yet-valid");
  if (authority.notAfter !== null && signer.notBefore > authority.notAfter) refuse("expired");
}

function checkUsage(signer, authority, data) {
  const type = KINDS.get(isObject(data.hdr) ? data.hdr.t : "") || "";
  if (!signer.usageOids.includes(SEAL_USAGE) || !signer.documentTypes.includes(type)) refuse("wrong-key-usage");
  if (authority.formats.length && !authority.formats.includes("vds-nc")) refuse("wrong-key-usage");
}

/* Who, what and when; empty for a message that is not understood. */
function factsOf(data, terms) {
  try {
    const { hdr: header, msg: message } = data;
    const common = {
      name: message.pid.n.trim().split(/\s+/).join(" "),
      birth_date: message.pid.dob,
      country: header.is,
      uvci: message.uvci,
    };
    if (header.t === "icao.vacc") return compact({ ...common, ...vaccination(message.ve, terms) });
    if (header.t === "icao.test") return compact({ kind: "test", ...common, test_result: message.tr?.r });
  } catch {
    return {};
  }
  return {};
}

function vaccination(events, terms) {
  const given = events.flatMap((event) => event.vd.map((dose) => ({ event, dose })));
  if (!given.every(({ dose }) => isText(dose.dvc))) throw new Error("a dose without a day");
  const { event, dose } = given.reduce((newest, one) => (one.dose.dvc > newest.dose.dvc ? one : newest));
  return {
    kind: "vaccination",
    vaccine: event.nam || icdVaccine(asText(event.des), terms),
    disease: diseaseName(event.dis, terms),
    dose: Number.isInteger(dose.seq) && dose.seq > 0 && dose.seq < 100 ? String(dose.seq) : null,
    date: dose.dvc,
    lot: dose.lot,
    certificate_issuer: dose.adm,
    doses_on_card: String(given.length),
  };
}
