/** The token of an enrolled phone: given once by the service, kept by this browser, sent with every request. */
import { setBearer } from "../api/client.ts";
import type { Enrolled } from "../api/types.ts";

const tokenAs = "gp.device";
const installAs = "gp.install";
const endedAs = "gp.ended";

export type Kept = { token: string; code: string; patrol: string };

export function keptDevice(): Kept | null {
  try {
    const kept = JSON.parse(localStorage.getItem(tokenAs) ?? "null") as Partial<Kept> | null;
    return kept && typeof kept.token === "string" ? { token: kept.token, code: kept.code ?? "", patrol: kept.patrol ?? "" } : null;
  } catch {
    return null;
  }
}

export function keepDevice(e: Enrolled): void {
  localStorage.setItem(tokenAs, JSON.stringify({ token: e.token, code: e.device.code, patrol: e.patrol.name } satisfies Kept));
  localStorage.removeItem(endedAs);
  setBearer(e.token);
}

export function forgetDevice(): void {
  localStorage.removeItem(tokenAs);
  setBearer(null);
}

/** The service no longer lets this phone in. It says so until it is enrolled again. */
export function endDevice(): void {
  const was = keptDevice();
  forgetDevice();
  if (was) localStorage.setItem(endedAs, JSON.stringify({ code: was.code, patrol: was.patrol }));
}

export function endedDevice(): Omit<Kept, "token"> | null {
  try {
    const was = JSON.parse(localStorage.getItem(endedAs) ?? "null") as Partial<Kept> | null;
    return was ? { code: was.code ?? "", patrol: was.patrol ?? "" } : null;
  } catch {
    return null;
  }
}

/** Somebody signed in by account: the page is theirs. */
export function forgetEnded(): void {
  localStorage.removeItem(endedAs);
}

/** The same for all tries of this browser, so that an answer lost on a bad line can be asked for again. */
export function install(): string {
  let id = localStorage.getItem(installAs);
  if (!id) {
    id = crypto.randomUUID();
    localStorage.setItem(installAs, id);
  }
  return id;
}

/** A code as people type it, in capitals and without what was put between. */
export function plainCode(typed: string): string {
  return typed.toUpperCase().replace(/[^A-Z0-9]/g, "");
}
