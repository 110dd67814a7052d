/** What the person at this page was told: the list of the service, and how much of it is unread. */
import { signal } from "@preact/signals";
import { ask, client, Refused } from "../api/client.ts";
import type { Notice } from "../api/types.ts";

export const notices = signal<Notice[]>([]);
export const unseen = signal(0);
const shown = 50;

/** Asks for one line, and for the list only where there is something new: a phone pays by the byte. */
export async function peekNotices(): Promise<void> {
  try {
    const page = await ask(client.GET("/api/v1/me/notices", { params: { query: { limit: 1 } } }));
    if (page.items[0]?.id !== notices.value[0]?.id || page.unseen !== unseen.value) await loadNotices();
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
  }
}

export async function loadNotices(): Promise<void> {
  try {
    const page = await ask(client.GET("/api/v1/me/notices", { params: { query: { limit: shown } } }));
    notices.value = page.items;
    unseen.value = page.unseen;
  } catch (why) {
    if (!(why instanceof Refused)) throw why; // the list stays as it was; nothing of it is lost
  }
}

/** Names what was shown: a notice that was never on the page stays unread. */
export async function see(read: Notice[]): Promise<void> {
  const ids = read.filter((n) => n.seen_at === null).map((n) => n.id);
  if (ids.length === 0) return;
  try {
    const { unseen: left } = await ask(client.POST("/api/v1/me/notices/seen", { body: { ids } }));
    unseen.value = left;
    const now = new Date().toISOString();
    const seen = new Set(ids);
    notices.value = notices.value.map((n) => (seen.has(n.id) ? { ...n, seen_at: n.seen_at ?? now } : n));
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
  }
}

/** All there is, shown or not. */
export async function seeAll(): Promise<void> {
  const newest = notices.value[0];
  if (!newest) return;
  try {
    await ask(client.POST("/api/v1/me/notices/seen", { body: { up_to: newest.id } }));
    await loadNotices();
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
  }
}
