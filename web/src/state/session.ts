/** Who is signed in, and the way to the sign-in page. */
import { signal } from "@preact/signals";
import { ask, client, onSignedOut, setCSRF } from "../api/client.ts";
import type { Session } from "../api/types.ts";

export const session = signal<Session | null>(null);

export function may(action: string): boolean {
  return session.value?.may.includes(action) ?? false;
}

export async function loadSession(): Promise<Session> {
  const who = await ask(client.GET("/api/v1/session"));
  setCSRF(who.csrf);
  session.value = who;
  return who;
}

export async function signIn(username: string, password: string): Promise<Session> {
  const who = await ask(client.POST("/api/v1/session", { body: { username, password } }));
  setCSRF(who.csrf);
  session.value = who;
  return who;
}

export async function signOut(): Promise<void> {
  try {
    await ask(client.DELETE("/api/v1/session"));
  } finally {
    toSignIn();
  }
}

/** Roles whose work is the phone in their hand. */
const onFoot = new Set(["officer", "grid_worker", "part_timer"]);
export function homeOf(who: Session): string {
  return onFoot.has(who.role) ? "/m" : "/";
}

export function toSignIn(): void {
  location.replace(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/** Where to go after signing in: only to a page of our own. */
export function nextPage(search: string, fallback: string): string {
  const next = new URLSearchParams(search).get("next");
  return next && /^\/(?![/\\])/.test(next) && !next.startsWith("/login") ? next : fallback;
}

export function guardPage(otherwise: () => void = toSignIn): void {
  onSignedOut(otherwise);
}
