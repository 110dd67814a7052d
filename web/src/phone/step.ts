/** A step of a case on its way from the box: how it goes to the service, and what a refusal of it means. */
import { ask, client, Refused, upload } from "../api/client.ts";
import type { CaseDetail } from "../api/types.ts";
import { session } from "../state/session.ts";
import { stepForm } from "../state/step.ts";
import type { Boxed, Step } from "./box.ts";
import { landed, sayRefused } from "./refusal.ts";

/** The account or device that is signed in; empty where nobody is. */
export const whoAmI = (): string => session.value?.account_id ?? session.value?.device_id ?? "";

/** What waits on this phone of a case, the oldest first. */
export function waitingOf(boxed: Boxed[], caseID: string): Boxed[] {
  return boxed.filter((b) => b.step?.case === caseID && b.state !== "sent").sort((a, b) => a.madeMs - b.madeMs);
}

/** The body is the same on every try, so that the key finds its match. */
export async function postStep(s: Step, key: string, photos: Blob[], sent: (share: number) => void): Promise<void> {
  const [part, body] = "order" in s ? (["move", s.order] as const) : (["answer", s.result ? { result: s.result } : {}] as const);
  if (photos.length > 0) {
    await upload("order" in s ? `/api/v1/cases/${s.case}/moves` : `/api/v1/cases/${s.case}/assignments/${s.assignment}/${s.action}`,
      { "Idempotency-Key": key }, stepForm(part, body, photos), sent);
    return;
  }
  if ("order" in s) await ask(client.POST("/api/v1/cases/{id}/moves", { params: { path: { id: s.case } }, body: s.order }));
  else await ask(client.POST("/api/v1/cases/{id}/assignments/{aid}/{action}", { params: { path: { id: s.case, aid: s.assignment, action: s.action } }, body: s.result ? { result: s.result } : {} }));
}

/** A refusal for good: either an earlier try had arrived and its answer was lost, or it is said in words why not. */
export async function judge(s: Step, why: Refused): Promise<{ landed: boolean; text: string }> {
  let now: CaseDetail | null = null;
  try {
    now = await ask(client.GET("/api/v1/cases/{id}", { params: { path: { id: s.case } } }));
  } catch (other) {
    if (!(other instanceof Refused)) throw other;
  }
  const took = "order" in s && why.status === 409 && now !== null && landed(now, s.order);
  return { landed: took, text: sayRefused(why, now, "order" in s ? s.order.move : undefined) };
}
