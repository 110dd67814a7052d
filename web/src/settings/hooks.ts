/** Webhooks: which systems outside are told that cases move on, and what became of what they were sent. */
import { computed, signal } from "@preact/signals";
import { ask, client, Refused } from "../api/client.ts";
import type { components } from "../api/schema.d.ts";
import { words } from "../i18n/index.ts";
import { inShort } from "./book.ts";

type S = components["schemas"];
export type Hook = S["Webhook"];
export type Kind = S["WebhookKind"];
export type Delivery = S["WebhookDelivery"];
export const kinds: readonly Kind[] = ["case.opened", "case.stage", "case.sent", "case.on_scene", "case.closed", "case.shortfall", "case.warned", "case.overdue", "case.urged", "case.supervised"];
/** As many as the service takes, and as many of the last messages as a person reads. */
export const mostHooks = 20;
const shownCalls = 12;

/** What stands in the fields; id is empty for one that is new. An empty area or department is all of them. */
export type HookDraft = { id: string; name: string; url: string; kinds: Kind[]; area: string; department: string };
export type HookField = "name" | "url" | "kinds" | "area" | "department";
export type HookFaults = Partial<Record<HookField, string>>;

export const hooks = signal<Hook[] | null>(null);
export const chosen = signal("");
export const hook = computed(() => hooks.value?.find((h) => h.id === chosen.value) ?? null);
export const calls = signal<Delivery[] | null>(null);
export const hookDraft = signal<HookDraft | null>(null);
/** Shown once, right after it was made; nobody can ask for it again. */
export const secret = signal<{ id: string; text: string } | null>(null);
/** What came back of a test. */
export const pinged = signal<Delivery | null>(null);
export const busy = signal(false);
/** A test may take as long as somebody else's server does; nothing else waits for it. */
export const pinging = signal(false);
export const trouble = signal("");
/** Whether it was tried to save: only then is said what is missing. */
const tried = signal(false);
const refused = signal<HookFaults>({});

export type HookState = "off" | "failing" | "unused" | "good";
export const stateOf = (h: Hook): HookState => (!h.enabled ? "off" : h.failing_since ? "failing" : h.last_delivered_at ? "good" : "unused");

/** What waits, and when the next of it that failed before is tried again. */
export function waiting(of: readonly Delivery[]): { count: number; next: string | null } {
  const left = of.filter((c) => c.state === "waiting");
  const next = left.flatMap((c) => (c.tries > 0 && c.next_at ? [c.next_at] : [])).sort()[0] ?? null;
  return { count: left.length, next };
}

/** Why there was no answer, as a person says it; what a receiver itself said stays as it is. */
export function reasonOf(text: string, w: Record<"slow" | "name" | "refused" | "inside" | "certificate", string>): string {
  if (/^no answer within|i\/o timeout/.test(text)) return w.slow;
  if (/no such host|server misbehaving/.test(text)) return w.name;
  if (/connection refused/.test(text)) return w.refused;
  if (/not of the public Internet|lies in a network/.test(text)) return w.inside;
  return /x509|certificate/.test(text) ? w.certificate : text;
}

const draftOf = (h: Hook): HookDraft => ({ id: h.id, name: h.name, url: h.url, kinds: h.kinds, area: h.area_code, department: h.department });
const blank: HookDraft = { id: "", name: "", url: "", kinds: ["case.opened", "case.stage", "case.closed"], area: "", department: "" };

export function missing(d: HookDraft, w: { name: string; url: string; kinds: string }): HookFaults {
  const out: HookFaults = {};
  if (!d.name.trim()) out.name = w.name;
  if (!/^https?:\/\/[^\s/]/i.test(d.url.trim())) out.url = w.url;
  if (d.kinds.length === 0) out.kinds = w.kinds;
  return out;
}
export const faults = computed<HookFaults>(() => ({ ...refused.value, ...(tried.value && hookDraft.value ? missing(hookDraft.value, words.value.settings.hooks.wrong) : {}) }));

/** Whether something typed would be lost. */
export const typed = computed(() => {
  const d = hookDraft.value;
  const was = d?.id ? hooks.value?.find((h) => h.id === d.id) : undefined;
  return d !== null && JSON.stringify(d) !== JSON.stringify(was ? draftOf(was) : blank);
});

export async function loadHooks(): Promise<void> {
  await said(async () => {
    hooks.value = (await ask(client.GET("/api/v1/webhooks"))).items;
  });
  const first = hooks.value?.[0];
  if (!hook.value && first && !hookDraft.value) await choose(first.id);
}

/** Does it; what the service refuses is said. */
async function said(act: () => Promise<void>): Promise<boolean> {
  trouble.value = "";
  try {
    await act();
    return true;
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    trouble.value = why.type.endsWith("/too-many-webhooks") ? words.value.settings.hooks.full(mostHooks) : inShort(why);
    return false;
  }
}

/** Lets go of what is typed and of what was shown once. */
export function putAway(): void {
  hookDraft.value = null;
  secret.value = null;
  pinged.value = null;
  refused.value = {};
  tried.value = false;
  trouble.value = "";
}

export async function choose(id: string): Promise<void> {
  putAway();
  chosen.value = id;
  calls.value = null;
  await loadCalls();
}

export async function loadCalls(): Promise<void> {
  const id = chosen.value;
  if (!id) return;
  await said(async () => {
    const page = await ask(client.GET("/api/v1/webhooks/{id}/deliveries", { params: { path: { id }, query: { limit: 200 } } }));
    if (chosen.value === id) calls.value = page.items;
  });
}
export const lastCalls = computed(() => (calls.value ?? []).slice(0, shownCalls));

export function edit(h: Hook | null): void {
  putAway();
  hookDraft.value = h ? draftOf(h) : blank;
}

export function set(change: Partial<HookDraft>): void {
  if (!hookDraft.value) return;
  hookDraft.value = { ...hookDraft.value, ...change };
  refused.value = {};
  trouble.value = "";
}

const fieldOf: Record<string, HookField> = { name: "name", url: "url", kinds: "kinds", area_code: "area", department: "department" };

export async function save(): Promise<void> {
  const d = hookDraft.value;
  if (!d || busy.value) return;
  tried.value = true;
  if (Object.keys(faults.value).length > 0) return;
  busy.value = true;
  trouble.value = "";
  const body = { name: d.name.trim(), url: d.url.trim(), kinds: d.kinds, area_code: d.area, department: d.department };
  try {
    if (d.id) {
      const was = hooks.value?.find((h) => h.id === d.id);
      const is = await ask<Hook>(client.PATCH("/api/v1/webhooks/{id}", { params: { path: { id: d.id } }, body: { ...body, ...(was ? { version: was.version } : {}) } }));
      put(is);
      await choose(is.id);
    } else {
      const made = await ask<S["WebhookMade"]>(client.POST("/api/v1/webhooks", { body }));
      put(made.webhook);
      await choose(made.webhook.id);
      secret.value = { id: made.webhook.id, text: made.secret };
    }
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    const at = (why.problem?.errors ?? []).flatMap((e) => fieldOf[e.pointer.split("/")[1] ?? ""] ?? []);
    const w = words.value.settings.hooks;
    refused.value = Object.fromEntries(at.map((f) => [f, w.refused[f]]));
    if (why.status === 409 && d.id) {
      await loadHooks(); // what is typed stays, against what is now
      trouble.value = w.changedMeanwhile;
    } else if (at.length === 0) trouble.value = why.type.endsWith("/too-many-webhooks") ? w.full(mostHooks) : inShort(why);
  } finally {
    busy.value = false;
  }
}

function put(is: Hook): void {
  const all = hooks.value ?? [];
  hooks.value = all.some((h) => h.id === is.id) ? all.map((h) => (h.id === is.id ? is : h)) : [...all, is];
}

async function acted(running: typeof busy, act: () => Promise<void>): Promise<boolean> {
  if (running.value) return false;
  running.value = true;
  try {
    return await said(act);
  } finally {
    running.value = false;
  }
}

/** Sends a message that tells of nothing, and shows what came back. */
export async function ping(id: string): Promise<void> {
  pinged.value = null;
  const done = await acted(pinging, async () => {
    const back = await ask<Delivery>(client.POST("/api/v1/webhooks/{id}/test", { params: { path: { id } } }));
    if (chosen.value === id) pinged.value = back;
  });
  if (done) await loadHooks();
  if (done) await loadCalls();
}

export async function enable(id: string, enabled: boolean): Promise<void> {
  const done = await acted(busy, async () => {
    put(await ask<Hook>(client.PATCH("/api/v1/webhooks/{id}", { params: { path: { id } }, body: { enabled } })));
    pinged.value = null;
  });
  if (done) await loadCalls();
}

export async function drop(id: string): Promise<void> {
  const done = await acted(busy, async () => {
    await ask(client.DELETE("/api/v1/webhooks/{id}", { params: { path: { id } } }));
    hooks.value = (hooks.value ?? []).filter((h) => h.id !== id);
  });
  if (done) await choose(hooks.value?.[0]?.id ?? "");
}
