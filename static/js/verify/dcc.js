/* EU Digital COVID Certificate (schema 1.3.3): the rules of certificates/verifying/dcc.py on a decoded Map. */

import { brandOf, holderOf } from "./terms.js";

const STANDARD_NAME = /^[A-Z<]*$/, VERSION = /^\d+.\d+.\d+$/, BIRTH = /^((19|20)\d\d(-\d\d){0,2})?$/;
const DATE = /^\d{4}-\d\d-\d\d$/, MOMENT = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

const isString = (value) => typeof value === "string";
const isShort = (value) => isString(value) && [...value].length <= 80;
const isStandardName = (value) => isShort(value) && STANDARD_NAME.test(value);
const isCount = (value) => Number.isInteger(value) && value >= 1;
const isCountry = (value) => isString(value) && /[A-Z]{1,10}/.test(value);
const isDay = (value) => isString(value) && DATE.test(value) && isRealDay(value);
const isMoment = (value) => isString(value) && MOMENT.test(value) && isRealDay(value.slice(0, 10));

function isRealDay(text) {
  const day = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text) && !text.startsWith("0000");
}

const REQUIRED = {
  v: { tg: isString, vp: isString, mp: isString, ma: isString, dn: isCount, sd: isCount, dt: isDay, co: isCountry,
    is: isShort, ci: isShort },
  t: { tg: isString, tt: isString, sc: isMoment, tr: isString, co: isCountry, is: isShort, ci: isShort },
  r: { tg: isString, fr: isDay, co: isCountry, is: isShort, df: isDay, du: isDay, ci: isShort },
};
const OPTIONAL = { v: {}, t: { nm: isShort, ma: isString, tc: isShort }, r: {} };

/* `v`, `t` or `r`; empty when there is not exactly one of them. */
export function kind(content) {
  const present = content instanceof Map ? ["v", "t", "r"].filter((group) => content.has(group)) : [];
  return present.length === 1 ? present[0] : "";
}

export function keepsSchema(content) {
  const group = kind(content);
  if (!group || !isString(content.get("ver")) || !VERSION.test(content.get("ver"))) return false;
  if (!isString(content.get("dob")) || !BIRTH.test(content.get("dob")) || !isName(content.get("nam"))) return false;
  const entries = content.get(group);
  if (!Array.isArray(entries) || entries.length !== 1 || !(entries[0] instanceof Map)) return false;
  const fits = ([name, check]) => check(entries[0].get(name));
  return Object.entries(REQUIRED[group]).every(fits) &&
    Object.entries(OPTIONAL[group]).filter(([name]) => entries[0].has(name)).every(fits);
}

function isName(name) {
  if (!(name instanceof Map) || !(name.has("fnt") || name.has("gnt"))) return false;
  const fits = (check) => (part) => !name.has(part) || check(name.get(part));
  return ["fn", "gn"].every(fits(isShort)) && ["fnt", "gnt"].every(fits(isStandardName));
}

/* Of a content that keeps the schema: every code stands in a published list. */
export function keepsValueSets(content, terms) {
  const group = kind(content), entry = content.get(group)[0];
  const fields = group === "v" ? ["tg", "vp", "mp", "ma"] : ["tg"];
  return fields.every((field) => terms.value_sets[field].includes(entry.get(field)));
}

/* Of a content that keeps the schema: what a person at the door needs to see. */
export function facts(content, terms) {
  const group = kind(content), name = content.get("nam"), entry = content.get(group)[0];
  const given = name.get("gn") || name.get("gnt") || "", surname = name.get("fn") || name.get("fnt") || "";
  const found = {
    kind: { v: "vaccination", t: "test", r: "recovery" }[group],
    name: [given, surname].filter(Boolean).join(" "),
    birth_date: content.get("dob"),
    disease: entry.get("tg") === terms.covid_19 ? "COVID-19" : entry.get("tg"),
    country: entry.get("co"),
    certificate_issuer: entry.get("is"),
    uvci: entry.get("ci"),
  };
  if (group === "t") return { ...found, test_type: entry.get("tt"), test_result: entry.get("tr"), date: entry.get("sc") };
  if (group === "r") {
    return { ...found, date: entry.get("fr"), valid_from: entry.get("df"), valid_until: entry.get("du") };
  }
  return {
    ...found,
    vaccine: brandOf(entry.get("mp"), terms),
    product: entry.get("mp"),
    manufacturer: holderOf(entry.get("ma"), terms),
    dose: `${number(entry.get("dn"))}/${number(entry.get("sd"))}`,
    date: entry.get("dt"),
  };
}

function number(value) {
  return value < 1000 ? String(value) : ">999";
}
