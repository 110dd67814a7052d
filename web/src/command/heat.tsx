/** Heat: how many reports there were, or how many patrols came by, cell by cell over a span of time. */
import { effect, signal } from "@preact/signals";
import { ask, client, Refused } from "../api/client.ts";
import type { DistrictMap } from "../map/districtmap.ts";
import { cases, counted, patrols, patrolsChanged } from "../state/duty.ts";
import { may } from "../state/session.ts";
import { nowMs } from "../state/tick.ts";
import { words } from "../i18n/index.ts";
import { Icon } from "../ui/marks.tsx";
import { choose } from "./choice.ts";
import { titleOf } from "./queue.tsx";

type What = "reports" | "patrols";
type Cell = { cell: string; count: number; boundary: number[][] };

const hours = [1, 24, 168, 720] as const;
const again = 60_000;
/** A single report, or patrol, is not a hot spot, however quiet the day. */
const fullHeat = 5;

const what = signal<What>("reports");
const span = signal<number>(24);
const res = signal<7 | 8 | 9>(8);
const found = signal<{ what: What; span: number; res: number; cells: Map<string, Cell>; most: number } | null>(null);
const failed = signal(false);
export const heatShown = signal<string | null>(null);

/** Cells as large as fits what is seen: a few hundred of them fill a screen. */
export function heatZoom(zoom: number): void {
  res.value = zoom < 11.2 ? 7 : zoom < 13.2 ? 8 : 9;
}

/** Asks while the layer is on: when it is turned on, when a choice changes, and every minute. */
export function keepHeat(map: DistrictMap, on: () => boolean): () => void {
  let round = 0;
  const load = async () => {
    const mine = ++round;
    const ask_ = { what: what.peek(), span: span.peek(), res: res.peek() };
    const to = new Date();
    const from = new Date(to.getTime() - ask_.span * 3_600_000);
    try {
      const { items } = await ask(
        client.GET("/api/v1/cells", { params: { query: { res: ask_.res, layer: ask_.what, from: from.toISOString(), to: to.toISOString() } } }),
      );
      if (mine !== round) return; // somebody chose otherwise meanwhile
      const most = Math.max(0, ...items.map((i) => i.count));
      found.value = { ...ask_, cells: new Map(items.map((i) => [i.cell, i])), most };
      failed.value = false;
      map.setHeat(items.map((i) => ({ cell: i.cell, boundary: i.boundary, share: i.count / Math.max(fullHeat, most) })));
      if (heatShown.value && !found.value.cells.has(heatShown.value)) heatShown.value = null;
    } catch (why) {
      if (!(why instanceof Refused)) throw why;
      if (mine === round) failed.value = true;
    }
  };
  const stop = effect(() => {
    void [what.value, span.value, res.value];
    if (on()) void load();
    else round++;
  });
  const timer = setInterval(() => {
    if (on()) void load();
  }, again);
  return () => {
    round++;
    clearInterval(timer);
    stop();
  };
}

export function HeatKey() {
  const w = words.value;
  const f = found.value;
  const spanText = w.heatHours[span.value] ?? "";
  const top = Math.max(fullHeat, f?.most ?? 0);
  return (
    <div class="card heat-key" id="heat-key">
      <div class="choices" role="group" aria-label={w.heatWhat}>
        <button type="button" class="button" aria-pressed={what.value === "reports"} onClick={() => (what.value = "reports")}>{w.heatReports}</button>
        {may("see_patrols") ? (
          <button type="button" class="button" aria-pressed={what.value === "patrols"} onClick={() => (what.value = "patrols")}>{w.heatPatrols}</button>
        ) : null}
      </div>
      <div class="choices" role="group" aria-label={w.heatSpan}>
        {hours.map((h) => (
          <button key={h} type="button" class="button" aria-pressed={span.value === h} onClick={() => (span.value = h)}>{w.heatHours[h]}</button>
        ))}
      </div>
      <p>{what.value === "reports" ? w.heatTitleReports(spanText) : w.heatTitlePatrols(spanText)}</p>
      {failed.value ? (
        <p class="note" role="status">{w.heatFailed}</p>
      ) : f && f.cells.size === 0 ? (
        <p class="note" role="status">{w.heatNone}</p>
      ) : (
        <>
          <div class="ramp" />
          <div class="ends">
            <span>1</span>
            <span>{Math.round(top / 2)}</span>
            <span>{top}</span>
          </div>
        </>
      )}
    </div>
  );
}

/** The number behind a colour, and what of it can be opened. */
export function HeatCard() {
  const w = words.value;
  const f = found.value;
  const c = heatShown.value ? f?.cells.get(heatShown.value) : undefined;
  if (!f || !c) return null;
  void patrolsChanged.value;
  const title = f.what === "reports" ? w.heatCardReports(c.count) : w.heatCardPatrols(c.count);
  const since = nowMs.value - f.span * 3_600_000;
  const listed = f.what === "reports" ? [...cases.values()].filter((x) => Date.parse(x.made_at) >= since && within(c.boundary, x.lon, x.lat)) : [];
  const here = f.what === "patrols" ? [...patrols.values()].filter((p) => p.status !== "off_duty" && within(c.boundary, p.lon, p.lat)) : [];
  return (
    <aside class="card grid-card" aria-label={title} id="heat-card">
      <h2>{title}</h2>
      <p class="note">{w.heatHours[f.span]} · {c.cell}</p>
      <button type="button" class="button plain shut" aria-label={w.close} onClick={() => (heatShown.value = null)}><Icon name="close" /></button>
      {f.what === "reports" ? (
        <>
          <p class="note">{w.heatCases} {listed.length}</p>
          <ul class="people">
            {listed.length === 0 ? <li class="quiet">{w.heatNothingListed}</li> : null}
            {listed.slice(0, shownAtOnce).map((x) => (
              <li key={x.id}><button type="button" class="plain-link" onClick={() => choose(x.id)}>{x.number} {titleOf(x)}</button></li>
            ))}
          </ul>
        </>
      ) : (
        <>
          <p class="note">{counted.value ? w.counted.nearer : `${w.heatHere} ${here.length}`}</p>
          <ul class="people">{here.slice(0, shownAtOnce).map((p) => <li key={p.id}>{p.name ?? p.code ?? p.id}</li>)}</ul>
        </>
      )}
    </aside>
  );
}

const shownAtOnce = 8;

/** Whether a place lies in a ring: rays to the east cross its sides an odd number of times. */
export function within(ring: number[][], lon: number, lat: number): boolean {
  let inside = false;
  for (let i = 0; i + 1 < ring.length; i++) {
    const [ax, ay] = ring[i] as [number, number];
    const [bx, by] = ring[i + 1] as [number, number];
    if (ay > lat !== by > lat && lon < ax + ((lat - ay) / (by - ay)) * (bx - ax)) inside = !inside;
  }
  return inside;
}
