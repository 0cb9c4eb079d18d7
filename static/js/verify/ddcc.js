/* WHO DDCC:VS: subclaim 3, and the flat pilot codes (certificates/verifying/ddcc.py). */

import { compact, diseaseName, doseText, isText } from "./terms.js";

const FLAT_MARKS = ["hcid", "vaccine", "test", "meta"];

export function looksFlat(claims) {
  return typeof claims.get("name") === "string" && FLAT_MARKS.some((mark) => claims.has(mark));
}

/* True when the content has the fields a reader may rely on. */
export function recognised(content) {
  if (!(content instanceof Map) || !isText(content.get("name"))) return false;
  return coded(content.get("vaccine")) !== null || content.get("test") instanceof Map;
}

/* A test is never shown as a vaccination, also when a code carries both words. */
export function facts(content, terms) {
  if (!recognised(content)) return {};
  const test = content.get("test");
  if (test instanceof Map) return testFacts(content, test);
  const target = coded(content.get("disease"));
  const total = content.has("totalDoses") ? content.get("totalDoses") : content.get("total_doses");
  return compact({
    kind: "vaccination",
    name: content.get("name"),
    birth_date: content.get("birthDate"),
    vaccine: coded(content.get("vaccine")),
    manufacturer: coded(content.get("manufacturer")),
    disease: target ? diseaseName(target, terms) : null,
    date: content.get("date"),
    dose: doseText(content.get("dose"), total),
    lot: content.get("lot"),
    country: coded(content.get("country")),
    valid_until: content.get("valid_until"),
    certificate_issuer: content.get("centre"),
  });
}

function testFacts(content, test) {
  return compact({
    kind: "test",
    name: content.get("name"),
    birth_date: content.get("birthDate"),
    test_type: coded(test.get("type")),
    test_result: coded(test.get("result")),
    date: test.get("date"),
    country: coded(test.get("country")),
    certificate_issuer: test.get("centre"),
  });
}

function coded(value) {
  const text = value instanceof Map ? value.get("display") || value.get("code") : value;
  return isText(text) ? text : null;
}
