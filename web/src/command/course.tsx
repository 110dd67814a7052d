/** The course of a case: who has it, what clock runs, what waits for an answer, and what may be done next. */
import { signal } from "@preact/signals";
import type { CaseClock, CaseDetail, CaseMove, NextMove } from "../api/types.ts";
import { departmentName, departments } from "../state/register.ts";
import { nowMs } from "../state/tick.ts";
import { clock, distance, duration } from "../i18n/format.ts";
import { inLanguage, words } from "../i18n/index.ts";
import { busy, choose, takeMove } from "./choice.ts";
import { Like } from "./like.tsx";

const form = signal<string | null>(null);

export function ownerName(c: Pick<CaseDetail, "owner">): string {
  const w = words.value.course;
  return c.owner.kind === "unit" ? unitName(c.owner.code ?? "") : w.owners[c.owner.kind];
}

function unitName(code: string): string {
  const w = words.value.course;
  return (w.local as Record<string, string>)[code] ?? departmentName(code);
}

/** What is left of a clock, or how long it is over, in words. */
function left(k: CaseClock, now: number): { text: string; late: boolean } {
  const w = words.value;
  if (k.paused) return { text: w.course.paused, late: false };
  const s = (Date.parse(k.due_at) - now) / 1000;
  return s >= 0 ? { text: w.course.left(duration(s, w)), late: false } : { text: w.timeOver(duration(-s, w)), late: true };
}

function day(iso: string): string {
  const d = new Date(iso);
  return `${String(d.getMonth() + 1).padStart(2, "0")}-${String(d.getDate()).padStart(2, "0")} ${clock(iso)}`;
}

export function Course({ c }: { c: CaseDetail }) {
  const w = words.value.course;
  const now = nowMs.value;
  const f = c.course;
  if (c.closed_at && !f.tier && !f.joined) return null;
  return (
    <section class="course">
      <h3>
        <span>{w.title}</span>
        {f.tier && c.closed_at ? <span>{w.tiers[f.tier]}</span> : null}
      </h3>
      {c.closed_at ? null : (
        <p class="pair">
          <span>{w.owner}</span>
          <b>{ownerName(c)}</b>
        </p>
      )}
      {c.clocks.map((k) => {
        const l = left(k, now);
        const whole = Date.parse(k.due_at) - Date.parse(k.since);
        const used = whole > 0 ? Math.min(1, Math.max(0, (now - Date.parse(k.since)) / whole)) : 1;
        const rung = l.late && k.rung !== "district" ? "overdue" : k.rung;
        return (
          <div key={k.name} class={`clock ${rung}`}>
            <p class="pair">
              <span>{w.clocks[k.name]} <i class="rung">{w.rungs[rung]}</i></span>
              <b title={day(k.due_at)}>{l.text}</b>
            </p>
            <span class="used" aria-hidden="true"><i style={{ width: `${used * 100}%` }} /></span>
            <p class="note">{w.due(day(k.due_at))}{k.unit === "always" ? "" : ` · ${w.units[k.unit]}`}</p>
          </div>
        );
      })}
      {f.supervision && !f.supervision.answered_at ? <p class="order">{w.ordered(w.levels[f.supervision.level], day(f.supervision.due_at))}{f.supervision.by === "system" ? "" : `：${f.supervision.reason}`}</p> : null}
      {f.supervision?.answered_at ? <p class="note">{w.answered(w.levels[f.supervision.level], f.supervision.answer ?? "")}</p> : null}
      {f.urged ? <p class="note">{w.urged(f.urged)}</p> : null}
      {f.ask ? <p class="order">{f.ask.for === "extension" ? w.askedDays(f.ask.days ?? 0) : w.askedUntil(f.ask.until ? day(f.ask.until) : "")}：{f.ask.reason}</p> : null}
      {c.stage === "returned" && f.return ? <p class="order">{w.returned(unitName(f.return.from), unitName(f.return.proposed), f.returns ?? 1)}：{f.return.reason}</p> : null}
      {f.until ? <p class="note">{w.suspendedUntil(day(f.until))}</p> : null}
      {c.precedents.map((p) => (
        <p key={p.case_id} class="note">{w.precedent(distance(p.distance_m), unitName(p.owner))}：{p.reason} <button type="button" class="link" onClick={() => choose(p.case_id)}>#{p.number}</button></p>
      ))}
      <Like c={c} />
    </section>
  );
}

/** What stands in the foot of the panel already. */
const elsewhere = new Set(["undo", "close", "join", "split", "combine"]);

export function Moves({ c }: { c: CaseDetail }) {
  const w = words.value.course;
  const all = c.moves.filter((m) => !elsewhere.has(m.move) && !(m.move === "dispatch" && c.stage === "filed"));
  const can = all.filter((m) => m.allowed);
  const cannot = all.filter((m) => !m.allowed);
  const open = can.find((m) => `${c.id} ${m.move}` === form.value);
  if (all.length === 0) return null;
  if (open) return <MoveForm c={c} m={open} />;
  return (
    <div class="moves">
      <div class="second">
        {can.map((m) => (
          <button key={m.move} type="button" class={`button ${m.move === "urge" || m.move === "supervise" ? "warn" : ""}`} id={`move-${m.move}`} disabled={busy.value}
            onClick={() => (m.needs.length === 0 && m.move !== "dispatch" ? void takeMove({ move: m.move }, inLanguage(m.name)) : (form.value = `${c.id} ${m.move}`))}>
            {inLanguage(m.name)}
          </button>
        ))}
      </div>
      {cannot.length > 0 ? (
        <details class="cannot">
          <summary>{w.cannot(cannot.length)}</summary>
          <ul>
            {cannot.map((m) => (
              <li key={m.move}><b>{inLanguage(m.name)}</b> {m.why_not ? inLanguage(m.why_not) : ""}</li>
            ))}
          </ul>
        </details>
      ) : null}
    </div>
  );
}

function MoveForm({ c, m }: { c: CaseDetail; m: NextMove }) {
  const w = words.value;
  const t = w.course;
  const needs = new Set<string>(m.needs);
  const suggested = m.move === "rule" || m.move === "dispatch" ? (c.precedents[0]?.owner ?? c.course.return?.proposed ?? "") : "";
  const send = (e: SubmitEvent) => {
    e.preventDefault();
    const data = new FormData(e.currentTarget as HTMLFormElement);
    const text = (name: string) => String(data.get(name) ?? "").trim();
    const order: CaseMove = { move: m.move };
    if (text("reason")) order.reason = text("reason");
    if (text("result")) order.result = text("result");
    if (text("owner")) order.owner = text("owner");
    if (text("document")) order.document = text("document");
    if (text("days")) order.days = Number(text("days"));
    if (text("hours")) order.hours = Number(text("hours"));
    if (text("level")) order.level = text("level") as NonNullable<CaseMove["level"]>;
    if (text("until")) order.until = new Date(text("until")).toISOString();
    void takeMove(order, inLanguage(m.name)).then((ok) => {
      if (ok) form.value = null;
    });
  };
  return (
    <form class="close-form" id="move-form" onSubmit={send}>
      <b>{inLanguage(m.name)}</b>
      {needs.has("level") ? (
        <>
          <label class="note" for="m-level">{t.level}</label>
          <select id="m-level" name="level">{(m.levels ?? []).map((code) => <option key={code} value={code}>{t.levels[code]}</option>)}</select>
          <label class="note" for="m-hours">{t.hours}</label>
          <input id="m-hours" name="hours" type="number" min={1} max={360} placeholder={t.hoursHint} />
        </>
      ) : null}
      {needs.has("owner") || m.move === "dispatch" ? (
        <>
          <label class="note" for="m-owner">{t.toUnit}</label>
          <select id="m-owner" name="owner" required={needs.has("owner")} defaultValue={suggested}>
            <option value="">{m.move === "dispatch" ? t.asProposed : ""}</option>
            {[...departments.value.keys()].filter((d) => d !== "grid").map((code) => <option key={code} value={code} selected={code === suggested}>{departmentName(code)}</option>)}
            {Object.entries(t.local).map(([code, name]) => <option key={code} value={code}>{name}</option>)}
          </select>
        </>
      ) : null}
      {needs.has("days") ? <><label class="note" for="m-days">{t.days}</label><input id="m-days" name="days" type="number" min={1} max={15} required /></> : null}
      {needs.has("until") ? <><label class="note" for="m-until">{t.until}</label><input id="m-until" name="until" type="datetime-local" required /></> : null}
      {needs.has("document") ? <><label class="note" for="m-document">{t.document}</label><input id="m-document" name="document" maxLength={200} required /></> : null}
      {needs.has("result") ? <><label class="note" for="m-result">{m.move === "pass" ? t.checked : t.result}</label><textarea id="m-result" name="result" maxLength={1000} required /></> : null}
      {needs.has("reason") || m.move === "urge" ? <><label class="note" for="m-reason">{t.reason}</label><textarea id="m-reason" name="reason" maxLength={1000} required={needs.has("reason")} /></> : null}
      <div class="second">
        <button type="button" class="button" onClick={() => (form.value = null)}>{w.cancel}</button>
        <button type="submit" class="button primary" disabled={busy.value} id="move-confirm">{w.confirm} · {inLanguage(m.name)}</button>
      </div>
    </form>
  );
}
