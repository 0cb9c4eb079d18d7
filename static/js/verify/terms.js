/* Codes in words, and the small helpers every reader of facts needs (certificates/verifying/terms.py; the tables come with the page). */

const MAX_FACT = 300;

export function isText(value) {
  return typeof value === "string" && value !== "" && [...value].length <= MAX_FACT;
}

/* Only those fields that are plain text: nothing nested, nothing long, nothing empty. */
export function compact(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => isText(value)));
}

export function diseaseName(code, terms) {
  return own(terms.diseases, code) || code;
}

export function icdVaccine(code, terms) {
  return own(terms.brands_icd, code) || own(terms.vaccine_types, code) || code;
}

export function brandOf(product, terms) {
  return own(terms.brands_eu, product) || product;
}

export function holderOf(code, terms) {
  return own(terms.holders_eu, code) || code;
}

/* Brand for the first code we know, else the first code with its system; throws for a bad coding. */
export function vaccineOf(coding, terms) {
  for (const { system, code } of coding) {
    if (typeof system !== "string") throw new Error("coding");
    const table = system === terms.cvx ? terms.brands_cvx : system.includes("icd") ? terms.brands_icd : {};
    if (own(table, code)) return table[code];
  }
  const { system, code } = coding[0];
  const label = { [terms.cvx]: "CVX", [terms.kfa]: "KFA" }[system] || (system.includes("id.who.int/icd") ? "ICD-11" : "");
  return `${label} ${code}`.trim();
}

/* `2/3`, or `2` where no total is told; empty for anything that is no small number. */
export function doseText(number, total) {
  return [number, total].filter(isSmall).map((part) => String(Number(part))).join("/");
}

function isSmall(value) {
  if (typeof value === "string") return /^\d{1,3}$/.test(value) && Number(value) > 0;
  return Number.isInteger(value) && value > 0 && value < 1000;
}

/* A table is plain JSON: what stands on every object is no entry of it. */
function own(table, name) {
  return typeof name === "string" && Object.hasOwn(table, name) ? table[name] : undefined;
}

export function asText(value) {
  return typeof value === "string" ? value : "";
}
