/* Keeps /verifikasi/ for use without a network: the files the page names, and nothing else. A code never comes here. */
"use strict";

const CACHE = `verifikasi ${self.registration.scope}`;
const PATIENCE = 4000; // milliseconds for the network before the kept copy is shown

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("message", (event) => {
  event.waitUntil(keep(event.data.keep).then(() => event.ports[0].postMessage("kept")));
});

async function keep(urls) {
  const cache = await caches.open(CACHE);
  await cache.addAll(urls.map((url) => new Request(url, { cache: "no-cache" })));
  const wanted = new Set(urls.map((url) => new URL(url, self.location.origin).href));
  const old = (await cache.keys()).filter((request) => !wanted.has(request.url));
  await Promise.all(old.map((request) => cache.delete(request)));
}

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(self.location.origin)) event.respondWith(answer(event.request));
});

async function answer(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, { ignoreSearch: true, ignoreVary: true });
  if (!kept) return fetch(request);
  if (new URL(request.url).pathname.startsWith("{{ static_url }}")) return kept;
  try {
    const fresh = await Promise.race([fetch(request), late()]);
    if (fresh.ok) await cache.put(request, fresh.clone());
    return fresh.ok ? fresh : kept;
  } catch {
    return kept;
  }
}

function late() {
  return new Promise((_, reject) => setTimeout(reject, PATIENCE));
}
