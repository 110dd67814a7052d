// Keeps the phone page openable without a line: its files come from here when the
// service cannot be reached. Nothing of the API is ever kept, so no stale case is
// ever shown as a live one.
const shelf = "gridpatrol-page-1";

// The page that brings this worker was loaded without it: its files are fetched once
// more, so that the very first spell without a line finds them.
self.addEventListener("install", (event) => {
  event.waitUntil(Promise.all([self.skipWaiting(), stock().catch(() => {})]));
});
async function stock() {
  const page = await fetch("/m");
  if (!page.ok) return;
  const text = await page.clone().text();
  const cache = await caches.open(shelf);
  await cache.put("/m", page);
  await Promise.all([...new Set(text.match(/\/assets\/[\w.-]+/g) ?? [])].map(async (path) => keptFirst(new Request(path))));
}
self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((n) => n !== shelf).map((n) => caches.delete(n))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  const asset = url.pathname.startsWith("/assets/");
  // A list of names is what a report needs off line; it changes rarely.
  const list = /^\/api\/v1\/(categories|departments|areas)$/.test(url.pathname);
  const page = url.pathname === "/m" || url.pathname === "/m/";
  if (asset) event.respondWith(keptFirst(request));
  else if (page || list) event.respondWith(lineFirst(request));
});

async function keptFirst(request) {
  const kept = await caches.match(request);
  if (kept) return kept;
  return keep(request, await fetch(request));
}

async function lineFirst(request) {
  try {
    return await keep(request, await fetch(request));
  } catch (why) {
    const kept = await caches.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw why;
  }
}

async function keep(request, response) {
  if (response.ok) {
    const copy = response.clone();
    const cache = await caches.open(shelf);
    await cache.put(request, copy);
  }
  return response;
}
