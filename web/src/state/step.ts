/** A step of a case with what is shown of it, as it goes to the service from either page. */
import type { CaseMove } from "../api/types.ts";

/** How many photos a step may bring. */
export const mostShown = 9;
const showing = new Set<CaseMove["move"]>(["self_handle", "feedback", "pass", "fail"]);
/** Whether photos may come with a move. */
export const shows = (move: CaseMove["move"]): boolean => showing.has(move);

/** The body of a step with photos; the same on every try, so that its key finds its match. */
export function stepForm(part: "answer" | "move", body: object, photos: Blob[]): FormData {
  const form = new FormData();
  form.append(part, new Blob([JSON.stringify(body)], { type: "application/json" }), `${part}.json`);
  photos.forEach((photo, i) => form.append("photo", photo, `photo-${i + 1}.jpg`));
  return form;
}
