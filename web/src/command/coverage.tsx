/** Coverage: how soon the first free patrol of a department stands in each cell, and where nobody gets to. */
import { effect, signal } from "@preact/signals";
import { ask, client, Refused } from "../api/client.ts";
import type { components } from "../api/schema.d.ts";
import type { DistrictMap } from "../map/districtmap.ts";
import { bandOf, bands, type Band } from "../map/coverage.ts";
import { departmentName, departments } from "../state/register.ts";
import { session } from "../state/session.ts";
import { clock } from "../i18n/format.ts";
import { language, words } from "../i18n/index.ts";
import { Icon } from "../ui/marks.tsx";

type Found = components["schemas"]["Coverage"];
type Cell = components["schemas"]["CellTime"];

const again = 30_000;

const chosen = signal<string | null>(null);
const res = signal<8 | 9>(9);
const found = signal<Found | null>(null);
const failed = signal(false);
export const coverageShown = signal<string | null>(null);

/** Small cells only where they can be told apart. */
export function coverageZoom(zoom: number): void {
  res.value = zoom < 10.5 ? 8 : 9;
}

/** The department that is shown: one's own, or the first that sends patrols. */
function department(): string | null {
  const own = session.value?.scope.department;
  return chosen.value ?? own ?? (departments.value.has("police") ? "police" : ([...departments.value.keys()][0] ?? null));
}

/** Asks while the layer is on: when it is turned on, when a choice changes, and twice a minute. */
export function keepCoverage(map: DistrictMap, on: () => boolean): () => void {
  let round = 0;
  const load = async () => {
    const mine = ++round;
    const code = department();
    if (!code) return;
    try {
      const got = await ask(client.GET("/api/v1/coverage", { params: { query: { department: code, res: res.peek() } } }));
      if (mine !== round) return; // somebody chose otherwise meanwhile
      found.value = got;
      failed.value = false;
      map.setCoverage(got.items.map((i) => ({ cell: i.cell, boundary: i.boundary, band: bandOf(i.eta_s) })));
    } catch (why) {
      if (!(why instanceof Refused) && !(why instanceof TypeError)) throw why;
      if (mine === round) failed.value = true;
    }
  };
  const stop = effect(() => {
    void [department(), res.value];
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

/** The cell that waits longest; a hole waits for ever. */
export function slowest(cells: Cell[]): Cell | null {
  let worst: Cell | null = null;
  for (const c of cells) if (!worst || (c.eta_s ?? Infinity) > (worst.eta_s ?? Infinity)) worst = c;
  return worst;
}

/** How much of the area is in each band, in whole per cent. */
export function shares(cells: Cell[]): Map<Band, number> {
  const counts = new Map<Band, number>();
  for (const c of cells) {
    const band = bandOf(c.eta_s);
    counts.set(band, (counts.get(band) ?? 0) + 1);
  }
  return new Map([...counts].map(([band, n]) => [band, Math.round((100 * n) / cells.length)]));
}

const minutes = (eta: number) => Math.max(1, Math.ceil(eta / 60));

export function CoverageKey({ map }: { map: DistrictMap | null }) {
  const w = words.value.coverage;
  void language.value;
  const code = department();
  const f = found.value?.department === code ? found.value : null;
  const part = f && f.items.length > 0 ? shares(f.items) : null;
  const worst = f ? slowest(f.items) : null;
  return (
    <div class="card heat-key coverage-key" id="coverage-key">
      <label>
        {w.department}
        <select value={code ?? ""} onChange={(e) => (chosen.value = e.currentTarget.value)}>
          {[...departments.value.keys()].map((d) => <option key={d} value={d}>{departmentName(d)}</option>)}
        </select>
      </label>
      <p>{w.title}</p>
      <ul aria-label={w.legend}>
        {bands.map((b) => (
          <li key={b.band}>
            <span class={`swatch ${b.band}`} style={b.colour ? { background: b.colour } : undefined} aria-hidden="true" />
            <span>{w.band[b.band]}</span>
            <span class="share">{part ? `${part.get(b.band) ?? 0}%` : ""}</span>
          </li>
        ))}
      </ul>
      {failed.value ? (
        <p class="note" role="status">{w.failed}</p>
      ) : f ? (
        <>
          <p class="note" role="status">
            {w.counted(f.patrols)}{f.stale > 0 ? ` · ${w.stale(f.stale)}` : ""}{f.simulated > 0 ? ` · ${w.simulated(f.simulated)}` : ""} · {clock(f.at)}
            {f.eta_kind === "straight" ? ` · ${w.straight}` : ""}
          </p>
          {worst ? (
            <button
              type="button"
              class="button"
              onClick={() => {
                const [lon, lat] = middle(worst.boundary);
                coverageShown.value = worst.cell;
                map?.flyTo({ lon, lat }, Math.max(13, map.zoom()));
              }}
            >
              {worst.eta_s === null ? w.showHole : w.showSlowest(minutes(worst.eta_s))}
            </button>
          ) : null}
        </>
      ) : (
        <p class="note" role="status">{w.working}</p>
      )}
    </div>
  );
}

/** The minutes behind a colour. */
export function CoverageCard() {
  const w = words.value;
  const f = found.value;
  const c = coverageShown.value ? f?.items.find((i) => i.cell === coverageShown.value) : undefined;
  if (!f || !c) return null;
  const title = c.eta_s === null ? w.coverage.hole : w.coverage.within(minutes(c.eta_s));
  return (
    <aside class="card grid-card" aria-label={title} id="coverage-card">
      <h2>{title}</h2>
      <p class="note">{departmentName(f.department)} · {c.cell}</p>
      <button type="button" class="button plain shut" aria-label={w.close} onClick={() => (coverageShown.value = null)}><Icon name="close" /></button>
      <p class="note">{c.eta_s === null ? w.coverage.holeWhy : w.coverage.withinWhy}</p>
    </aside>
  );
}

function middle(ring: number[][]): [number, number] {
  const n = ring.length - 1;
  let lon = 0;
  let lat = 0;
  for (const p of ring.slice(0, n)) {
    lon += (p[0] ?? 0) / n;
    lat += (p[1] ?? 0) / n;
  }
  return [lon, lat];
}
