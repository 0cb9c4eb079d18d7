/* RFC 8785 (JSON Canonicalization Scheme): names in order of their UTF-16 units, numbers as JavaScript writes them. */

import { refuse } from "./outcome.js";

const LONELY_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

export function canonicalJson(value) {
  if (typeof value === "string" && LONELY_SURROGATE.test(value)) refuse("bad-json");
  if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)) refuse("bad-json");
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members = Object.keys(value).sort().map((name) => `${canonicalJson(name)}:${canonicalJson(value[name])}`);
  return `{${members.join(",")}}`;
}
