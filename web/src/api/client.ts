/**
 * The one way to the service over HTTP. Every refusal becomes a Refused with the
 * service's own problem type, so that a page can say what to do about it.
 */
import createClient, { type Middleware } from "openapi-fetch";
import type { paths } from "./schema.d.ts";
import type { Problem } from "./types.ts";

export class Refused extends Error {
  readonly status: number;
  /** Stable, below /problems/; "offline" where the service was not reached at all. */
  readonly type: string;
  readonly retryAfterS: number | null;
  readonly problem: Problem | null;

  constructor(status: number, type: string, detail: string, problem: Problem | null = null, retryAfterS: number | null = null) {
    super(detail);
    this.name = "Refused";
    this.status = status;
    this.type = type;
    this.problem = problem;
    this.retryAfterS = retryAfterS;
  }
}

let csrf: string | null = null;
/** Sent with every write; the service gives it at sign-in and with the session. */
export function setCSRF(token: string | null): void {
  csrf = token;
}

let bearer: string | null = null;
/** An enrolled phone speaks for its patrol by a token instead of a cookie. */
export function setBearer(token: string | null): void {
  bearer = token;
}

let signedOut: () => void = () => {};
/** Called whenever the service no longer knows who we are. */
export function onSignedOut(act: () => void): void {
  signedOut = act;
}

const guard: Middleware = {
  onRequest({ request }) {
    if (bearer) request.headers.set("Authorization", `Bearer ${bearer}`);
    if (csrf && request.method !== "GET") request.headers.set("X-CSRF-Token", csrf);
    return request;
  },
};

export const client = createClient<paths>({ baseUrl: location.origin, credentials: "same-origin" });
client.use(guard);

type Answer<T> = { data?: T; error?: unknown; response: Response };

/** Waits for an answer and gives its body, or throws Refused. */
export async function ask<T>(call: Promise<Answer<T>>): Promise<T> {
  return (await askWithResponse(call)).data;
}

export async function askWithResponse<T>(call: Promise<Answer<T>>): Promise<{ data: T; response: Response }> {
  let answer: Answer<T>;
  try {
    answer = await call;
  } catch (cause) {
    throw new Refused(0, "offline", cause instanceof Error ? cause.message : String(cause));
  }
  const { data, error, response } = answer;
  if (response.ok) return { data: data as T, response };
  const problem = isProblem(error) ? error : null;
  if (response.status === 401) signedOut();
  const wait = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  throw new Refused(
    response.status,
    problem?.type ?? "about:blank",
    problem?.detail ?? response.statusText,
    problem,
    Number.isFinite(wait) ? wait : null,
  );
}

function isProblem(x: unknown): x is Problem {
  return typeof x === "object" && x !== null && "type" in x && "detail" in x;
}

/** A line on which nothing moves for so long is taken for dead; a slow one never is. */
const stillMs = 45_000;

/** Sends a body whose way up can be watched, which fetch does not tell. Throws Refused as ask does. */
export function upload<T>(path: string, headers: Record<string, string>, body: FormData, sent: (share: number) => void): Promise<T> {
  return new Promise((done, fail) => {
    const x = new XMLHttpRequest();
    let watch: ReturnType<typeof setTimeout> | undefined;
    const moved = () => {
      clearTimeout(watch);
      watch = setTimeout(() => x.abort(), stillMs);
    };
    const offline = () => {
      clearTimeout(watch);
      fail(new Refused(0, "offline", "the connection was lost"));
    };
    x.upload.onprogress = (e) => {
      moved();
      if (e.lengthComputable && e.total > 0) sent(e.loaded / e.total);
    };
    x.onerror = offline;
    x.onabort = offline;
    x.onload = () => {
      clearTimeout(watch);
      let answer: unknown = null;
      try {
        answer = JSON.parse(x.responseText);
      } catch {
        // A proxy's page says nothing that we know.
      }
      if (x.status >= 200 && x.status < 300 && answer !== null) {
        done(answer as T);
        return;
      }
      if (x.status === 401) signedOut();
      const problem = isProblem(answer) ? answer : null;
      const wait = Number.parseInt(x.getResponseHeader("Retry-After") ?? "", 10);
      fail(new Refused(x.status, problem?.type ?? "about:blank", problem?.detail ?? x.statusText, problem, Number.isFinite(wait) ? wait : null));
    };
    x.open("POST", location.origin + path);
    if (bearer) x.setRequestHeader("Authorization", `Bearer ${bearer}`);
    if (csrf) x.setRequestHeader("X-CSRF-Token", csrf);
    for (const [name, value] of Object.entries(headers)) x.setRequestHeader(name, value);
    moved();
    x.send(body);
  });
}

/** Every page of a list. */
export async function everyPage<T>(
  page: (cursor: string | undefined) => Promise<{ items: T[]; next_cursor: string | null }>,
  atMost = 20_000,
): Promise<T[]> {
  const out: T[] = [];
  let cursor: string | undefined;
  do {
    const { items, next_cursor } = await page(cursor);
    out.push(...items);
    cursor = next_cursor ?? undefined;
  } while (cursor && out.length < atMost);
  return out;
}
