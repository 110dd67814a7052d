/** A covert case: that it is one, until when, and the switch for whoever may turn it. */
import { signal } from "@preact/signals";
import type { CaseDetail } from "../api/types.ts";
import { may } from "../state/session.ts";
import { nowMs } from "../state/tick.ts";
import { clock, duration } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { isFinished } from "../state/queue.ts";
import { busy, coverCase, releaseCase } from "./choice.ts";

const form = signal<string | null>(null);

/** Who may not turn it is refused by the service; here they are not offered it. */
export function covertMine(c: CaseDetail): boolean {
  return may("cover") && (c.covert !== null || !isFinished(c));
}

function day(iso: string): string {
  const d = new Date(iso);
  return `${String(d.getMonth() + 1).padStart(2, "0")}-${String(d.getDate()).padStart(2, "0")} ${clock(iso)}`;
}

export function CovertMark({ c }: { c: CaseDetail }) {
  const w = words.value;
  if (!c.covert) return null;
  const leftS = Math.max(0, (Date.parse(c.covert.until) - nowMs.value) / 1000);
  return (
    <section class="covert" role="note">
      <p class="pair"><b>{w.covert.mark}</b><span>{w.covert.left(duration(leftS, w))}</span></p>
      <p>{w.covert.until(day(c.covert.until))} · {c.covert.by ? w.covert.why(c.covert.reason) : w.covert.byCategory}</p>
      <p class="note">{w.covert.who}</p>
    </section>
  );
}

/** A local time for an input of the kind datetime-local. */
function local(ms: number): string {
  const d = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return d.toISOString().slice(0, 16);
}

export function CovertSwitch({ c }: { c: CaseDetail }) {
  const w = words.value;
  if (!covertMine(c)) return null;
  if (form.value === `cover ${c.id}`) return <CoverForm c={c} />;
  if (form.value === `release ${c.id}`)
    return (
      <form class="close-form" onSubmit={(e) => { e.preventDefault(); const data = new FormData(e.currentTarget); void releaseCase(String(data.get("reason") ?? "").trim()).then((ok) => { if (ok) form.value = null; }); }}>
        <p class="note">{w.covert.releaseSure}</p>
        <label class="note" for="release-reason">{w.covert.reason}</label>
        <input id="release-reason" name="reason" maxLength={500} />
        <div class="second">
          <button type="button" class="button" onClick={() => (form.value = null)}>{w.cancel}</button>
          <button type="submit" class="button" id="release-confirm" disabled={busy.value}>{w.confirm} · {w.covert.release}</button>
        </div>
      </form>
    );
  return (
    <div class="second">
      <button type="button" class="button" id="cover-case" disabled={busy.value} onClick={() => (form.value = `cover ${c.id}`)}>{c.covert ? w.covert.change : w.covert.cover}</button>
      {c.covert ? <button type="button" class="button warn" id="release-case" disabled={busy.value} onClick={() => (form.value = `release ${c.id}`)}>{w.covert.release}</button> : null}
    </div>
  );
}

function CoverForm({ c }: { c: CaseDetail }) {
  const w = words.value;
  const until = c.covert ? Date.parse(c.covert.until) : nowMs.value + 24 * 3_600_000;
  return (
    <form
      class="close-form"
      onSubmit={(e) => {
        e.preventDefault();
        const data = new FormData(e.currentTarget);
        void coverCase(String(data.get("reason") ?? "").trim(), new Date(String(data.get("until"))).toISOString()).then((ok) => {
          if (ok) form.value = null;
        });
      }}
    >
      <p class="note">{w.covert.who}</p>
      <label class="note" for="cover-reason">{w.covert.reason}</label>
      <input id="cover-reason" name="reason" required maxLength={500} placeholder={w.covert.reasonHint} />
      <label class="note" for="cover-until">{w.covert.releaseTime}</label>
      <input id="cover-until" name="until" type="datetime-local" required defaultValue={local(until)} min={local(nowMs.value)} />
      <div class="second">
        <button type="button" class="button" onClick={() => (form.value = null)}>{w.cancel}</button>
        <button type="submit" class="button" id="cover-confirm" disabled={busy.value}>{w.confirm} · {c.covert ? w.covert.change : w.covert.cover}</button>
      </div>
    </form>
  );
}
