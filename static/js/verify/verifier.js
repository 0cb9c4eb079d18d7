/* One door for every code, as certificates/verifying/__init__.py. Nothing leaves this device. */

import * as divoc from "./divoc.js";
import * as hcert from "./hcert.js";
import * as jwks from "./jwks.js";
import { MAX_TEXT } from "./limits.js";
import { NotHere } from "./outcome.js";
import * as shc from "./shc.js";
import { Trust } from "./trust.js";
import * as vdsnc from "./vdsnc.js";

export function canVerifyHere() {
  return Boolean(globalThis.crypto?.subtle && globalThis.DecompressionStream && globalThis.TextDecoder);
}

/* A function from text (and a moment in seconds) to {format, verdict, facts, issuer, trust, list, notes}. It never
   throws; null means that this browser lacks something and the server has to answer.
   `data`: {keys, revoked, terms, contexts}, see certificates/browser.py. */
export function verifierFor(data) {
  const world = { trust: new Trust(data), terms: data.terms, contexts: data.contexts };
  return async (text, now = Date.now() / 1000) => {
    try {
      return await verify(text, { ...world, now });
    } catch (error) {
      if (!(error instanceof NotHere)) console.error(error.name); // never the code itself
      return null;
    }
  };
}

function verify(given, world) {
  if (given.length > 2 * MAX_TEXT) return unreadable("bad-qr");
  if (given.startsWith("PK\x03\x04")) return divoc.verify(given, world);
  const text = given.trim().replace(/^\uFEFF|\uFEFF$/g, "");
  if (text.startsWith(hcert.PREFIX)) return hcert.verify(oneLine(text), world);
  if (divoc.looksLike(text)) return divoc.verify(text.replace(/\s/g, ""), world);
  if (shc.looksLike(text)) return shc.verify(keepsLines(text) ? text : oneLine(text), world);
  if (vdsnc.looksLike(text)) return vdsnc.verify(text, world);
  return text.startsWith("{") ? keySet(text) : unreadable("bad-prefix");
}

async function keySet(text) {
  const verdict = await jwks.verdictOf(text);
  return unreadable(verdict, verdict === "bad-jwks" ? "jwks" : "unknown");
}

/* Line breaks come from pasting; blanks are data in base45. */
function oneLine(text) {
  return text.replace(/[\r\n\t]/g, "");
}

/* Files and several chunks are told apart by their own marks. */
function keepsLines(text) {
  return /^[{[]/.test(text) || text.split("shc:/").length > 2;
}

function unreadable(verdict, format = "unknown") {
  return { format, verdict, facts: {}, issuer: "", trust: "", list: "", notes: [] };
}
