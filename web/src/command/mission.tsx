/** Several departments on one case: who leads, who is in place, when all are there, and what the commander may order. */
import { signal } from "@preact/signals";
import type { CaseDetail, Mission, MissionMember, MissionOrder } from "../api/types.ts";
import { departmentName } from "../state/register.ts";
import { nowMs } from "../state/tick.ts";
import { clock } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { MissionForm } from "../ui/missionform.tsx";
import { busy, order, refused, type MissionAction } from "./choice.ts";
import { Cover } from "./cover.tsx";
import { MoreForm, canSendMore } from "./more.tsx";

/** What waits for a reason, or for what more is wanted, before it is ordered. */
const asking = signal<{ of: string; action: "more" | "go" | "recall" } | null>(null);
const opened = signal<string | null>(null);
const active = new Set(["offered", "accepted", "en_route", "on_scene"]);

export function JointMission({ c }: { c: CaseDetail }) {
  const w = words.value.mission;
  const m = c.mission;
  if (!m) return null;
  const may = m.may_command && m.state !== "ended";
  return (
    <section class="mission" id="mission" data-state={m.state}>
      <h3>
        <span>{w.title}</span>
        <span class={`m-state ${m.state}`}>{w.states[m.state]}{m.of > 0 ? ` · ${w.inPlace(m.in_place, m.of)}` : ""}</span>
      </h3>
      {!m.rendezvous && m.meet_at && m.state === "gathering" ? <p class="note">{w.meetAt(clock(m.meet_at))}</p> : null}
      {m.of > 0 ? <div class="m-bar" aria-hidden="true"><i style={{ flex: m.in_place }} /><i class="rest" style={{ flex: m.of - m.in_place }} /></div> : null}
      <ul>{m.members.map((x) => <Member key={x.assignment_id} x={x} may={may} />)}</ul>
      <Cover c={c} />
      {may ? <Orders c={c} m={m} /> : null}
    </section>
  );
}

function Member({ x, may }: { x: MissionMember; may: boolean }) {
  const all = words.value;
  const w = all.mission;
  const open = opened.value === x.assignment_id;
  const leaves = !x.in_place_at && x.depart_at ? Date.parse(x.depart_at) : null;
  const due = leaves !== null && leaves <= nowMs.value;
  const when = x.in_place_at ? `${w.there} ${clock(x.in_place_at)}`
    : [leaves !== null ? (due ? all.meet.leaveNow : w.departs(clock(leaves))) : "", x.arrives_at ? w.arrives(clock(x.arrives_at)) : ""].filter(Boolean).join(" · ");
  const act = (action: MissionAction, body: MissionOrder) => {
    opened.value = null;
    void order(action, body);
  };
  return (
    <li class={x.in_place_at ? "there" : due ? "due" : ""}>
      <div class="m-row">
        <span class={`part ${x.part}`}>{all[x.part]}</span>
        <span class="m-name">
          {x.name} {x.commands ? <b class="m-chief">{w.commander}</b> : null} {x.relieves ? <b class="m-chief">{w.relief}</b> : null}
          <small>{departmentName(x.department)}{x.people > 1 ? ` · ${w.people(x.people)}` : ""} · {all.assignment[x.state]}{x.shift_ends_at ? ` · ${w.shiftEnds(clock(x.shift_ends_at))}` : ""}</small>
        </span>
        <span class="m-when">{when}</span>
        {may && active.has(x.state) ? (
          <button type="button" class="button plain" aria-expanded={open} aria-label={w.act(x.name)} onClick={() => (opened.value = open ? null : x.assignment_id)}>⋯</button>
        ) : null}
      </div>
      {open && may ? (
        <div class="m-acts">
          {x.in_place_at ? null : <button type="button" class="button" disabled={busy.value} onClick={() => act("in_place", { assignment_id: x.assignment_id })}>{w.markInPlace}</button>}
          {x.commands ? null : <button type="button" class="button" disabled={busy.value} onClick={() => act("commander", { patrol_id: x.patrol_id })}>{w.makeCommander}</button>}
          <button type="button" class="button" disabled={busy.value} onClick={() => act("hand_over", { assignment_id: x.assignment_id })}>{w.handOver}</button>
          <button type="button" class="button" disabled={busy.value} onClick={() => act("release", { assignment_id: x.assignment_id })}>{w.release}</button>
        </div>
      ) : null}
    </li>
  );
}

function Orders({ c, m }: { c: CaseDetail; m: Mission }) {
  const w = words.value.mission;
  const ask = asking.value?.of === c.id ? asking.value.action : null;
  const start = (action: "more" | "go" | "recall") => (asking.value = { of: c.id, action });
  if (ask === "more") return <MoreForm c={c} done={() => (asking.value = null)} />;
  if (ask)
    return (
      <MissionForm m={m} asking={{ action: ask }} busy={busy.value} refused={refused.value} cancel={() => (asking.value = null)}
        send={(body) => void order(ask, body).then((ok) => ok && (asking.value = null))} />
    );
  return (
    <div class="m-acts">
      {canSendMore(c) ? null : <button type="button" class="button" disabled={busy.value} onClick={() => start("more")}>{w.more}</button>}
      <button type="button" class="button" disabled={busy.value} onClick={() => start("recall")}>{w.recall}</button>
      {m.state === "in_place" ? (
        <button type="button" id="mission-go" class="button primary" disabled={busy.value} onClick={() => void order("go", {})}>{w.go}</button>
      ) : m.state === "gathering" && m.of > 0 ? (
        <button type="button" class="button" disabled={busy.value} onClick={() => start("go")}>{w.goAnyway}</button>
      ) : null}
    </div>
  );
}
