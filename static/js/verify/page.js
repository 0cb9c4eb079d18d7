/* /verifikasi/: check the code in this browser, with keys and revocations that came with the page; keep it for use
   without a network. Without this file, or in a browser without the means, the form is sent and the server answers. */

import { base64 } from "./bytes.js";
import { startScanning } from "./scan.js";
import { show } from "./show.js";
import { canVerifyHere, verifierFor } from "./verifier.js";

const form = document.getElementById("verify-form");
const page = JSON.parse(document.getElementById("verify-data").textContent);
const box = form.querySelector("textarea");
const state = document.querySelector("[data-offline-state]");
let check = null;
let answered = false; // set once the form must go to the server

async function load() {
  const [data, revoked] = await Promise.all([fetchJson(page.data), fetchRevocations(page.revocations)]);
  if (data.keys.some((key) => key.family === "divoc")) await loadScript(page.jsonld);
  check = verifierFor({ ...data, revoked });
  form.dataset.ready = "1";
  say("dated", new Date(data.made_at));
}

async function fetchJson(url) {
  const answer = await fetch(url, { cache: "no-cache" });
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
}

/* The hashes of revoked codes, from the payload of our signed list. */
async function fetchRevocations(url) {
  const answer = await fetch(url, { cache: "no-cache" });
  if (!answer.ok) throw new Error(answer.status);
  const payload = (await answer.text()).split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  const { entries } = JSON.parse(new TextDecoder().decode(base64(payload + "=".repeat((4 - (payload.length % 4)) % 4))));
  return Object.values(entries).flat();
}

function loadScript(url) {
  return new Promise((resolve) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = script.onerror = resolve; // without it such codes go to the server
    document.head.append(script);
  });
}

function say(name, moment) {
  const when = moment && new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "long", timeStyle: "short" });
  const text = state.getAttribute(`data-text-${name}`) || "";
  state.textContent = [state.textContent, when ? `${text} ${when.format(moment)}.` : text].filter(Boolean).join(" ");
}

/* Everything this page has loaded is kept, so that it opens and checks without a network. */
async function keepForOffline() {
  if (!navigator.serviceWorker) return;
  await navigator.serviceWorker.register(page.worker);
  const { active } = await navigator.serviceWorker.ready;
  const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
  const own = loaded.filter((url) => url.startsWith(location.origin) && !url.endsWith(page.worker));
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    form.dataset.offline = "1";
    say("offline");
  };
  active.postMessage({ keep: [...new Set([location.pathname, ...own])] }, [channel.port2]);
}

async function judge(text) {
  const found = await check(text);
  if (found) {
    show(found, page);
    box.value = form.querySelector("[data-scan-status]").textContent = "";
  } else {
    answered = true;
    form.requestSubmit();
  }
}

form.addEventListener("submit", (event) => {
  if (!box.value.trim()) return;
  if (check && !answered) {
    event.preventDefault();
    judge(box.value);
  } else if (!navigator.onLine) {
    event.preventDefault(); // the code stays in the box
    answered = false;
    form.querySelector("[data-scan-status]").textContent = page.needs_network;
  }
});

startScanning(form, page, (text) => {
  box.value = text;
  form.requestSubmit();
});

if (canVerifyHere()) load().then(keepForOffline).catch(() => { /* the server answers as long as there is a network */ });
