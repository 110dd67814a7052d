/** What this patrol is asked to do: how far, how long, who else comes, and the next step. */
import { computed, effect, signal } from "@preact/signals";
import { ask, client, Refused } from "../api/client.ts";
import type { Assignment, Case, MissionOrder } from "../api/types.ts";
import { distanceM } from "../map/mercator.ts";
import { categoryName, departmentName } from "../state/register.ts";
import { session } from "../state/session.ts";
import { nowMs } from "../state/tick.ts";
import { clock, distance, duration } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import type { OrderAction } from "../ui/missionform.tsx";
import { left as leftOf, rungOf } from "../ui/clocks.tsx";
import { here } from "./here.ts";
import { commandedFor, handOverFor, loadMeetings, meetingFor, MeetSheet, missionFor } from "./meet.tsx";
import { MissionNote, type Step, stepOf, waits } from "./mission.tsx";
import { CommanderOrders } from "./command.tsx";
import { FinishForm } from "./finish.tsx";
import { sayRefused, unheard, within } from "./refusal.ts";
import { loadRevisits, Revisits, revisits } from "./revisits.tsx";
import { boxed, reachable, takeStep } from "./sender.ts";
import { waitingOf, whoAmI } from "./step.ts";
import { Waits } from "./waits.tsx";
import { tab } from "./tab.ts";
import { CaseWork, freshen, isOpen, isOurs, loadUnit, openCase, ours, pollUnit, UnitCases } from "./work.tsx";

const list = signal<Case[]>([]);
const busy = signal(false);
/** Where a task asks something of the service, and where its refusal is to be read. */
type Asked = "step" | "command" | "relief";
/** What went wrong, and at which task it is to be read. */
const trouble = signal<{ of: string; text: string; why: Refused; by: Asked } | null>(null);
/** What was done last, and of which task. */
const said = signal<{ of: string; text: string } | null>(null);
const declining = signal<string | null>(null);
const finishing = signal<string | null>(null);
const active = new Set(["offered", "accepted", "en_route", "on_scene"]);
const everyMs = 5_000;

export async function loadTasks(): Promise<void> {
  try {
    const { items } = await ask(client.GET("/api/v1/cases", { params: { query: { open: true, limit: 50 } } }));
    list.value = items;
    reachable.value = true;
    freshen(items);
    await loadMeetings(tasks.peek().map((t) => t.c.id));
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    if (why.type === "offline") reachable.value = false;
  }
}

const revisitsEveryMs = 60_000;
export function pollTasks(): void {
  const look = () => setTimeout(() => void loadRevisits().finally(look), revisitsEveryMs);
  void loadRevisits().finally(look);
  const again = () => setTimeout(() => void loadTasks().finally(again), everyMs);
  void loadTasks().finally(again);
  pollUnit();
  // A step that has just arrived changes what is to be done.
  let arrived = -1;
  effect(() => {
    const n = boxed.value.filter((b) => b.step && (b.state === "sent" || b.state === "refused")).length;
    if (arrived >= 0 && n > arrived) void Promise.all([loadTasks(), loadUnit()]);
    arrived = n;
  });
}

type Task = { c: Case; a: Assignment };
export const tasks = computed<Task[]>(() => {
  const mine = session.value?.patrol_id;
  return list.value.flatMap((c) => c.assignments.filter((a) => mine && a.patrol_id === mine && active.has(a.state)).map((a) => ({ c, a: asTaken(a) })));
});

/** An assignment as the patrol left it, though the service has not heard of that yet. */
function asTaken(a: Assignment): Assignment {
  const steps = boxed.value.flatMap((b) => (b.step && "action" in b.step && b.step.assignment === a.id && (b.state === "waiting" || b.state === "sending") ? [{ at: b.madeMs, to: b.step.action }] : []));
  const last = steps.filter((s) => s.to !== "done").sort((x, y) => y.at - x.at)[0];
  return last ? { ...a, state: last.to } : a;
}

async function answer({ c, a }: Task, steps: ("accept" | "decline" | "en_route")[], body: { reason?: string } = {}): Promise<boolean> {
  const done = await tap(a.id, async (signal) => {
    for (const action of steps)
      await ask(client.POST("/api/v1/cases/{id}/assignments/{aid}/{action}", { params: { path: { id: c.id, aid: a.id, action } }, body, signal }));
  });
  if (done) declining.value = null;
  return done;
}

/** A step on the way: with a line it is told at once; without one it is kept, and the next can be taken. */
async function progress({ c, a }: Task, action: "en_route" | "on_scene"): Promise<boolean> {
  const kept = () => takeStep({ case: c.id, number: c.number, who: whoAmI(), assignment: a.id, action, result: "" }, []);
  if (waitingOf(boxed.value, c.id).length > 0) {
    await kept(); // not before what was done first
    return true;
  }
  const done = await tap(a.id, (signal) => ask(client.POST("/api/v1/cases/{id}/assignments/{aid}/{action}", { params: { path: { id: c.id, aid: a.id, action } }, body: {}, signal })));
  if (done || !trouble.value || !unheard(trouble.value.why)) return done;
  trouble.value = null;
  await kept();
  return true;
}

/** The end goes by the box: photos take their time, and behind a factory there is no line. */
async function finish({ c, a }: Task, result: string, photos: Blob[]): Promise<boolean> {
  trouble.value = said.value = null;
  await takeStep({ case: c.id, number: c.number, who: whoAmI(), assignment: a.id, action: "done", result }, photos);
  finishing.value = null;
  return true;
}

function together({ c, a }: Task, step: Step): Promise<boolean> {
  return tap(a.id, (signal) => ask(client.POST("/api/v1/cases/{id}/mission/{action}", { params: { path: { id: c.id, action: step.action } }, body: step.body, signal })));
}

/** More said twice would be twice as many: once it may have been heard it is for the case as it was before. */
async function command({ c, a }: Task, action: OrderAction, body: MissionOrder, since: number | null): Promise<Refused | null> {
  const header = action === "more" && since !== null ? { "If-Match": `"${since}"` } : {};
  const done = await tap(a.id, (signal) => ask(client.POST("/api/v1/cases/{id}/mission/{action}", { params: { path: { id: c.id, action }, header }, body, signal })), "command");
  if (done) said.value = { of: a.id, text: words.value.mission.done[action] };
  else if (trouble.value?.why.status === 412) trouble.value = { ...trouble.value, text: words.value.work.command.maybe };
  return done ? null : (trouble.value?.why ?? new Refused(0, "busy", ""));
}

/** One tap of a task. Said twice it counts once, so what did not get through is simply tapped again. */
async function tap(of: string, call: (signal: AbortSignal) => Promise<unknown>, by: Asked = "step"): Promise<boolean> {
  if (busy.value) return false;
  busy.value = true;
  trouble.value = said.value = null;
  try {
    await within(call);
    return true;
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    trouble.value = { of, text: sayRefused(why), why, by };
    return false;
  } finally {
    busy.value = false;
    await loadTasks();
  }
}

export function Tasks() {
  const w = words.value.phone;
  return (
    <>
      <div class="title">
        <h1>{w.tasks}</h1>
      </div>
      {trouble.value && !tasks.value.some((t) => t.a.id === trouble.value?.of) ? <p class="error" role="alert">{trouble.value.text}</p> : null}
      {said.value && !tasks.value.some((t) => t.a.id === said.value?.of) ? <p class="say" role="status">{said.value.text}</p> : null}
      {tasks.value.map((t) => (
        <TaskSheet key={t.a.id} t={t} />
      ))}
      <Revisits />
      {tasks.value.length + revisits.value.length + ours.value.length === 0 ? (
        <div class="sheet nothing">
          <h2>{w.noTasks}</h2>
          <p>{session.value?.patrol_id ? w.noTasksHint : w.noPatrol}</p>
        </div>
      ) : null}
      <UnitCases without={new Set(tasks.value.map((t) => t.c.id))} />
      <button type="button" class="big alert" style={{ marginTop: "0.9rem" }} onClick={() => (tab.value = "report")}>＋ {w.report}</button>
    </>
  );
}

/** Its shift ends: it asks for relief with one tap, and stays until somebody is there. */
function HandOverNote({ t, refused }: { t: Task; refused: string | null }) {
  const w = words.value.mission.handing;
  const h = handOverFor(t.c, t.a);
  if (!h) return null;
  const over = Date.parse(h.ends_at) <= nowMs.value;
  return (
    <div class="mission-note soon" role="status">
      <b>{h.relieved_by ? w.mineComes(h.relieved_by.name) : over ? w.mineOver : w.mine(clock(h.ends_at))}</b>
      {h.relieved_by ? null : (
        <button type="button" class="big" disabled={busy.value}
          onClick={() => void tap(t.a.id, (signal) => ask(client.POST("/api/v1/cases/{id}/mission/{action}", { params: { path: { id: t.c.id, action: "hand_over" } }, body: { assignment_id: t.a.id }, signal })), "relief")}>{w.ask}</button>
      )}
      {refused ? <p class="say bad" role="alert">{refused}</p> : null}
    </div>
  );
}

function TaskSheet({ t }: { t: Task }) {
  const all = words.value;
  const w = all.phone;
  const { c, a } = t;
  const k = c.clocks[0];
  const left = a.expires_at ? (Date.parse(a.expires_at) - nowMs.value) / 1000 : null;
  const away = here.value ? distanceM(here.value, c) : null;
  const meeting = meetingFor(c);
  const meets = meeting !== null;
  const mission = missionFor(c);
  const commanded = commandedFor(c);
  const wrong = (by: Asked) => (trouble.value?.of === a.id && trouble.value.by === by ? trouble.value.text : null);
  const says = wrong("command") ? <p class="say bad" role="alert">{wrong("command")}</p>
    : said.value?.of === a.id ? <p class="say" role="status">{said.value.text}</p> : null;
  const step = mission ? stepOf(mission, a) : null;
  const waiting = waitingOf(boxed.value, c.id).filter((b) => b.state !== "refused");
  /** The end is on its way: there is nothing left to tap. */
  const leaves = waiting.some((b) => b.step && "action" in b.step && b.step.assignment === a.id && b.step.action === "done");
  const departAt = meeting?.members.find((m) => m.assignment_id === a.id)?.depart_at ?? null;
  const leavesLater = departAt !== null && Date.parse(departAt) > nowMs.value;
  const others = c.assignments
    .filter((x) => x.id !== a.id && x.patrol_name && active.has(x.state))
    .map((x) => `${departmentName(x.department)} ${x.patrol_name}${x.eta_s === null ? "" : `（${duration(x.eta_s, all)}）`}`);
  return (
    <article class="sheet">
      <span class={`badge ${a.state === "offered" ? "" : "go"}`}>
        {a.state === "offered" ? `${w.newTask}${left !== null && left > 0 ? ` · ${w.timeToAnswer(duration(left, all))}` : ""}` : all.assignment[a.state]}
      </span>
      {c.covert ? <p class="covert-note"><b>{all.covert.mark}</b>{all.covert.phone}</p> : null}
      <h2>{c.description || categoryName(c.category)}</h2>
      <p>
        {[categoryName(c.category), c.responsible.name].filter(Boolean).join(" · ")}
      </p>
      <p>
        {[away === null ? (a.road_m === null ? "" : w.distance(distance(a.road_m))) : w.distance(distance(away)), a.eta_s === null || meets ? "" : w.eta(a.mode ? all.mode[a.mode] : "", duration(a.eta_s, all))].filter(Boolean).join(" · ")}
      </p>
      {k && a.state !== "offered" ? <p><span class={`due ${rungOf(k, nowMs.value)}`}>{all.course.clocks[k.name]} {leftOf(k, nowMs.value).text}</span></p> : null}
      {mission && a.state !== "offered" ? <MissionNote m={mission} a={a} /> : null}
      <MeetSheet c={c} a={a} />
      <HandOverNote t={t} refused={wrong("relief")} />
      {others.length > 0 ? <p>{w.alsoComing(others.join("、"))}</p> : null}
      <Waits of={c.id} redo={(s) => { if ("action" in s && s.action === "done") finishing.value = a.id; else openCase(c.id); }} />
      {declining.value === a.id ? (
        <div class="field" role="group" aria-label={w.declineWhy}>
          <span class="label">{w.declineWhy}</span>
          {w.declineReasons.map((reason) => (
            <button key={reason} type="button" class="big" style={{ marginBottom: "0.5rem" }} disabled={busy.value} onClick={() => void answer(t, ["decline"], { reason })}>{reason}</button>
          ))}
          <button type="button" class="big" onClick={() => (declining.value = null)}>{all.cancel}</button>
        </div>
      ) : finishing.value === a.id && a.state === "on_scene" ? (
        <FinishForm id={a.id} busy={busy.value} cancel={() => (finishing.value = null)} send={(result, photos) => finish(t, result, photos)} />
      ) : leaves ? null : (
        <div class="acts">
          {a.state === "offered" ? (
            <>
              <button type="button" class="big" disabled={busy.value} onClick={() => (declining.value = a.id)}>{w.decline}</button>
              <button type="button" class="big main" disabled={busy.value} onClick={() => void answer(t, leavesLater ? ["accept"] : ["accept", "en_route"])}>{leavesLater ? w.acceptOnly : w.accept}</button>
            </>
          ) : step ? (
            <button type="button" class="big main only" disabled={busy.value} onClick={() => void together(t, step)}>{step.label}</button>
          ) : mission && waits(mission, a) ? null : a.state === "accepted" ? (
            <button type="button" class="big main only" disabled={busy.value} onClick={() => void progress(t, "en_route")}>{w.enRoute}</button>
          ) : a.state === "en_route" ? (
            <button type="button" class="big main only" disabled={busy.value} onClick={() => void progress(t, "on_scene")}>{w.onScene}</button>
          ) : (
            <button type="button" class="big main only" disabled={busy.value} id="task-done" onClick={() => (finishing.value = a.id)}>{w.done}</button>
          )}
        </div>
      )}
      {wrong("step") ? <p class="say bad" role="alert">{wrong("step")}</p> : null}
      {a.state === "offered" || finishing.value === a.id || declining.value === a.id ? null : (
        <>
          {commanded ? (
            <CommanderOrders c={c} m={commanded} busy={busy.value} refused={trouble.value && wrong("command") ? trouble.value.why : null} says={says} clear={() => (trouble.value = said.value = null)}
              send={(action, body, since) => command(t, action, body, since)} />
          ) : null}
          <button type="button" class="big more" aria-expanded={isOpen(c.id)} onClick={() => openCase(isOpen(c.id) ? null : c.id)}>{isOpen(c.id) ? all.work.close : isOurs(c) ? all.work.openMore : all.work.openCourse}</button>
          {isOpen(c.id) ? <CaseWork id={c.id} /> : null}
        </>
      )}
    </article>
  );
}
