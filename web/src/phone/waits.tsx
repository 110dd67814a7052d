/** What this phone keeps of a case and has not got through yet: said where the step was taken. */
import { percent } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { keep } from "../ui/kept.ts";
import type { Boxed, Step } from "./box.ts";
import { boxed, send, sentShare, takeBack } from "./sender.ts";
import { waitingOf, whoAmI } from "./step.ts";

/** A step in a word or two. */
export function stepName(s: Step): string {
  const w = words.value;
  if ("order" in s) return w.work.steps[s.order.move] ?? s.order.move;
  return { en_route: w.phone.enRoute, on_scene: w.phone.onScene, done: w.phone.done }[s.action];
}

/** What waits of a case, and what the service did not take. `redo` opens the form of a step again. */
export function Waits({ of, redo }: { of: string; redo?: (s: Step) => void }) {
  const w = words.value.work.waits;
  return (
    <>
      {waitingOf(boxed.value, of).map((b) => b.step ? (
        <div key={b.key} class={`waits ${b.state}`} role={b.state === "refused" ? "alert" : "status"}>
          <b>{stepName(b.step)}{b.photos.length > 0 ? ` · ${w.photos(b.photos.length)}` : ""}</b>
          <p>{says(b, b.step)}</p>
          {b.state === "sending" && sentShare.value !== null ? <progress aria-label={words.value.phone.upSoFar} value={sentShare.value} max={1} /> : null}
          {b.state === "refused" ? (
            <div class="acts">
              <button type="button" class="big" onClick={() => void takeBack(b)}>{w.drop}</button>
              {redo ? <button type="button" class="big main" onClick={() => again(b, b.step as Step, redo)}>{w.redo}</button> : null}
            </div>
          ) : b.state === "waiting" && b.tries > 0 && b.step.who === whoAmI() ? (
            <button type="button" class="big" onClick={() => void send()}>{words.value.phone.sendNow}</button>
          ) : null}
        </div>
      ) : null)}
    </>
  );
}

function says(b: Boxed, s: Step): string {
  const w = words.value.work.waits;
  if (b.state === "refused") return b.refusal ?? "";
  if (b.state === "sending") return [w.sending, sentShare.value === null ? "" : percent(sentShare.value)].filter(Boolean).join(" ");
  if (whoAmI() && s.who !== whoAmI()) return w.other;
  return w.waiting;
}

/** The words and the photos go back into the form that they came from. */
function again(b: Boxed, s: Step, redo: (s: Step) => void): void {
  if ("order" in s) {
    const { move: _, ...fields } = s.order;
    keep(`${s.case} ${s.order.move}`, { fields: Object.fromEntries(Object.entries(fields).map(([k, v]) => [k, String(v)])), photos: b.photos });
  } else keep(`done ${s.assignment}`, { fields: { result: s.result }, photos: b.photos });
  void takeBack(b).then(() => redo(s));
}
