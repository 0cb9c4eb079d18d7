/* WHO digital vaccination certificate (subclaim -6): the mapping of certificates/verifying/dvc.py, and only that one. */

import { compact, diseaseName, isText } from "./terms.js";

const MAX_ENTRIES = 20;
const TOP = new Set(["n", "dob", "s", "ntl", "nid", "ndt", "gn", "v"]);
const ENTRY = new Set(["vp", "dt", "bo", "is", "cn", "vls", "vle", "tg", "mp", "ma", "mid"]);

/* True when every required field is there, every field is one of this mapping, and all are short texts. */
export function recognised(content) {
  if (!(content instanceof Map) || ![...content.keys()].every((name) => TOP.has(name))) return false;
  const entries = entriesOf(content);
  if (!entries || !entries.length || entries.length > MAX_ENTRIES) return false;
  const texts = [...content].every(([name, value]) => name === "v" || isText(value));
  return texts && content.has("n") && content.has("dob") && entries.every(isEntry);
}

function entriesOf(content) {
  const entries = content.get("v");
  if (entries instanceof Map) return [entries];
  return Array.isArray(entries) ? entries : null;
}

function isEntry(entry) {
  if (!(entry instanceof Map) || ![...entry.keys()].every((name) => ENTRY.has(name))) return false;
  const required = ["vp", "dt", "bo"].every((name) => entry.has(name)) && (entry.has("is") || entry.has("cn"));
  return required && [...entry.values()].every(isText);
}

/* Name, birth date and the newest dose. */
export function facts(content, terms) {
  if (!recognised(content)) return {};
  const entries = entriesOf(content);
  const entry = entries.reduce((newest, one) => (one.get("dt") > newest.get("dt") ? one : newest));
  return compact({
    kind: "vaccination",
    name: content.get("n"),
    birth_date: content.get("dob"),
    disease: entry.has("tg") ? diseaseName(entry.get("tg"), terms) : null,
    vaccine: entry.get("vp"),
    manufacturer: entry.get("ma"),
    date: entry.get("dt"),
    lot: entry.get("bo"),
    valid_from: entry.get("vls"),
    valid_until: entry.get("vle"),
    certificate_issuer: entry.get("is") || entry.get("cn"),
    doses_on_card: entries.length > 1 ? String(entries.length) : null,
  });
}
