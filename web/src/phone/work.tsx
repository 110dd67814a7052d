/** The open cases of one's unit, and what may be done with one now: a step at a time, each with its clock. */
import { computed, effect, signal } from "@preact/signals";
import { ask, askWithResponse, client, everyPage, Refused } from "../api/client.ts";
import type { Case, CaseDetail, CaseMove, NextMove } from "../api/types.ts";
import { distanceM } from "../map/mercator.ts";
import { categoryName } from "../state/register.ts";
import { session } from "../state/session.ts";
import { mostShown, shows } from "../state/step.ts";
import { nowMs } from "../state/tick.ts";
import { clock, distance } from "../i18n/format.ts";
import { inLanguage, words } from "../i18n/index.ts";
import { ClockLine, CourseNotes, left, ownerName, rungOf } from "../ui/clocks.tsx";
import { isField, MoveForm } from "../ui/moveform.tsx";
import { here } from "./here.ts";
import { landed, sayRefused, unheard, within } from "./refusal.ts";
import { boxed, takeStep } from "./sender.ts";
import { waitingOf, whoAmI } from "./step.ts";
import { stepName, Waits } from "./waits.tsx";

const unit = signal<Case[]>([]);
/** When the list was true, where it is not now. */
const oldSince = signal<number | null>(null);
let heardMs = 0;
const open = signal<string | null>(null);
const detail = signal<CaseDetail | null>(null);
const form = signal<string | null>(null);
const busy = signal(false);
const refused = signal<Refused | null>(null);
/** What came of the last tap, and of which case. */
const said = signal<{ of: string; text: string; bad: boolean } | null>(null);
let etag = "*";

const everyMs = 30_000;
const most = 400;
const pageOf = 200;

export async function loadUnit(): Promise<void> {
  try {
    unit.value = await everyPage((cursor) => ask(client.GET("/api/v1/cases", { params: { query: { open: true, limit: pageOf, cursor } } })), most);
    heardMs = Date.now();
    oldSince.value = null;
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    if (heardMs > 0) oldSince.value = heardMs;
  }
}

export function pollUnit(): void {
  const again = () => setTimeout(() => void loadUnit().finally(again), everyMs);
  void loadUnit().finally(again);
  // What came of a step is read where it was taken.
  const heard = new Set<string>();
  let began = false;
  effect(() => {
    for (const b of boxed.value) {
      if (!b.step || b.state !== "sent" || heard.has(b.key)) continue;
      heard.add(b.key);
      if (!began || open.peek() !== b.step.case) continue;
      said.value = { of: b.step.case, text: words.peek().work.waits.arrived(stepName(b.step)), bad: false };
      void look(b.step.case);
    }
    began = true;
  });
}

/** A newer text of a case that the list holds, as another list or an answer brought it. */
export function freshen(some: Case[]): void {
  const newer = new Map(some.map((c) => [c.id, c]));
  if (unit.peek().some((c) => (newer.get(c.id)?.version ?? 0) > c.version))
    unit.value = unit.peek().map((c) => { const n = newer.get(c.id); return n && n.version > c.version ? n : c; });
  const shown = detail.peek();
  if (shown && (newer.get(shown.id)?.version ?? 0) > shown.version && !busy.peek() && !form.peek()) void look(shown.id);
}

const took = new Set(["offered", "accepted", "en_route", "on_scene", "done"]);
const local = new Set(["village", "town"]);
const went = (c: Case) => c.assignments.filter((a) => a.patrol_id !== null && a.patrol_id === session.value?.patrol_id && took.has(a.state));

/** Whether the person at this phone has a part in a case: by their department, or because their patrol went. */
function partIn(c: Case): boolean {
  return c.departments.some((d) => d.code === session.value?.scope.department) || went(c).length > 0;
}

/** Whose turn it is: ours, where the unit that has the case is ours, or it is settled locally by who looked first. */
export function isOurs(c: Case): boolean {
  const code = c.owner.code ?? "";
  if (c.owner.kind !== "unit") return false;
  return code === session.value?.scope.department || went(c).some((a) => a.department === code || (local.has(code) && a.kind === "first_look"));
}

const ordered = (c: Case) => c.clocks.some((k) => k.name === "supervision");

/** What waits for an answer first, then what is due first. */
function pressing(a: Case, b: Case): number {
  const order = Number(ordered(b)) - Number(ordered(a));
  const due = (c: Case) => Math.min(...c.clocks.filter((k) => !k.paused).map((k) => Date.parse(k.due_at)), Infinity);
  return order !== 0 ? order : due(a) === due(b) ? (a.id < b.id ? -1 : 1) : due(a) < due(b) ? -1 : 1;
}

export const ours = computed(() => unit.value.filter((c) => c.closed_at === null && partIn(c) && isOurs(c)).sort(pressing));
const others = computed(() => unit.value.filter((c) => c.closed_at === null && partIn(c) && !isOurs(c)).sort(pressing));
/** While one of them is open nothing moves under the thumb, and what came of it is read where it was tapped. */
const held = signal<string[] | null>(null);
const listed = computed(() => {
  const order = held.value;
  if (!order) return ours.value;
  const known = new Map<string, Case>(unit.value.map((c) => [c.id, c]));
  if (detail.value && !known.has(detail.value.id)) known.set(detail.value.id, detail.value); // it has just ended
  return [...order.flatMap((id) => known.get(id) ?? []), ...ours.value.filter((c) => !order.includes(c.id))];
});

async function look(id: string): Promise<void> {
  try {
    const { data, response } = await within((signal) => askWithResponse(client.GET("/api/v1/cases/{id}", { params: { path: { id } }, signal })));
    if (open.value === id) take(data, response);
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    if (open.value === id && detail.value?.id !== id) said.value = { of: id, text: sayRefused(why), bad: true };
  }
}

function take(c: CaseDetail, response: Response): void {
  etag = response.headers.get("ETag") ?? `"${c.version}"`;
  detail.value = c;
  if (!c.moves.some((m) => m.allowed && m.move === form.value)) form.value = null;
  freshen([c]);
}

export function openCase(id: string | null): void {
  open.value = id;
  form.value = null;
  refused.value = null;
  said.value = null;
  held.value = id ? (held.peek() ?? ours.peek().map((c) => c.id)) : null;
  if (id && detail.value?.id !== id) detail.value = null;
  if (id) void look(id);
}
export const isOpen = (id: string): boolean => open.value === id;

/** One tap, one step. What did not get through says so, and the same tap again counts once. */
async function move(c: CaseDetail, order: CaseMove, name: string): Promise<boolean> {
  if (busy.value) return false;
  busy.value = true;
  refused.value = null;
  said.value = null;
  const done = () => (said.value = { of: c.id, text: words.value.course.moved(name), bad: false });
  try {
    const { data, response } = await within((signal) =>
      askWithResponse(client.POST("/api/v1/cases/{id}/moves", { params: { path: { id: c.id }, header: { "If-Match": etag } }, body: order, signal })));
    form.value = null;
    take(data, response);
    done();
    void loadUnit();
    return true;
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    if (why.status !== 401) await look(c.id);
    const now = detail.value?.id === c.id ? detail.value : null;
    if (now && (unheard(why) || why.status === 412) && landed(now, order)) {
      form.value = null;
      said.value = { of: c.id, text: words.value.work.arrived, bad: false };
      return true;
    }
    refused.value = why;
    said.value = { of: c.id, text: sayRefused(why, now, order.move), bad: true };
    return false;
  } finally {
    busy.value = false;
  }
}

/** A step that photos go with is kept first, and sent with or after what else of its case waits. */
async function moveShowing(c: CaseDetail, order: CaseMove, photos: Blob[]): Promise<boolean> {
  refused.value = null;
  said.value = null;
  await takeStep({ case: c.id, number: c.number, who: whoAmI(), order }, photos);
  form.value = null;
  return true;
}

export function UnitCases({ without }: { without: ReadonlySet<string> }) {
  const w = words.value.work;
  const mine = listed.value.filter((c) => !without.has(c.id));
  const rest = others.value.filter((c) => !without.has(c.id) && !mine.includes(c));
  const officer = session.value?.role === "officer";
  if (mine.length + rest.length === 0 && !officer) return null;
  return (
    <section class="unit" aria-labelledby="unit-title">
      <h2 id="unit-title">{officer ? w.unit : w.mine} {mine.length > 0 ? <span class="count">{mine.length}</span> : null}</h2>
      {oldSince.value === null ? null : <p class="quiet" role="status">{w.old(clock(oldSince.value))}</p>}
      {mine.length === 0 ? <p class="quiet">{w.none}</p> : null}
      <ul>{mine.map((c) => <UnitCase key={c.id} c={c} />)}</ul>
      {rest.length > 0 ? (
        <details>
          <summary>{w.others(rest.length)}</summary>
          <ul>{rest.map((c) => <UnitCase key={c.id} c={c} />)}</ul>
        </details>
      ) : null}
    </section>
  );
}

function UnitCase({ c }: { c: Case }) {
  const all = words.value;
  const now = nowMs.value;
  const k = c.clocks[0];
  const isOn = isOpen(c.id);
  const away = here.value ? distanceM(here.value, c) : null;
  return (
    <li class="sheet unit-case" data-case={c.number}>
      <button type="button" class="head" aria-expanded={isOn} onClick={() => openCase(isOn ? null : c.id)}>
        <span class="what">{c.description || categoryName(c.category)}</span>
        {ordered(c) ? <span class="badge">{all.work.supervised}</span> : null}
        <span class="quiet">{[all.stage[c.stage], categoryName(c.category), c.responsible.name, away === null ? "" : all.phone.distance(distance(away))].filter(Boolean).join(" · ")}</span>
        {k ? <span class={`due ${rungOf(k, now)}`}>{all.course.clocks[k.name]} {left(k, now).text}</span> : null}
      </button>
      {isOn ? <CaseWork id={c.id} /> : null}
    </li>
  );
}

/** Who could do what elsewhere than here, or does it with more than a phone. */
const elsewhere = new Set(["undo", "close", "join", "split", "combine", "dispatch"]);
/** What a unit may want to do and is told why not. */
const wanted = new Set(["sign", "start", "feedback", "return", "ask_extension", "ask_suspension"]);
/** What comes first under the thumb. */
const first = ["answer", "sign", "start", "resume", "feedback"];

export function CaseWork({ id }: { id: string }) {
  const all = words.value;
  const w = all.work;
  const c = detail.value?.id === id ? detail.value : null;
  const tells = said.value?.of === id ? said.value : null;
  const last = tells ? <p class={`say ${tells.bad ? "bad" : ""}`} role={tells.bad ? "alert" : "status"}>{tells.text}</p> : null;
  if (!c)
    return (
      <div class="work">
        {last ?? <p class="quiet">{all.loading}</p>}
        {last ? <button type="button" class="big" onClick={() => openCase(id)}>{all.retry}</button> : null}
      </div>
    );
  const can = c.moves.filter((m) => m.allowed && !elsewhere.has(m.move)).sort((a, b) => rank(a) - rank(b));
  const cannot = c.moves.filter((m) => !m.allowed && wanted.has(m.move) && m.why_not);
  const waiting = waitingOf(boxed.value, c.id).some((b) => b.state !== "refused");
  const chosen = waiting ? undefined : can.find((m) => m.move === form.value);
  return (
    <div class="work course">
      <p class="pair"><span>{all.course.owner}</span><b>{ownerName(c)}</b></p>
      {c.clocks.map((k) => <ClockLine key={k.name} k={k} />)}
      <CourseNotes c={c} />
      {chosen ? null : last}
      <Waits of={c.id} redo={(s) => { if ("order" in s) form.value = s.order.move; }} />
      {waiting ? null : chosen ? (
        <MoveForm key={chosen.move} c={c} m={chosen} busy={busy.value} refused={refused.value} look={{ row: "acts", plain: "big", main: "big main" }}
          cancel={() => { form.value = null; said.value = null; refused.value = null; }} most={shows(chosen.move) ? mostShown : 0}
          send={(order, photos) => (shows(order.move) ? moveShowing(c, order, photos) : move(c, order, inLanguage(chosen.name)))}>
          {refused.value?.problem?.errors.some((e) => isField(e.pointer)) ? null : last}
        </MoveForm>
      ) : (
        <>
          {can.length > 0 ? (
            <div class="acts">
              {can.map((m, i) => (
                <button key={m.move} type="button" id={`move-${m.move}`} class={`big ${i === 0 && first.includes(m.move) ? "main only" : ""}`} disabled={busy.value}
                  onClick={() => { said.value = null; refused.value = null; if (m.needs.length === 0 && !shows(m.move)) void move(c, { move: m.move }, inLanguage(m.name)); else form.value = m.move; }}>
                  {inLanguage(m.name)}
                </button>
              ))}
            </div>
          ) : tells ? null : <p class="quiet">{w.nothing}</p>}
          {can.length > 0 && cannot.length > 0 ? (
            <details class="cannot">
              <summary>{w.cannot(cannot.length)}</summary>
              <ul>{cannot.map((m) => <li key={m.move}><b>{inLanguage(m.name)}</b> {m.why_not ? inLanguage(m.why_not) : ""}</li>)}</ul>
            </details>
          ) : null}
        </>
      )}
    </div>
  );
}

function rank(m: NextMove): number {
  const at = first.indexOf(m.move);
  return at < 0 ? first.length : at;
}
