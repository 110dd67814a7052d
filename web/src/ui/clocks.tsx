/** The clocks of a case as both pages show them: what is left, how long it is over, and when it was due. */
import type { CaseClock, CaseDetail } from "../api/types.ts";
import { departmentName } from "../state/register.ts";
import { nowMs } from "../state/tick.ts";
import { clock, duration } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";

export function unitName(code: string): string {
  const w = words.value.course;
  return (w.local as Record<string, string>)[code] ?? departmentName(code);
}

export function ownerName(c: Pick<CaseDetail, "owner">): string {
  const w = words.value.course;
  return c.owner.kind === "unit" ? unitName(c.owner.code ?? "") : w.owners[c.owner.kind];
}

/** What is left of a clock, or how long it is over, in words. */
export function left(k: CaseClock, now: number): { text: string; late: boolean } {
  const w = words.value;
  if (k.paused) return { text: w.course.paused, late: false };
  const s = (Date.parse(k.due_at) - now) / 1000;
  return s >= 0 ? { text: w.course.left(duration(s, w)), late: false } : { text: w.timeOver(duration(-s, w)), late: true };
}

/** The rung as a person sees it: what is late is overdue before the service has said so. */
export function rungOf(k: CaseClock, now: number): CaseClock["rung"] {
  return left(k, now).late && k.rung !== "district" ? "overdue" : k.rung;
}

export function day(iso: string): string {
  const d = new Date(iso);
  return `${String(d.getMonth() + 1).padStart(2, "0")}-${String(d.getDate()).padStart(2, "0")} ${clock(iso)}`;
}

export function ClockLine({ k }: { k: CaseClock }) {
  const w = words.value.course;
  const now = nowMs.value;
  const whole = Date.parse(k.due_at) - Date.parse(k.since);
  const used = whole > 0 ? Math.min(1, Math.max(0, (now - Date.parse(k.since)) / whole)) : 1;
  const rung = rungOf(k, now);
  return (
    <div class={`clock ${rung}`}>
      <p class="pair">
        <span>{w.clocks[k.name]} <i class="rung">{w.rungs[rung]}</i></span>
        <b title={day(k.due_at)}>{left(k, now).text}</b>
      </p>
      <span class="used" aria-hidden="true"><i style={{ width: `${used * 100}%` }} /></span>
      <p class="note">{w.due(day(k.due_at))}{k.unit === "always" ? "" : ` · ${w.units[k.unit]}`}</p>
    </div>
  );
}

/** What waits for an answer, and what was asked, answered or returned on the way. */
export function CourseNotes({ c }: { c: CaseDetail }) {
  const w = words.value.course;
  const f = c.course;
  return (
    <>
      {f.supervision && !f.supervision.answered_at ? <p class="order">{w.ordered(w.levels[f.supervision.level], day(f.supervision.due_at))}{f.supervision.by === "system" ? "" : `：${f.supervision.reason}`}</p> : null}
      {f.supervision?.answered_at ? <p class="note">{w.answered(w.levels[f.supervision.level], f.supervision.answer ?? "")}</p> : null}
      {f.urged ? <p class="note">{w.urged(f.urged)}</p> : null}
      {f.ask ? <p class="order">{f.ask.for === "extension" ? w.askedDays(f.ask.days ?? 0) : w.askedUntil(f.ask.until ? day(f.ask.until) : "")}：{f.ask.reason}</p> : null}
      {c.stage === "returned" && f.return ? <p class="order">{w.returned(unitName(f.return.from), unitName(f.return.proposed), f.returns ?? 1)}：{f.return.reason}</p> : null}
      {f.until ? <p class="note">{w.suspendedUntil(day(f.until))}</p> : null}
    </>
  );
}
