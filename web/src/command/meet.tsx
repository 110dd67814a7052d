/** Where the patrols of a mission meet: the place and what it is worth, when all are there, and when each leaves. */
import { signal } from "@preact/signals";
import type { CaseDetail, Rendezvous } from "../api/types.ts";
import { may } from "../state/session.ts";
import { nowMs } from "../state/tick.ts";
import { clock, distance, duration } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { busy, meetAt, meetingOf } from "./choice.ts";
import { districtMap } from "./mapshown.ts";

/** The operator points at the map; stops when called. */
const pointing = signal<(() => void) | null>(null);
const sure = signal(false);

export function Meet({ c }: { c: CaseDetail }) {
  const w = words.value.meet;
  const m = c.mission;
  if (!m || (m.state !== "gathering" && m.state !== "in_place")) return null;
  const at = meetingOf(c);
  return (
    <section class="meet" id="meet">
      <h3>
        <span>{w.title}</span>
        <span>{at?.by_hand ? w.byHand : ""}</span>
      </h3>
      {at ? <Place at={at} /> : <p class="note">{w.none}</p>}
      {may("dispatch") ? <Acts at={at} /> : null}
    </section>
  );
}

function Place({ at }: { at: Rendezvous }) {
  const all = words.value;
  const w = all.meet;
  const leftS = at.meet_at ? (Date.parse(at.meet_at) - nowMs.value) / 1000 : null;
  const warn = [...(at.eta_kind === "straight" ? [w.straight] : at.no_cover && at.breaks.length === 0 ? [w.noCover] : []), ...at.breaks.map((b) => w.breaks[b] ?? b)];
  return (
    <>
      <p class="pair">
        <button type="button" class="plain-link where" onClick={() => districtMap.value?.flyTo(at, Math.max(15.5, districtMap.value.zoom()))}>{at.name || w.noName}</button>
        {at.meet_at ? (
          <b class={`when ${leftS !== null && leftS < 0 ? "late" : ""}`} role="timer">
            {w.at(clock(at.meet_at))} · {leftS !== null && (leftS >= 0 ? w.toGo(duration(leftS, all)) : w.overdue(duration(-leftS, all)))}
          </b>
        ) : null}
      </p>
      <p class="note">{w.far(distance(at.road_m), distance(at.straight_m))}</p>
      {warn.map((text) => (
        <p key={text} class="warn">⚠ {text}</p>
      ))}
    </>
  );
}

function Acts({ at }: { at: Rendezvous | null }) {
  const all = words.value;
  const w = all.meet;
  const map = districtMap.value;
  if (pointing.value) {
    return (
      <p class="acts">
        <span class="note" role="status">{w.moveHint}</span>
        <button type="button" class="button" onClick={() => pointing.value?.()}>{all.cancel}</button>
      </p>
    );
  }
  if (sure.value && at) {
    return (
      <p class="acts">
        <button type="button" class="button" onClick={() => (sure.value = false)}>{all.cancel}</button>
        <button type="button" class="button primary" disabled={busy.value} onClick={() => { sure.value = false; void meetAt(null); }}>{w.sure} · {w.direct}</button>
      </p>
    );
  }
  const point = () => {
    pointing.value = map?.pick((to) => {
      pointing.value = null;
      if (to) void meetAt(to);
    }) ?? null;
  };
  return (
    <p class="acts">
      {map ? <button type="button" class="button" id="meet-move" disabled={busy.value} onClick={point}>{w.move}</button> : null}
      {at ? <button type="button" class="button" disabled={busy.value} onClick={() => (sure.value = true)}>{w.direct}</button> : null}
    </p>
  );
}
