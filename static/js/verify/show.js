/* The verdict in words, as templates/certificates/verdict.html says it. */

const DAY = /^\d{4}-\d\d-\d\d$/;

function element(name, text, className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

/* `found`: what verifier.js answers; `page`: the words that came with the page. */
export function show(found, page) {
  const result = document.getElementById("verdict");
  const isUnknown = found.verdict === "valid" && found.facts.kind === "unknown";
  const [kind, title, text] = page.words[isUnknown ? "unknown-content" : found.verdict];
  const notice = element("div", "", `notice notice--${kind}`);
  notice.append(element("h2", title, "notice__title"), element("p", text));
  const parts = [notice];
  if (found.issuer) parts.push(element("p", `${page.signed_by} ${found.issuer}.`));
  const trust = page.trust[found.trust === "own" && found.list ? "own-listed" : found.trust];
  if (trust) parts.push(element("p", trust.replace("{list}", found.list)));
  const list = facts(found, page, isUnknown);
  if (list.children.length) parts.push(list, element("p", page.compare));
  parts.push(...found.notes.map((note) => element("p", page.notes[note], "hint")));
  parts.push(element("p", page.forgotten, "hint"));
  result.replaceChildren(...parts);
  result.dataset.verdict = found.verdict;
  result.hidden = false;
  result.focus();
}

function facts(found, page, isUnknown) {
  const list = element("dl", "", "summary-list");
  if (isUnknown || !found.facts.kind) return list;
  list.append(element("dt", page.kind_label), element("dd", page.kinds[found.facts.kind] || ""));
  for (const [name, label] of page.labels) {
    if (found.facts[name]) list.append(element("dt", label), element("dd", inWords(page, name, found.facts[name])));
  }
  return list;
}

/* A code of a test in words, where the page knows it. */
function inWords(page, name, value) {
  return page.codes?.[name]?.[value] || readable(name, value);
}

/* A full date in words, in the language of the page; a year or a moment stays as the code has it. */
function readable(name, value) {
  if (name === "country" && ["ID", "IDN"].includes(value)) return "Indonesia";
  const day = DAY.test(value) ? new Date(`${value}T00:00:00Z`) : null;
  if (!day || Number.isNaN(day.getTime())) return value;
  const form = { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" };
  return new Intl.DateTimeFormat(document.documentElement.lang, form).format(day);
}
