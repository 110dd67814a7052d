/** The position's own card: whether it gets through, what to do where it does not, and duty, on which all of it depends. */
import { nowMs } from "../state/tick.ts";
import { duration } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { ackedMs, flow, flowIsWrong, lettenGo, refusedBecause, sendFromHere, waitingFixes } from "./flow.ts";
import { tryAgain } from "./here.ts";

/** One sentence for the bar and for the card. */
export function flowSays(): string {
  const w = words.value.position;
  const n = waitingFixes.value;
  switch (flow.value) {
    case "none":
      return "";
    case "flowing": {
      const s = Math.max(0, (nowMs.value - (ackedMs.value ?? nowMs.value)) / 1000);
      return w.flowing(s < 10 ? words.value.now : words.value.ago(duration(s, words.value)));
    }
    case "waiting":
      return w.waiting(n);
    case "catching_up":
      return w.catchingUp(n);
    case "off":
      return w.off;
    case "starting":
      return w.starting;
    case "unbound":
      return w.unbound;
    default:
      return w.wrong[flow.value];
  }
}

export function PositionCard() {
  const w = words.value.position;
  const at = flow.value;
  if (at === "none") return null;
  const todo = flowIsWrong.value ? w.remedy[at as keyof typeof w.remedy] : at === "unbound" ? w.unboundDo : at === "waiting" ? w.waitingDo : "";
  const retry = at === "denied" || at === "nogps" ? <button type="button" class="big" onClick={tryAgain}>{words.value.retry}</button> : null;
  return (
    <section class={`sheet position ${flowIsWrong.value ? "wrong" : at === "flowing" ? "good" : ""}`} id="position" data-flow={at}>
      <h2>{w.title}</h2>
      <p class="says">{flowSays()}</p>
      {todo ? <p class="todo">{todo}</p> : null}
      {at === "refused" && refusedBecause.value ? <p class="quiet">{w.because(refusedBecause.value)}</p> : null}
      {lettenGo.value > 0 ? <p class="quiet">{w.letGo(lettenGo.value)}</p> : null}
      {retry}
      {at === "replaced" ? <button type="button" class="big" onClick={sendFromHere}>{w.sendHere}</button> : null}
      {at === "unbound" || at === "unknown" ? <button type="button" class="big" onClick={() => location.assign("/enrol")}>{w.bind}</button> : null}
    </section>
  );
}

