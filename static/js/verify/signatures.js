/* Does this key stand behind these bytes? The algorithm is bound to the key, never chosen by the code alone. */

import { NotHere } from "./outcome.js";

const MIN_RSA_BITS = 2048, MAX_RSA_BITS = 8192;
const EC_KEY = { "P-256": { name: "ECDSA", namedCurve: "P-256" }, "P-384": { name: "ECDSA", namedCurve: "P-384" },
  "P-521": { name: "ECDSA", namedCurve: "P-521" } };
const ALGORITHMS = {
  ES256: { type: "P-256", length: 64, check: { name: "ECDSA", hash: "SHA-256" } },
  ES384: { type: "P-384", length: 96, check: { name: "ECDSA", hash: "SHA-384" } },
  ES512: { type: "P-521", length: 132, check: { name: "ECDSA", hash: "SHA-512" } },
  PS256: { type: "RSA", check: { name: "RSA-PSS", saltLength: 32 }, open: { name: "RSA-PSS", hash: "SHA-256" } },
  EdDSA: { type: "Ed25519", length: 64, check: { name: "Ed25519" }, open: { name: "Ed25519" } },
};

/* True when the algorithm fits the type of `key` ({type, spki}) and the signature is over exactly these bytes.
   ECDSA signatures are r followed by s, never DER. Throws NotHere where the browser lacks the algorithm. */
export async function holds(key, algorithm, signature, data) {
  const rule = ALGORITHMS[algorithm];
  if (!rule || rule.type !== key.type || (rule.length && signature.length !== rule.length)) return false;
  const opened = await publicKey(key.spki, rule.open || EC_KEY[rule.type]);
  if (!opened || !sizeIsFine(opened)) return false;
  return crypto.subtle.verify(rule.check, opened, signature, data);
}

/* The key for WebCrypto; null when it is broken. */
export async function publicKey(spki, algorithm) {
  try {
    return await crypto.subtle.importKey("spki", spki, algorithm, false, ["verify"]);
  } catch (error) {
    if (error.name === "NotSupportedError") throw new NotHere(algorithm.name);
    return null;
  }
}

function sizeIsFine(key) {
  const bits = key.algorithm.modulusLength;
  return bits === undefined || (bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS);
}
