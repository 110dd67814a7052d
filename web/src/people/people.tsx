/** People and devices: who is in which patrol, when it is on duty, and which phones speak for it. */
import { computed, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Device, Patrol } from "../api/types.ts";
import { departmentName, departments, townOf } from "../state/register.ts";
import { may } from "../state/session.ts";
import { nowMs } from "../state/tick.ts";
import { clock, dayAndClock, duration } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { Icon } from "../ui/marks.tsx";
import { addMember, addShift, busy, choose, chosen, crew, devices, elsewhere, endMember, endShift, enrolment, makeCode, open, openPeople, patrols, reportLost, shifts, trouble, unbind } from "./crew.ts";
import { Enrol } from "./enrol.tsx";
import { Finder, Sure } from "./finder.tsx";
import { GridCrew, GridList } from "./grids.tsx";
import { chosenGrid, side } from "./gridcrew.ts";
import { since } from "./since.ts";

const text = signal("");
const department = signal("");
const shown = 200;

export function PeopleButton() {
  const w = words.value.people;
  if (!may("manage_people")) return null;
  return (
    <button type="button" class="button" title={w.title} onClick={() => void openPeople()}>
      <Icon name="person" />
      {w.short}
    </button>
  );
}

const matching = computed<Patrol[]>(() => {
  const t = text.value.trim().toLowerCase();
  return (patrols.value ?? []).filter((p) => (department.value === "" || p.department === department.value) && (t === "" || `${p.name} ${p.code}`.toLowerCase().includes(t)));
});

export function People() {
  const w = words.value.people;
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open.value) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open.value]);
  if (!open.value) return null;
  const grids = side.value === "grids";
  return (
    <dialog ref={dialog} class="people" aria-labelledby="people-title" onClose={() => (open.value = false)} onKeyDown={(e) => e.stopPropagation()}>
      <header>
        <h2 id="people-title">{w.title}</h2>
        <div class="sides" role="group" aria-label={w.title}>
          {(["patrols", "grids"] as const).map((x) => (
            <button key={x} type="button" class="button" aria-pressed={side.value === x} onClick={() => {
                side.value = x;
                text.value = "";
              }}>{w[x]}</button>
          ))}
        </div>
        <input type="search" aria-label={grids ? w.searchGrids : w.searchPatrols} placeholder={grids ? w.searchGrids : w.searchPatrols} value={text.value} onInput={(e) => (text.value = e.currentTarget.value)} />
        <select aria-label={words.value.filter} hidden={grids} value={department.value} onChange={(e) => (department.value = e.currentTarget.value)}>
          <option value="">{words.value.allDepartments}</option>
          {[...departments.value.keys()].map((code) => <option key={code} value={code}>{departmentName(code)}</option>)}
        </select>
        <button type="button" class="button plain" aria-label={words.value.close} onClick={() => (open.value = false)}><Icon name="close" size={20} /></button>
      </header>
      {grids ? <GridList text={text.value} /> : <PatrolList />}
      <section class="crew">
        {grids ? (chosenGrid.value ? <GridCrew /> : <p class="quiet empty">{w.chooseGrid}</p>) : chosen.value ? <Crew /> : <p class="quiet empty">{w.choose}</p>}
      </section>
    </dialog>
  );
}

function PatrolList() {
  const w = words.value.people;
  return (
    <nav aria-label={w.patrols}>
      {patrols.value === null ? <p class="quiet">{trouble.value || words.value.connecting}</p> : null}
      {patrols.value !== null && matching.value.length === 0 ? <p class="quiet">{w.noPatrol}</p> : null}
      <ul>
        {matching.value.slice(0, shown).map((p) => (
          <li key={p.id}>
            <button type="button" aria-current={p.id === chosen.value ? "true" : undefined} onClick={() => void choose(p.id)}>
              <span class="name">{p.name}</span>
              <Status p={p} />
              <span class="quiet where">{[departmentName(p.department), townOf(p.area_code)?.name].filter(Boolean).join(" · ")}</span>
            </button>
          </li>
        ))}
      </ul>
      {matching.value.length > shown ? <p class="quiet">{w.more(matching.value.length - shown)}</p> : null}
    </nav>
  );
}

function Status({ p }: { p: Patrol }) {
  const w = words.value;
  const off = p.status === "off_duty";
  return <span class={`tag ${off ? "quiet" : p.presence === "lost" ? "warn" : "good"}`}>{off ? w.people.offDuty : p.presence === "lost" ? w.people.onDutyLost : w.people.onDuty}</span>;
}

function Crew() {
  const all = words.value;
  const w = all.people;
  const p = crew.value;
  return (
    <>
      {trouble.value ? <p class="say bad" role="alert">{trouble.value}</p> : null}
      {p === null ? <span class="bone" style={{ height: "6rem" }} /> : (
        <>
          <div class="title">
            <h3>{p.name}</h3>
            <span class="quiet">{p.code} · {departmentName(p.department)} · {all.mode[p.mode]}</span>
            <Status p={p} />
          </div>
          <h4>{w.members}</h4>
          {p.members.length === 0 ? <p class="quiet">{w.noMembers}</p> : null}
          <ul class="lines">
            {[...p.members, ...p.planned].map((m) => (
              <li key={m.staff_id + m.since}>
                <b>{m.name}</b>
                <span class="quiet">{(all.role as Record<string, string>)[m.role] ?? m.role}</span>
                {m.phone ? <span>{m.phone}</span> : null}
                <span class="quiet">{since(m.since)}{m.until ? ` ${w.until(dayAndClock(m.until))}` : ""}</span>
                <span class="act"><Sure id={m.staff_id} ask={w.sureRemove(m.name)} label={w.remove} act={() => void endMember(m.staff_id)} /></span>
              </li>
            ))}
          </ul>
          <AddMember />
          <h4>{w.shifts}</h4>
          <Shifts />
          <h4>{w.devices}</h4>
          {devices.value.length === 0 ? <p class="quiet">{w.noDevices}</p> : null}
          <ul class="lines">{devices.value.map((d) => <DeviceLine key={d.id} d={d} />)}</ul>
          {enrolment.value ? <Enrol /> : may("enrol_device") ? <button type="button" class="button primary new-phone" disabled={busy.value} onClick={() => void makeCode()}><Icon name="plus" />{w.enrol}</button> : null}
        </>
      )}
    </>
  );
}

function AddMember() {
  const w = words.value.people;
  const asked = elsewhere.value;
  return (
    <Finder label={w.addMember} act={(s) => void addMember(s)}>
      {asked ? (
        <p class="say" role="alert">
          {asked.why}
          <span class="second">
            <button type="button" class="button" onClick={() => (elsewhere.value = null)}>{words.value.cancel}</button>
            <button type="button" class="button primary" onClick={() => void addMember(asked.person, true)}>{w.moveHere}</button>
          </span>
        </p>
      ) : null}
    </Finder>
  );
}

function Shifts() {
  const w = words.value.people;
  const now = nowMs.value;
  return (
    <>
      {shifts.value.length === 0 ? <p class="quiet">{w.noShifts}</p> : null}
      <ul class="lines">
        {shifts.value.slice(0, 6).map((s) => {
          const on = Date.parse(s.from) <= now;
          const sameDay = new Date(s.from).toDateString() === new Date(s.until).toDateString();
          return (
            <li key={s.id}>
              <b>{dayAndClock(s.from)} – {sameDay ? clock(s.until) : dayAndClock(s.until)}</b>
              <span class={on ? "tag good" : "quiet"}>{on ? w.shiftNow : s.source === "manual" ? w.byHand : ""}</span>
              <span class="act"><Sure id={s.id} ask={on ? w.sureEnd : w.sureTakeBack} label={on ? w.endShift : w.takeBack} act={() => void endShift(s.id)} /></span>
            </li>
          );
        })}
      </ul>
      {shifts.value.length > 6 ? <p class="quiet">{w.moreShifts(shifts.value.length - 6)}</p> : null}
      <form
        class="add shift"
        onSubmit={(e) => {
          e.preventDefault();
          const form = e.currentTarget;
          const f = new FormData(form);
          const from = new Date(String(f.get("from")));
          const until = new Date(String(f.get("until")));
          if (!Number.isNaN(from.valueOf()) && !Number.isNaN(until.valueOf())) void addShift(from, until).then((ok) => ok && form.reset());
        }}
      >
        <label>{w.from} <input type="datetime-local" name="from" required /></label>
        <label>{w.to} <input type="datetime-local" name="until" required /></label>
        <button type="submit" class="button" disabled={busy.value}>{w.addShift}</button>
      </form>
    </>
  );
}

function DeviceLine({ d }: { d: Device }) {
  const all = words.value;
  const w = all.people;
  const seen = d.last_seen ? duration((nowMs.value - Date.parse(d.last_seen)) / 1000, all) : null;
  const fine = d.presence === "online" || d.presence === "still";
  return (
    <li>
      <b>{d.name ?? d.code}</b>
      <span class={`tag ${fine ? "good" : d.presence === "stale" ? "warn" : "quiet"}`}>{seen === null ? w.neverSeen : w.presence[d.presence]}</span>
      <span class="quiet">{[d.name ? d.code : "", d.model ?? "", seen === null ? "" : w.seen(seen), d.battery === null ? "" : w.battery(Math.round(d.battery * 100)), d.simulated ? w.simulated : ""].filter(Boolean).join(" · ")}</span>
      <span class="act">
        <Sure id={`u${d.id}`} ask={w.sureUnbind} label={w.unbind} act={() => void unbind(d.id)} />
        {may("revoke_device") ? <Sure id={`l${d.id}`} ask={w.sureLost} label={w.lost} danger act={() => void reportLost(d.id)} /> : null}
      </span>
    </li>
  );
}
