/** One department of a case: who comes, in how many minutes, and why them and not the others. */
import { signal } from "@preact/signals";
import type { Assignment, Candidate, CaseDetail } from "../api/types.ts";
import { isFinished } from "../state/queue.ts";
import { departmentName, withPlaces } from "../state/register.ts";
import { may } from "../state/session.ts";
import { distance, duration, minutes } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { inWords } from "../i18n/reasons.ts";
import { Mark } from "../ui/marks.tsx";
import { Played } from "../ui/played.tsx";
import { airTrap, busy, pickedOf, picks, reassign } from "./choice.ts";

const opened = signal<Record<string, boolean>>({});
/** A candidate an operator wants instead of one already sent, awaiting a second click. */
export const swap = signal<{ assignment: string; patrol: string } | null>(null);
const shownAtFirst = 3;

const stateClass: Record<Assignment["state"], string> = {
  proposed: "", offered: "offer", accepted: "go", en_route: "go", on_scene: "there", done: "", declined: "bad", expired: "bad", recalled: "",
};

export function Team({ c, a }: { c: CaseDetail; a: Assignment }) {
  const w = words.value;
  const picked = pickedOf(a, picks.value);
  const best = a.candidates.find((k) => k.patrol_id === picked);
  const other = picked !== a.patrol_id;
  const eta = other ? (best?.eta_s ?? null) : a.eta_s;
  const road = other ? (best?.road_m ?? null) : a.road_m;
  const age = other ? (best?.fix_age_s ?? null) : a.fix_age_s;
  const kind = other ? best?.eta_kind : a.eta_kind;
  const mode = other ? best?.mode : a.mode;
  const sent = a.state !== "proposed";
  const there = a.state === "on_scene" || a.state === "done";
  return (
    <article class={`team ${sent ? "sent" : ""}`} data-department={a.kind === "department" ? a.department : "first_look"}>
      <div class="who">
        <p class="name">
          {(other ? best?.name : a.patrol_name) ?? w.nobodyYet} <Played patrol={other ? picked : a.patrol_id} />
          <small>{a.kind === "first_look" ? w.firstLook : departmentName(a.department)}{mode ? ` · ${w.mode[mode]}` : ""}</small>
        </p>
        <p class="eta">
          {there || eta === null ? null : <><b>{minutes(eta)}</b><small>{w.minutesUnit}</small></>}
        </p>
        <p class="facts">
          <span class={`state ${stateClass[a.state]}`}>{w.assignment[a.state]}</span>{" "}
          {age === null || age === undefined ? w.noFix : w.fixAge(duration(age, w))}
        </p>
        <p class="dist">{road === null ? "" : distance(road)} {kind ? (kind === "road" ? w.byRoad : w.straightLine) : ""}</p>
      </div>
      {a.candidates.length > 0 ? <Candidates c={c} a={a} picked={picked} /> : null}
    </article>
  );
}

function Candidates({ c, a, picked }: { c: CaseDetail; a: Assignment; picked: string | null }) {
  const w = words.value;
  const trap = airTrap(a.candidates);
  const ranked = [...a.candidates].sort((x, y) => (x.rank ?? 999) - (y.rank ?? 999));
  const all = opened.value[a.id] ?? false;
  const first = a.kind === "first_look" ? 1 : shownAtFirst;
  const list = all ? ranked : ranked.slice(0, first);
  const sent = a.state !== "proposed";
  const free = !isFinished(c) && may("dispatch") && a.kind === "department" && a.state !== "on_scene" && a.state !== "done";
  const soonest = ranked[0];
  const pick = (k: Candidate) => {
    if (!free || k.patrol_id === picked) return;
    if (sent) swap.value = { assignment: a.id, patrol: k.patrol_id };
    else if (a.department) picks.value = { ...picks.value, [a.department]: k.patrol_id };
  };
  const wanted = swap.value?.assignment === a.id ? a.candidates.find((k) => k.patrol_id === swap.value?.patrol) : undefined;
  return (
    <div class="candidates">
      {list.map((k) => (
        <Row key={k.patrol_id} k={k} picked={k.patrol_id === picked} air={k === trap} soonest={k === soonest && k.rank === 1 && !ranked.some((o) => o.rank !== null && (o.eta_s ?? Infinity) < (k.eta_s ?? 0))} act={free && k.rank !== null ? () => pick(k) : null} sent={sent} />
      ))}
      {wanted ? (
        <div class="swap" role="alertdialog" aria-label={w.reassign}>
          <span>{w.reassignAsk(a.patrol_name ?? "", wanted.name)}</span>
          <span class="acts">
            <button type="button" class="button" onClick={() => (swap.value = null)}>{w.cancel}</button>
            <button type="button" class="button primary" id="reassign-confirm" disabled={busy.value} onClick={() => { swap.value = null; void reassign(a, wanted); }}>{w.reassign}</button>
          </span>
        </div>
      ) : null}
      {trap && trap.air_m !== null && trap.road_m !== null ? (
        <p class="trap">
          <Mark name="other" size={18} />
          <span>{w.airTrap(trap.name, distance(trap.air_m), distance(trap.road_m))}</span>
        </p>
      ) : null}
      {ranked.length > first ? (
        <button type="button" class="button plain" aria-expanded={all} onClick={() => (opened.value = { ...opened.value, [a.id]: !all })}>
          {all ? w.less : w.more(ranked.length - first)}
        </button>
      ) : null}
    </div>
  );
}

// bandOf says between what the time will turn out to be, where past arrivals tell.
function bandOf(k: Candidate, w: typeof words.value): string {
  const low = k.eta_low_s ?? null, high = k.eta_high_s ?? null;
  return low === null || high === null ? "" : w.etaBand(minutes(low), minutes(high));
}

function Row({ k, picked, air, soonest, act, sent }: { k: Candidate; picked: boolean; air: boolean; soonest: boolean; act: (() => void) | null; sent: boolean }) {
  const w = words.value;
  const why = [air ? w.airNearest : "", soonest ? w.soonest : k.rejected_because !== null ? inWords(withPlaces(k.rejected_because), w) : ""].filter(Boolean).join(" · ");
  const body = (
    <>
      <span class="n">{picked ? "✓" : (k.rank ?? "–")}</span>
      <span class="c-name">{k.name} <Played patrol={k.patrol_id} /></span>
      <span class="c-eta">{k.eta_s === null ? "—" : `${minutes(k.eta_s)} ${w.minutesUnit}`}</span>
      <small class="c-why">{[why, bandOf(k, w), w.mode[k.mode], k.fix_age_s === null ? w.noFix : w.fixAge(duration(k.fix_age_s, w))].filter(Boolean).join(" · ")}</small>
      <small class="c-road">{k.road_m !== null ? distance(k.road_m) : k.air_m !== null ? w.byAir(distance(k.air_m)) : ""}</small>
    </>
  );
  const cls = `candidate ${picked ? "picked" : ""} ${k.rank === null ? "out" : ""}`;
  return act && !picked ? (
    <button type="button" class={cls} data-patrol={k.patrol_id} title={sent ? w.reassignTo(k.name) : k.name} onClick={act}>{body}</button>
  ) : (
    <div class={cls} data-patrol={k.patrol_id}>{body}</div>
  );
}
