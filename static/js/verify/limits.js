/* How much a code may ask of this device: the limits of certificates/verifying/limits.py. */

import { refuse } from "./outcome.js";

export const MAX_TEXT = 40000, MAX_HCERT_TEXT = 12000, MAX_DIVOC_TEXT = 12000, MAX_VDS_TEXT = 12000;
export const MAX_INFLATED = 65536, MAX_CBOR_DEPTH = 24, MAX_JSON_DEPTH = 24;
export const MAX_CHUNKS = 20, MAX_ZIP_ENTRIES = 4;
export const MAX_LD_NODES = 12, MAX_LD_ALIKE = 2, MAX_LD_BYTES = 12000, MAX_LD_KEYS = 120;

/* Inflate exactly one stream; a bomb, a broken stream or something after its end is refused. Kinds: deflate, deflate-raw. */
export async function inflate(packed, kind, verdict) {
  const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream(kind)).getReader();
  const parts = [];
  let size = 0;
  try {
    for (let step = await reader.read(); !step.done; step = await reader.read()) {
      size += step.value.length;
      if (size > MAX_INFLATED) break;
      parts.push(step.value);
    }
  } catch {
    refuse(verdict);
  }
  if (size > MAX_INFLATED) {
    reader.cancel().catch(() => {});
    refuse(verdict);
  }
  return joined(parts, size);
}

function joined(parts, size) {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/* Parse JSON under caps of size and depth. A name given twice is refused: readers would differ on which counts. */
export function readJson(text, verdict, most = MAX_INFLATED) {
  if (text.length > most || !isTame(text)) refuse(verdict);
  try {
    return JSON.parse(text);
  } catch {
    return refuse(verdict);
  }
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[[\]{}:]/gs;

function isTame(text) {
  const open = [];
  let last = "";
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "{" || token === "[") {
      open.push(token === "{" ? new Set() : null);
      if (open.length > MAX_JSON_DEPTH) return false;
    } else if (token === "}" || token === "]") {
      open.pop();
    } else if (token === ":") {
      const names = open.at(-1);
      const name = unquoted(last);
      if (!names || name === null || names.has(name)) return false;
      names.add(name);
    }
    last = token;
  }
  return true;
}

function unquoted(token) {
  try {
    return JSON.parse(token);
  } catch {
    return null;
  }
}
