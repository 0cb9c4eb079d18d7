/* Published keys pasted by mistake: no certificate, but a set that breaks the rules of health cards is worth saying so. */

import { base64url, encoded, sha256, toBase64 } from "./bytes.js";
import { readJson } from "./limits.js";
import { isObject } from "./shc.js";

const WANTED = { kty: "EC", crv: "P-256", alg: "ES256", use: "sig" };

/* `bad-jwks` for a broken set of keys, `bad-prefix` for anything else. */
export async function verdictOf(text) {
  let document;
  try {
    document = readJson(text, "bad-prefix");
  } catch {
    return "bad-prefix";
  }
  if (!isObject(document) || !Object.hasOwn(document, "keys")) return "bad-prefix";
  const { keys } = document;
  if (!Array.isArray(keys) || !keys.length) return "bad-jwks";
  for (const key of keys) {
    if (!(await keepsRules(key))) return "bad-jwks";
  }
  return "bad-prefix";
}

async function keepsRules(key) {
  if (!isObject(key) || "d" in key || Object.entries(WANTED).some(([name, value]) => key[name] !== value)) return false;
  try {
    if (![key.x, key.y].every((part) => base64url(part).length === 32)) return false;
  } catch {
    return false;
  }
  const text = JSON.stringify({ crv: key.crv, kty: key.kty, x: key.x, y: key.y }); // RFC 7638
  const thumbprint = toBase64(await sha256(encoded(text)));
  return key.kid === thumbprint.replaceAll("+", "-").replaceAll("/", "_").replace("=", "");
}
