/** The map's place on the page: feeds it units and lines, and shows what it reports back. */
import { effect, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ask, client, Refused } from "../api/client.ts";
import type { Case, GridDetail } from "../api/types.ts";
import { DistrictMap, type Hit, type LayerGroup, type PlaceHit } from "../map/districtmap.ts";
import { patrolSymbol, type Unit } from "../map/fleet.ts";
import { boundsOf, type LonLat } from "../map/mercator.ts";
import { placeKinds } from "../map/places.ts";
import { shape } from "../map/palette.ts";
import { night } from "../map/style.ts";
import { cases, counted, hear, type Known, live, loaded, lookAt, patrols, played } from "../state/duty.ts";
import { isFinished, phase } from "../state/queue.ts";
import { departmentName, districtBounds, gridByCode, labels } from "../state/register.ts";
import { may } from "../state/session.ts";
import { nowMs } from "../state/tick.ts";
import { clock, duration } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { Icon, Mark, type MarkName, phaseLook, PlaceMark } from "../ui/marks.tsx";
import { Played } from "../ui/played.tsx";
import { choose, chosenID, detail, isOver, meetingOf, routes, traps } from "./choice.ts";
import { closureShown, CloseRoadButton, Closures, followClosures, shutClosure } from "./closures.tsx";
import { CountWords, enterCount, keepCounts, keepFollowing, screenMoved, watchedKnown } from "./counts.tsx";
import { CoverageCard, CoverageKey, coverageShown, coverageZoom, keepCoverage } from "./coverage.tsx";
import { Broken } from "./header.tsx";
import { HeatCard, heatShown, HeatKey, heatZoom, keepHeat } from "./heat.tsx";
import { Inside } from "./inside.tsx";
import { PlaceLink } from "./nearby.tsx";
import { PresenceRecord } from "./presence.tsx";
import { titleOf } from "./queue.tsx";
import { WhoseButton } from "./whose.tsx";

export const districtMap = signal<DistrictMap | null>(null);
const broken = signal<"" | "none" | "lost">("");
export const layersOn = signal<Record<LayerGroup, boolean>>({ grids: true, towns: true, people: true, places: false, roads: true, heat: false, coverage: false, labels: true });
const tip = signal<{ hit: Hit; x: number; y: number } | null>(null);
const gridShown = signal<GridDetail | null>(null);
const spot = signal<LonLat | null>(null); // where within it somebody pointed
export const patrolShown = signal<string | null>(null);
const placeShown = signal<PlaceHit | null>(null);
export const following = signal<string | null>(null);

export const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)").matches;

export function toggleLayer(group: LayerGroup): void {
  if (group === "coverage" && !may("see_patrols")) return;
  const on = !layersOn.value[group];
  // Both colour the same ground: one of them at a time.
  const other = on && group === "coverage" ? { heat: false } : on && group === "heat" ? { coverage: false } : {};
  layersOn.value = { ...layersOn.value, ...other, [group]: on };
}

export function follow(): void {
  const id = patrolShown.value ?? detail.value?.assignments.find((a) => a.patrol_id && !isOver(a))?.patrol_id ?? null;
  following.value = following.value ? null : id;
  districtMap.value?.follow(following.value);
}

/** Esc, one thing at a time: what lies on top goes first. */
export function closeTop(): boolean {
  if (shutClosure()) return true;
  if (gridShown.value || patrolShown.value || placeShown.value || heatShown.value || coverageShown.value) {
    gridShown.value = null;
    patrolShown.value = null;
    placeShown.value = null;
    heatShown.value = null;
    coverageShown.value = null;
    return true;
  }
  return false;
}

function patrolUnit(p: Known): Unit {
  const symbol = patrolSymbol({ status: p.status, presence: p.presence, mode: p.mode });
  return { id: p.id, played: p.simulated === true && !played.value.all, kind: "patrol", lon: p.lon, lat: p.lat, headingDeg: p.heading_deg ?? 0, spreadS: p.spreadS, ...symbol };
}

const covertRing = (id: string): string => `covert:${id}`;
const ofRing = (id: string): string => id.replace(/^covert:/, "");

const recentlyDoneMs = 2 * 3_600_000;
function caseUnit(c: Case, now: number): Unit | null {
  if (isFinished(c) && now - Date.parse(c.closed_at ?? c.made_at) > recentlyDoneMs) return null;
  const ph = phase(c, now);
  const looks = {
    new: { shape: shape.diamondOne, sizePx: 25, z: 8 },
    overdue: { shape: shape.diamondTwo, sizePx: 27, z: 9 },
    moving: { shape: shape.diamondOne, sizePx: 21, z: 7 },
    scene: { shape: shape.diamondOne, sizePx: 21, z: 6 },
    done: { shape: shape.hollowDiamond, sizePx: 12, z: 0 },
  } as const;
  return { id: c.id, kind: "case", lon: c.lon, lat: c.lat, headingDeg: 0, look: phaseLook[ph], ...looks[ph] };
}

export function MapView() {
  const w = words.value;
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const el = box.current;
    if (!el) return;
    let map: DistrictMap | null = null;
    let gone = false;
    const stops: (() => void)[] = [];
    const open = async () => {
      const bounds = districtBounds.value ?? boundsOf(patrols.values()) ?? [73, 18, 135, 54];
      map = await DistrictMap.open({
        container: el,
        theme: night,
        bounds,
        letters: labels.value.map((l) => l.text).join(""),
        reducedMotion,
        click: (hit) => void clicked(hit),
        hover: (hit) => (tip.value = hit && (hit.unit || hit.count || hit.place || hit.grid) ? { hit, x: hit.screen.x, y: hit.screen.y } : null),
        dragged: () => (following.value = null),
        shows: (screen, zoom) => {
          lookAt(screen, zoom);
          screenMoved(zoom);
        },
        countScale: document.documentElement.classList.contains("wall") ? 1.25 : 1,
        moved: (_, zoom) => {
          heatZoom(zoom);
          coverageZoom(zoom);
        },
        lost: () => (broken.value = "lost"),
      });
      if (gone) {
        map?.close();
        return;
      }
      if (!map) {
        broken.value = "none";
        lookAt(bounds, 0); // lists and figures do without dots
        return;
      }
      broken.value = "";
      districtMap.value = map;
      Object.assign(el, { districtMap: map }); // for browser tests, which ask where a patrol is drawn
      stops.push(...wire(map));
      const sized = new ResizeObserver(() => map?.resize());
      sized.observe(el);
      stops.push(() => sized.disconnect());
    };
    void open();
    return () => {
      gone = true;
      for (const stop of stops) stop();
      districtMap.value = null;
      map?.close();
    };
  }, [broken.value === "lost" ? "lost" : "ok"]);

  return (
    <main class="map-place" id="map">
      {broken.value === "" ? <div class="map-canvas" ref={box} role="region" aria-label={w.mapLabel} /> : null}
      {broken.value !== "" ? (
        <div class="no-map">
          <p>{broken.value === "none" ? w.noMap : w.mapLost}</p>
          {broken.value === "lost" ? (
            <button type="button" class="button" onClick={() => (broken.value = "")}>{w.mapAgain}</button>
          ) : null}
        </div>
      ) : (
        <>
          <Layers />
          <Legend />
          {layersOn.value.places ? <PlacesKey /> : null}
          {layersOn.value.heat ? <HeatKey /> : null}
          {layersOn.value.coverage ? <CoverageKey map={districtMap.value} /> : null}
          <div class="card zoom">
            <button type="button" aria-label={w.zoomIn} title={w.zoomIn} onClick={() => districtMap.value?.zoomBy(1)}><Icon name="plus" /></button>
            <button type="button" aria-label={w.zoomOut} title={w.zoomOut} onClick={() => districtMap.value?.zoomBy(-1)}><Icon name="minus" /></button>
            <button type="button" aria-label={w.whole} title={w.whole} onClick={() => districtBounds.value && districtMap.value?.fit(districtBounds.value, 24)}><Icon name="whole" /></button>
          </div>
          <GridCard />
          <PatrolCard />
          <Closures />
          <PlaceCard />
          {layersOn.value.heat ? <HeatCard /> : null}
          {layersOn.value.coverage ? <CoverageCard /> : null}
          <Tip />
        </>
      )}
      <Broken />
    </main>
  );
}

/** Brings a place that a list names into view, with its card. */
export function showPlace(p: PlaceHit & LonLat): void {
  gridShown.value = null;
  patrolShown.value = null;
  heatShown.value = null;
  placeShown.value = p;
  layersOn.value = { ...layersOn.value, places: true };
  districtMap.value?.flyTo(p, Math.max(15, districtMap.value.zoom()));
}

/** Brings a patrol that a list names into view, with its card; where it stood is where the list saw it. */
export function showPatrol(p: LonLat & { id: string }): void {
  gridShown.value = null;
  placeShown.value = null;
  heatShown.value = null;
  closureShown.value = null;
  patrolShown.value = p.id;
  districtMap.value?.flyTo(p, Math.max(15, districtMap.value.zoom()));
}

async function clicked(hit: Hit): Promise<void> {
  tip.value = null;
  placeShown.value = null;
  heatShown.value = null;
  coverageShown.value = null;
  if (hit.unit?.kind === "case") {
    choose(hit.unit.id);
    return;
  }
  if (hit.unit?.kind === "patrol") {
    patrolShown.value = hit.unit.id;
    gridShown.value = null;
    return;
  }
  if (hit.count) {
    patrolShown.value = null;
    gridShown.value = null;
    if (districtMap.value) enterCount(districtMap.value, hit.count);
    return;
  }
  closureShown.value = hit.place ? null : (hit.closure ?? null); // a place has a point, a closure reaches around
  if (closureShown.value) {
    patrolShown.value = null;
    gridShown.value = null;
    return;
  }
  patrolShown.value = null;
  spot.value = { lon: hit.lon, lat: hit.lat };
  if (hit.place || hit.cell || hit.covered) {
    gridShown.value = null;
    placeShown.value = hit.place ?? null;
    heatShown.value = hit.place ? null : (hit.cell ?? null);
    coverageShown.value = hit.place ? null : (hit.covered ?? null);
    return;
  }
  if (!hit.grid?.id) {
    gridShown.value = null;
    return;
  }
  try {
    gridShown.value = await ask(client.GET("/api/v1/grids/{id}", { params: { path: { id: hit.grid.id } } }));
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    gridShown.value = null;
  }
}

/** Everything that flows into the map; returns how to stop it. */
function wire(map: DistrictMap): (() => void)[] {
  const putCase = (c: Case) => {
    const unit = caseUnit(c, Date.now());
    if (unit) map.fleet.put(unit, performance.now());
    else map.fleet.remove(c.id);
    // A covert case wears a dashed ring: whoever sees it must know that others do not.
    if (unit && c.covert) map.fleet.put({ ...unit, id: covertRing(c.id), look: "lost", shape: shape.dashedRing, sizePx: unit.sizePx + 15, z: -1 }, performance.now());
    else map.fleet.remove(covertRing(c.id));
  };
  const putPatrols = (list: Iterable<Known>) => {
    const now = performance.now();
    for (const p of list) if (p.status !== "off_duty") map.fleet.put(patrolUnit(p), now);
      else map.fleet.remove(p.id);
  };
  const stopHearing = hear({
    patrols: (moved, gone) => {
      putPatrols(moved);
      for (const id of gone) map.fleet.remove(id);
      map.draw();
    },
    cases: (changed) => {
      for (const c of changed) putCase(c);
      map.draw();
    },
    casesGone: (ids) => {
      for (const id of ids) {
        map.fleet.remove(id);
        map.fleet.remove(covertRing(id));
        if (chosenID.value === id) choose(null);
      }
      map.draw();
    },
  });
  putPatrols(patrols.values());
  for (const c of cases.values()) putCase(c);
  map.draw();
  return [
    stopHearing,
    effect(() => map.setLabels(labels.value)),
    effect(() => {
      // A case turns overdue, or leaves the map, by time alone.
      if (Math.floor(nowMs.value / 1000) % 10 === 0) for (const c of cases.values()) putCase(c);
    }),
    effect(() => {
      map.setGrey(live.value !== "live" && loaded.value);
    }),
    effect(() => {
      // Whether each is marked, or the header says it for all, turns with the first real one.
      void played.value.all;
      putPatrols(patrols.values());
      map.draw();
    }),
    effect(() => map.setRoute(routes.value)),
    effect(() => {
      const at = detail.value && meetingOf(detail.value);
      const w = words.value.meet;
      map.setMeet(at ? { lon: at.lon, lat: at.lat, broken: at.no_cover || at.breaks.length > 0, text: [at.name || w.title, at.meet_at ? w.at(clock(at.meet_at)) : ""].filter(Boolean).join("\n") } : null);
    }),
    effect(() => {
      for (const [group, on] of Object.entries(layersOn.value)) map.show(group as LayerGroup, on);
    }),
    keepHeat(map, () => layersOn.value.heat),
    keepCoverage(map, () => layersOn.value.coverage),
    keepCounts(map),
    keepFollowing(),
    effect(() => {
      void watchedKnown.value; // who comes from beyond the view has no ring yet
      mark(map);
    }),
    pulseOnChoice(map),
    followClosures(map),
  ];
}

function pulseOnChoice(map: DistrictMap): () => void {
  return effect(() => {
    const c = chosenID.value ? cases.get(chosenID.value) : undefined;
    if (c) map.pulse();
  });
}

/** Rings around the chosen case and those who come; the grey air-nearest where it was judged. */
function mark(map: DistrictMap): void {
  const c = detail.value ?? (chosenID.value ? cases.get(chosenID.value) : undefined);
  map.fleet.removeKind("mark");
  const now = performance.now();
  if (c) {
    map.fleet.put({ id: "mark:case", kind: "mark", lon: c.lon, lat: c.lat, look: "case_new", shape: shape.pulse, sizePx: 70, headingDeg: 0, z: -2 }, now);
    for (const a of c.assignments) {
      const p = a.patrol_id && !isOver(a) && a.state !== "done" ? patrols.get(a.patrol_id) : undefined;
      if (p) map.fleet.put({ id: `mark:${a.id}`, kind: "mark", lon: p.lon, lat: p.lat, look: "free", shape: shape.ring, sizePx: 32, headingDeg: 0, z: 6, follows: p.id }, now);
    }
    for (const t of traps.value)
      if (t.lon !== null && t.lat !== null)
        map.fleet.put({ id: `mark:trap:${t.patrol_id}`, kind: "mark", lon: t.lon, lat: t.lat, look: "lost", shape: shape.circle, sizePx: 17, headingDeg: 0, z: 7 }, now);
    map.setDisc({ lon: c.lon, lat: c.lat }, c.accuracy_m ?? 20);
    map.markGrids(c.responsible.code, c.runner_up?.code ?? null);
  } else {
    map.setDisc(null);
    map.markGrids(null, null);
  }
  map.draw();
}

function Layers() {
  const w = words.value;
  const list: [LayerGroup, string][] = [["grids", w.layerGrids], ["towns", w.layerTowns], ["people", w.layerPeople], ["places", w.layerPlaces], ["heat", w.layerHeat], ...(may("see_patrols") ? [["coverage", w.coverage.layer] as [LayerGroup, string]] : []), ["roads", w.layerRoads], ["labels", w.layerLabels]];
  return (
    <div class="card layers" role="group" aria-label={w.layers}>
      {list.map(([group, name]) => (
        <button key={group} type="button" class="button" aria-pressed={layersOn.value[group]} onClick={() => toggleLayer(group)}>
          {name}
        </button>
      ))}
      <CloseRoadButton map={districtMap.value} />
    </div>
  );
}

/** On a laptop the legend would lie over a corner of the district; it opens when it is asked for. */
const roomy = innerWidth > 1500;
function Legend() {
  const w = words.value;
  const list: [MarkName, string][] = [
    ["free", w.lookFree],
    ["case_new", w.lookNew],
    ["en_route", w.lookEnRoute],
    ["case_overdue", w.lookOverdue],
    ["on_scene", w.lookOnScene],
    ["vehicle", w.lookVehicle],
    ["lost", w.lookLost],
    ["route", w.lookRoute],
    ["case_done", w.lookDone],
    ["other", w.lookOther],
  ];
  // Only one of the two is on the map at a time, but for those who are followed.
  if (counted.value) list.push(["count", w.counted.legend]);
  if (played.value.count > 0 && !played.value.all) list.push(["played", w.played.legend]);
  return (
    <details class="card legend" open={roomy}>
      <summary>{w.legend}</summary>
      <ul>
        {list.map(([mark, text]) => (
          <li key={mark}>
            <Mark name={mark} size={17} />
            {text}
          </li>
        ))}
      </ul>
    </details>
  );
}

function PlacesKey() {
  const w = words.value;
  return (
    <ul class="card places-key" aria-label={w.placesLegend}>
      {placeKinds.map((kind) => (
        <li key={kind}>
          <PlaceMark kind={kind} />
          {w.placeKind[kind]}
        </li>
      ))}
    </ul>
  );
}

function PlaceCard() {
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

function Tip() {
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

function GridCard() {
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

function PatrolCard() {
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
      <PresenceRecord key={p.id} patrol={p.id} />
    </aside>
  );
}

function gridName(code: string): string {
  return gridByCode.value.get(code)?.name ?? code;
}
