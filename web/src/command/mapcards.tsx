/** What a click on the map opens, and what stands beside the pointer. */
import { clock, duration } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { cases, patrols } from "../state/duty.ts";
import { departmentName, gridByCode, labels } from "../state/register.ts";
import { nowMs } from "../state/tick.ts";
import { Icon, PlaceMark } from "../ui/marks.tsx";
import { Played } from "../ui/played.tsx";
import { CountWords } from "./counts.tsx";
import { DayRecord } from "./dayrecord.tsx";
import { Inside } from "./inside.tsx";
import { ofRing } from "./mapfeed.ts";
import { follow, following, gridShown, patrolShown, placeShown, spot, tip } from "./mapshown.ts";
import { PlaceLink } from "./nearby.tsx";
import { titleOf } from "./queue.tsx";
import { WhoseButton } from "./whose.tsx";

export function PlaceCard() {
  const p = placeShown.value;
  const w = words.value;
  if (!p) return null;
  return (
    <aside class="card grid-card" aria-label={p.name} id="place-card">
      <h2><PlaceMark kind={p.kind} /> {p.name}</h2>
      <p class="note">{w.placeKind[p.kind]} · {p.code}{p.visitsPerWeek > 0 ? ` · ${w.placeVisits(p.visitsPerWeek)}` : ""}</p>
      <button type="button" class="button plain shut" aria-label={w.close} onClick={() => (placeShown.value = null)}><Icon name="close" /></button>
      <PlaceLink url={p.url} />
    </aside>
  );
}

export function Tip() {
  const at = tip.value;
  const w = words.value;
  if (!at) return null;
  const { unit, count, place, grid } = at.hit;
  let body = null;
  if (unit?.kind === "case") {
    const c = cases.get(ofRing(unit.id));
    if (c) body = <><b>{titleOf(c)}</b><br />{c.number} · {w.stage[c.stage]}</>;
  } else if (unit) {
    const p = patrols.get(unit.id);
    if (p) body = <><b>{p.name ?? p.id}</b> <Played patrol={p.id} /> {departmentName(p.department)}<br />{w.status[p.status]} · {w.fixAge(duration((nowMs.value - Date.parse(p.t)) / 1000, w))}</>;
  } else if (count) {
    body = <CountWords count={count} />;
  } else if (place) {
    body = <><b>{place.name}</b><br /><span class="quiet">{w.placeKind[place.kind]}</span></>;
  } else if (grid) {
    const name = labels.value.length > 0 ? gridName(grid.code) : grid.code;
    body = <><b>{name}</b><br /><span class="quiet">{grid.code}</span></>;
  }
  if (!body) return null;
  return (
    <div class="card tip" style={{ left: `${at.x + 14}px`, top: `${at.y + 12}px` }}>
      {body}
    </div>
  );
}

export function GridCard() {
  const g = gridShown.value;
  const w = words.value;
  if (!g) return null;
  return (
    <aside class="card grid-card" aria-label={g.name}>
      <h2>{g.name}</h2>
      <p class="note">{g.code} · {g.kind === "special" ? w.special : w.general} · {(g.area_m2 / 1e6).toFixed(2)} km²</p>
      <button type="button" class="button plain shut" aria-label={w.close} onClick={() => (gridShown.value = null)}><Icon name="close" /></button>
      <ul class="people">
        {g.people.length === 0 ? <li class="quiet">{w.nobodyNamed}</li> : null}
        {g.people.map((p) => (
          <li key={p.part + p.staff_id}>
            <span class="quiet">{w.part[p.part]}</span>
            <span>{p.name}</span>
          </li>
        ))}
      </ul>
      <Inside area={{ grid_id: g.id }} />
      {spot.value ? <WhoseButton at={{ ...spot.value, about: w.whose.ofSpot(g.name), at: nowMs.value }} /> : null}
    </aside>
  );
}

export function PatrolCard() {
  const p = patrolShown.value ? patrols.get(patrolShown.value) : undefined;
  const w = words.value;
  void nowMs.value;
  if (!p) return null;
  return (
    <aside class="card grid-card" aria-label={w.patrolCard}>
      <h2>{p.name ?? p.code ?? p.id} <Played patrol={p.id} /></h2>
      <p class="note">{[departmentName(p.department), p.code, p.mode && w.mode[p.mode]].filter(Boolean).join(" · ")}</p>
      <button type="button" class="button plain shut" aria-label={w.close} onClick={() => (patrolShown.value = null)}><Icon name="close" /></button>
      <ul class="people">
        <li><span class="quiet">{w.status[p.status]}</span><span>{w.presence[p.presence]}</span></li>
        <li><span class="quiet">{w.fixAge(duration((nowMs.value - Date.parse(p.t)) / 1000, w))}</span><span>{clock(p.t, true)}</span></li>
      </ul>
      <button type="button" class="button" style={{ width: "100%", marginTop: "0.6rem" }} aria-pressed={following.value !== null} onClick={follow}>
        <Icon name="aim" /> {following.value ? w.unfollow : w.follow} <span class="key">F</span>
      </button>
      <DayRecord key={p.id} patrol={p.id} />
    </aside>
  );
}

function gridName(code: string): string {
  return gridByCode.value.get(code)?.name ?? code;
}
