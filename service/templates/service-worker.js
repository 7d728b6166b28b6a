// Says honestly that there is no connection, and nothing else: every answer comes from the network, always.
"use strict";

const KEPT = {{ kept | tojson }};
const OFFLINE = KEPT[0];
// The name changes with the files, so that a new version keeps its own page and lets the former one go.
const STORE = "offline-{{ version }}";

addEventListener("install", (event) => {
  // Past the browser's cache, or a page of the former version could be kept.
  const requests = KEPT.map((address) => new Request(address, { cache: "reload" }));
  event.waitUntil(caches.open(STORE).then((store) => store.addAll(requests)).then(() => skipWaiting()));
});

addEventListener("activate", (event) => {
  const former = caches.keys().then((names) => names.filter((name) => name !== STORE));
  event.waitUntil(former.then((names) => Promise.all(names.map((name) => caches.delete(name)))));
});

addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const { pathname } = new URL(request.url);
  if (request.mode === "navigate") {
    event.respondWith(fetch(request).catch(() => caches.match(OFFLINE)));
  } else if (KEPT.includes(pathname)) {
    // The page's own style and sign, which never change at their address.
    event.respondWith(fetch(request).catch(() => caches.match(pathname)));
  }
});
