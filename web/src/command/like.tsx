/** What of other cases matters to this one: the same matter, one come back, a department that could look at both. */
import { signal } from "@preact/signals";
import type { CaseDetail, PastCase } from "../api/types.ts";
import { categoryName, departmentName } from "../state/register.ts";
import { dayAndClock, distance, duration } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { busy, choose, takeMove } from "./choice.ts";

/** What is being asked: the other case's number, or "split". */
const asking = signal<string | null>(null);
const mostLines = 6;

const may = (c: CaseDetail, move: string) => c.moves.some((m) => m.move === move && m.allowed);

function daysAgo(c: CaseDetail, iso: string): number {
  return Math.max(0, Math.round((Date.parse(c.now) - Date.parse(iso)) / 86_400_000));
}

function Number({ id, number }: { id: string; number: string }) {
  return <button type="button" class="link" onClick={() => choose(id)}>#{number}</button>;
}

/** The distance stands in the answer: nobody has to believe "likely". */
function reasons(p: PastCase): string {
  const w = words.value;
  const y = w.like.why;
  return p.reasons
    .map((r) => (r.why === "near" ? y.near(distance(r.value)) : r.why === "soon" ? y.soon(duration(r.value * 60, w)) : r.why === "photos" ? y.photos(r.value) : y.category))
    .join(" · ");
}

export function Like({ c }: { c: CaseDetail }) {
  const w = words.value;
  const t = w.like;
  const same = c.past.filter((p) => p.likely_same);
  const rest = c.past.filter((p) => !p.likely_same);
  const joined = c.course.joined;
  const here = visitors(c);
  const lines = [
    ...rest.filter((p) => p.linked || p.again).map((p) => (
      <p key={p.case_id} class={p.linked ? "order" : "note"}>{p.linked ? t.linked(categoryName(p.category), daysAgo(c, p.made_at)) : w.course.again(categoryName(p.category), daysAgo(c, p.made_at))} <Number id={p.case_id} number={p.number} /></p>
    )),
    ...here.map((v) => (
      <div key={v.department} class="order twin">
        <p>{v.seen ? t.been(departmentName(v.department), daysAgo(c, v.at)) : w.course.visited(departmentName(v.department), daysAgo(c, v.at))} {v.of ? <Number id={v.of.case_id} number={v.of.number} /> : null}</p>
        {may(c, "combine") && !c.departments.some((d) => d.code === v.department) ? (
          <button type="button" class="button" disabled={busy.value} onClick={() => void takeMove({ move: "combine", owner: v.department, ...(v.of ? { case: v.of.case_id } : {}) }, t.combined(departmentName(v.department)))}>
            {t.combine(departmentName(v.department))}
          </button>
        ) : null}
      </div>
    )),
  ];
  return (
    <>
      {joined ? (
        <div class="order twin">
          <p>{t.joined(joined.by_rule ?? false)} <Number id={joined.case_id} number={joined.number} /></p>
          {may(c, "split") ? <Split c={c} /> : null}
        </div>
      ) : null}
      {c.holds.map((h) => (
        <p key={h.case_id} class="note">{t.holds(h.reports)} <Number id={h.case_id} number={h.number} /></p>
      ))}
      {same.map((p) => (
        <div key={p.case_id} class="order twin" data-same={p.number}>
          <p><b>{t.same}</b> <Number id={p.case_id} number={p.number} /></p>
          <p class="quiet">{reasons(p)}</p>
          {may(c, "join") ? (
            asking.value === `${c.id} ${p.number}` ? (
              <>
                <p class="quiet">{t.joinSure(p.number)}</p>
                <div class="second">
                  <button type="button" class="button" onClick={() => (asking.value = null)}>{w.cancel}</button>
                  <button type="button" class="button primary" id="join-confirm" disabled={busy.value}
                    onClick={() => void takeMove({ move: "join", case: p.case_id }, t.join).then((ok) => ok && (asking.value = null))}>{w.confirm} · {t.join}</button>
                </div>
              </>
            ) : (
              <button type="button" class="button" disabled={busy.value} onClick={() => (asking.value = `${c.id} ${p.number}`)}>{t.joinTo(p.number)}</button>
            )
          ) : null}
        </div>
      ))}
      {lines.slice(0, mostLines)}
      {c.revisits.length > 0 ? (
        <>
          <h3><span>{t.revisits}</span></h3>
          <ul class="revisits">
            {c.revisits.map((r) => (
              <li key={r.id} class={r.state}>
                <span>{t.revisitDay(r.after_days)} · {dayAndClock(r.opens_at)}</span>
                <b>{t.revisitState[r.state]}</b>
                {r.note ? <span class="quiet">{r.note}</span> : null}
                {r.new_case_id ? <button type="button" class="link" onClick={() => r.new_case_id && choose(r.new_case_id)}>→</button> : null}
              </li>
            ))}
          </ul>
        </>
      ) : null}
    </>
  );
}

type Visitor = { department: string; at: string; seen: boolean; of: PastCase | null };

/** Each department that was here, the latest time, by its patrols' tracks or by a case that it came for. */
function visitors(c: CaseDetail): Visitor[] {
  const out = new Map<string, Visitor>();
  const add = (v: Visitor) => {
    const had = out.get(v.department);
    if (!had || had.at < v.at) out.set(v.department, { ...v, of: v.of ?? had?.of ?? null });
    else if (v.of && !had.of) out.set(v.department, { ...had, of: v.of });
  };
  for (const p of c.past) if (!p.likely_same && !p.again) for (const v of p.visits) add({ department: v.department, at: v.at, seen: false, of: p });
  for (const b of c.been) add({ department: b.department, at: b.at, seen: true, of: null });
  return [...out.values()].filter((v) => c.closed_at === null && v.department !== "grid");
}

function Split({ c }: { c: CaseDetail }) {
  const w = words.value;
  const t = w.like;
  if (asking.value !== `${c.id} split`) return <button type="button" class="button" id="split" onClick={() => (asking.value = `${c.id} split`)}>{t.split}</button>;
  return (
    <form class="close-form" onSubmit={(e) => {
      e.preventDefault();
      const reason = String(new FormData(e.currentTarget).get("reason") ?? "").trim();
      void takeMove({ move: "split", reason }, t.split).then((ok) => ok && (asking.value = null));
    }}>
      <label class="note" for="split-reason">{t.splitWhy}</label>
      <input id="split-reason" name="reason" maxLength={1000} required />
      <div class="second">
        <button type="button" class="button" onClick={() => (asking.value = null)}>{w.cancel}</button>
        <button type="submit" class="button primary" id="split-confirm" disabled={busy.value}>{w.confirm} · {t.split}</button>
      </div>
    </form>
  );
}
