/** Duty, what became of the reports of this phone, language, and the way out. */
import { categoryName } from "../state/register.ts";
import { keptDevice } from "../state/device.ts";
import { session, signOut } from "../state/session.ts";
import { clock } from "../i18n/format.ts";
import { language, setLanguage, words } from "../i18n/index.ts";
import { nowMs } from "../state/tick.ts";
import type { Boxed } from "./box.ts";
import { offWaits, onDuty, patrol, setDuty, trouble } from "./duty.ts";
import { flow } from "./flow.ts";
import { forgetMine, isMine, Mine } from "./mine.tsx";
import { PositionCard } from "./position.tsx";
import { forgetRevisits } from "./revisits.tsx";
import { boxed, send, sentShare, takeBack } from "./sender.ts";
import { Slip } from "./slip.tsx";
import { whoAmI } from "./step.ts";
import { stepName } from "./waits.tsx";

export function Me() {
  const all = words.value;
  const w = all.phone;
  const p = patrol.value;
  const on = onDuty.value;
  const bound = keptDevice();
  // What has not arrived is what one looks for here.
  const first = boxed.value.some((b) => b.state !== "sent");
  return (
    <>
      <div class="title">
        <h1>{p?.name ?? (bound?.patrol || w.me)}</h1>
        {p || on ? <span class={`pill ${on ? "" : "off"}`}>{on ? w.onDuty : w.offDuty}</span> : null}
      </div>
      {session.value ? <p class="quiet">{w.signedInAs(session.value.name)} · {all.role[session.value.role]}</p> : null}
      {trouble.value ? <p class="error" role="alert">{trouble.value}</p> : null}
      {p || on ? (
        <button type="button" class={`big ${on ? "" : "main"}`} style={{ marginTop: "0.9rem" }} onClick={() => void setDuty(!on)}>{on ? w.goOffDuty : w.goOnDuty}</button>
      ) : null}
      {(p || on || offWaits.value) && flow.value !== "unbound" ? <p class="quiet" style={{ marginTop: "0.4rem" }}>{on ? [w.keepScreenOn, w.offDutyEndsIt].join(" · ") : offWaits.value ? w.offWaits : w.offMeansUntracked}</p> : null}
      {first ? <Outbox /> : null}
      <PositionCard />
      <Mine />
      {first ? null : <Outbox />}
      <div class="acts">
        <button type="button" class="big" onClick={() => setLanguage(language.value === "zh" ? "en" : "zh")}>{language.value === "zh" ? "English" : "中文"}</button>
        {bound ? (
          <button type="button" class="big" onClick={() => location.assign("/enrol")}>{w.enrolPhone}</button>
        ) : (
          <button type="button" class="big" onClick={() => { forgetMine(); forgetRevisits(); void signOut().catch(() => {}); }}>{all.signOut}</button>
        )}
      </div>
    </>
  );
}

function Outbox() {
  const w = words.value.phone;
  return (
    <section class="sheet">
      <h2>{w.outbox}</h2>
      {boxed.value.filter(stillHere).length === 0 ? <p>{w.outboxEmpty}</p> : null}
      <ul class="outbox">
        {boxed.value.filter(stillHere).map((b) => (
          <li key={b.key}>
            <span>
              {b.step ? `${stepName(b.step)} #${b.step.number}` : b.report ? categoryName(b.report.category) : ""} · {clock(b.madeMs)}
              <br />
              <span class="quiet">{became(b)}</span>
              {b.state === "sending" && sentShare.value !== null ? <progress aria-label={w.upSoFar} value={sentShare.value} max={1} /> : null}
              {b.state === "waiting" && b.tries > 0 ? <span class="quiet again">{w.keptHere}</span> : null}
              {b.state === "sent" && b.followUp ? <Slip number={b.number ?? ""} code={b.followUp.code} url={b.followUp.url} /> : null}
            </span>
            <span class={`state ${b.state}`}>
              {w.state[b.state]}
              {b.state === "waiting" && b.tries > 0 ? <button type="button" onClick={() => void send()}>{w.sendNow}</button> : null}
              {b.state === "refused" && b.step ? <button type="button" onClick={() => void takeBack(b)}>{words.value.work.waits.drop}</button> : null}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

const slipMs = 30 * 60_000;
/** What has long arrived stands in the list of one's own reports; for a while its code can still be shown from here. */
function stillHere(b: Boxed): boolean {
  if (b.clears || b.step) return b.state !== "sent" || nowMs.value - b.madeMs < slipMs;
  return b.state !== "sent" || nowMs.value - b.madeMs < slipMs || !isMine(b.number ?? "");
}

function became(b: Boxed): string {
  const w = words.value.phone;
  if (b.state === "refused") return b.refusal ?? "";
  if (b.step) {
    const s = words.value.work.waits;
    return [b.photos.length > 0 ? s.photos(b.photos.length) : "", b.state !== "sent" && whoAmI() && b.step.who !== whoAmI() ? s.other : "order" in b.step ? (b.step.order.result ?? b.step.order.reason ?? "") : b.step.result].filter(Boolean).join(" · ");
  }
  if (b.clears) return words.value.like.phone.boxed;
  if (b.state !== "sent") return [b.report?.self_handled ? words.value.like.phone.settledBoxed : "", b.report?.description ?? ""].filter(Boolean).join(" · ");
  return [b.number ? w.sentAs(b.number) : "", b.goes && b.goes.length > 0 ? w.goesThere(b.goes.join("、")) : ""].filter(Boolean).join(" · ");
}
