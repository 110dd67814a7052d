/** Why something did not happen, as somebody in the rain wants to read it: what to do next, in their language. */
import { Refused } from "../api/client.ts";
import type { CaseDetail, CaseMove } from "../api/types.ts";
import { inLanguage, words } from "../i18n/index.ts";

/** How long a tap waits for its answer; then it may be tapped again. */
const patienceMs = 20_000;

/** Ends a request that nobody answers, so that no button stays dead. */
export async function within<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const end = new AbortController();
  const timer = setTimeout(() => end.abort(), patienceMs);
  try {
    return await call(end.signal);
  } catch (why) {
    if (why instanceof Refused && why.type === "offline" && end.signal.aborted) throw new Refused(0, "slow", why.message);
    throw why;
  } finally {
    clearTimeout(timer);
  }
}

/** Whether the service may have heard it although we heard nothing. */
export const unheard = (why: Refused): boolean => why.type === "offline" || why.type === "slow";

/** A refusal in words. Where the case, read again, says itself why a move is not possible, that is the reason. */
export function sayRefused(why: Refused, now?: CaseDetail | null, move?: string): string {
  const w = words.value.work;
  if (why.type === "offline") return w.notThrough;
  if (why.type === "slow") return w.slow;
  if (why.status === 412) return w.refused.moved;
  if (why.status === 404) return w.refused.gone;
  const whyNot = move ? now?.moves.find((m) => m.move === move && !m.allowed)?.why_not : null;
  if (whyNot) return inLanguage(whyNot);
  const known = w.types[why.type.replace("/problems/", "")];
  if (known) return known;
  if (why.type === "/problems/no-such-move" || why.type === "/problems/assignment-moved-on" || why.type === "/problems/case-closed") return w.refused.moved;
  if (why.status === 403) return w.refused.role;
  if (why.status === 429 || why.status >= 500) return why.retryAfterS ? w.refused.later(why.retryAfterS) : w.refused.busy;
  const field = why.problem?.errors[0]?.pointer.split("/")[1];
  const fault = field ? (words.value.course.wrong as Record<string, string>)[field] : undefined;
  if (fault) return fault;
  return w.refused.other(why.message);
}

/**
 * Whether a case shows that a move has been taken as it was ordered: its answer was lost
 * on the way, and it must not be asked for twice.
 */
export function landed(c: CaseDetail, o: CaseMove): boolean {
  const f = c.course;
  if (c.moves.some((m) => m.move === o.move && m.allowed)) return false; // it can still be taken: that was another time
  switch (o.move) {
    case "answer":
      return Boolean(f.supervision?.answered_at) && f.supervision?.answer === o.result;
    case "feedback":
      return c.events.some((e) => e.kind === "result" && (e.detail as { result?: unknown }).result === o.result);
    case "return":
      return f.return?.reason === o.reason && f.return?.proposed === o.owner;
    case "ask_extension":
      return f.ask?.for === "extension" && f.ask.reason === o.reason;
    case "ask_suspension":
      return f.ask?.for === "suspension" && f.ask.reason === o.reason;
    case "sign":
      return c.stage === "signed";
    case "start":
    case "resume":
      return c.stage === "handling";
    default:
      return false;
  }
}
