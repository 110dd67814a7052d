/** Roads that are closed: on the map, in a card, and how an operator closes them. */
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ask, client, Refused } from "../api/client.ts";
import type { components } from "../api/schema.d.ts";
import type { DistrictMap } from "../map/districtmap.ts";
import type { Sketch } from "../map/sketch.ts";
import { may } from "../state/session.ts";
import { dayAndClock } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { Icon } from "../ui/marks.tsx";
import { Inside } from "./inside.tsx";

type Closure = components["schemas"]["Closure"];
type Mode = components["schemas"]["Mode"];

export const closures = signal<Closure[]>([]);
export const closureShown = signal<string | null>(null);
const drawn = signal<number[][] | null>(null);
const sketching = signal<Sketch | null>(null);

const everyMs = 10_000;

/** Keeps the list fresh while the map is there; returns how to stop it. */
export function followClosures(map: DistrictMap): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let gone = false;
  const again = async () => {
    await refresh();
    if (!gone) timer = setTimeout(() => void again(), everyMs);
  };
  void again();
  const stop = closures.subscribe((list) => map.setClosures(list.map((c) => ({ id: c.id, inForce: c.in_force, geometry: c.geometry }))));
  return () => {
    gone = true;
    clearTimeout(timer);
    stop();
    sketching.value?.stop();
  };
}

async function refresh(): Promise<void> {
  try {
    closures.value = (await ask(client.GET("/api/v1/roads/closures", { params: { query: { limit: 200 } } }))).items;
  } catch (why) {
    if (!(why instanceof Refused) && !(why instanceof TypeError)) throw why;
  }
}

/** True when something of ours lay on top and was shut. */
export function shutClosure(): boolean {
  if (!closureShown.value) return false;
  closureShown.value = null;
  return true;
}

export function CloseRoadButton({ map }: { map: DistrictMap | null }) {
  const w = words.value;
  if (!may("close_roads") || !map) return null;
  const on = sketching.value !== null;
  return (
    <button
      type="button"
      class="button"
      aria-pressed={on}
      title={w.closeRoadHow}
      onClick={() => {
        if (sketching.value) {
          sketching.value.stop();
          return;
        }
        closureShown.value = null;
        sketching.value = map.sketch((line) => {
          sketching.value = null;
          drawn.value = line;
        });
      }}
    >
      {w.closeRoad}
    </button>
  );
}

/** What lies over the map: the hint while drawing, the form, the card of a closure. */
export function Closures() {
  const w = words.value;
  return (
    <>
      {sketching.value ? <p class="card sketch-hint" role="status">{w.closeRoadHow}</p> : null}
      {drawn.value ? <Form line={drawn.value} /> : null}
      <Card />
    </>
  );
}

const allModes: Mode[] = ["car", "ebike", "foot"];

function Form({ line }: { line: number[][] }) {
  const w = words.value;
  const box = useRef<HTMLDialogElement>(null);
  const wrong = useRef(signal("")).current;
  const busy = useRef(signal(false)).current;
  useEffect(() => box.current?.showModal(), []);
  const send = async (e: SubmitEvent) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget as HTMLFormElement);
    const text = (name: string) => {
      const v = form.get(name);
      return typeof v === "string" ? v : "";
    };
    const modes = allModes.filter((m) => form.get(m) === "on");
    const reason = text("reason").trim();
    if (!reason || modes.length === 0) {
      wrong.value = !reason ? w.closeNeedsReason : w.closeNeedsMode;
      return;
    }
    const hours = Number(text("hours"));
    busy.value = true;
    try {
      const made = await ask(
        client.POST("/api/v1/roads/closures", {
          body: {
            geometry: { type: "LineString", coordinates: line },
            modes,
            reason,
            ...(hours > 0 ? { until: new Date(Date.now() + hours * 3_600_000).toISOString() } : {}),
          },
        }),
      );
      drawn.value = null;
      await refresh();
      closureShown.value = made.id;
    } catch (why) {
      if (!(why instanceof Refused)) throw why;
      wrong.value = why.problem?.errors[0]?.pointer === "/geometry" ? w.closeNoRoad : w.closeRefused;
    } finally {
      busy.value = false;
    }
  };
  return (
    <dialog ref={box} class="closure-form" aria-label={w.closeRoad} onClose={() => (drawn.value = null)}>
      <form onSubmit={(e) => void send(e)}>
        <h2>{w.closeRoad}</h2>
        <label>
          {w.closeReason}
          <input name="reason" maxLength={500} autofocus placeholder={w.closeReasonHint} />
        </label>
        <fieldset>
          <legend>{w.closeFor}</legend>
          {allModes.map((m) => (
            <label key={m} class="tick">
              <input type="checkbox" name={m} defaultChecked />
              {w.mode[m]}
            </label>
          ))}
        </fieldset>
        <label>
          {w.closeUntil}
          <select name="hours">
            <option value="2">{w.closeHours(2)}</option>
            <option value="8">{w.closeHours(8)}</option>
            <option value="24">{w.closeHours(24)}</option>
            <option value="0">{w.closeOpenEnd}</option>
          </select>
        </label>
        {wrong.value ? <p class="wrong" role="alert">{wrong.value}</p> : null}
        <div class="buttons">
          <button type="button" class="button" onClick={() => (drawn.value = null)}>{w.cancel}</button>
          <button type="submit" class="button primary" disabled={busy.value}>{w.closeNow}</button>
        </div>
      </form>
    </dialog>
  );
}

function Card() {
  const w = words.value;
  const c = closures.value.find((x) => x.id === closureShown.value);
  const asked = useRef(signal(false)).current;
  useEffect(() => {
    asked.value = false;
  }, [closureShown.value]);
  if (!c) return null;
  const lift = async () => {
    if (!asked.value) {
      asked.value = true;
      return;
    }
    try {
      await ask(client.DELETE("/api/v1/roads/closures/{id}", { params: { path: { id: c.id } } }));
    } catch (why) {
      if (!(why instanceof Refused)) throw why; // it has ended meanwhile: the list will say so
    }
    closureShown.value = null;
    await refresh();
  };
  const names = c.roads.names.join("、") || w.closeUnnamed;
  return (
    <aside class="card grid-card closure-card" aria-label={w.closedRoad}>
      <h2>{w.closedRoad}</h2>
      <button type="button" class="button plain shut" aria-label={w.close} onClick={() => (closureShown.value = null)}><Icon name="close" /></button>
      <p class="note">{c.reason}</p>
      <ul class="people">
        <li><span class="quiet">{w.closeWhich}</span><span>{names} · {w.metres(c.roads.length_m)}</span></li>
        <li><span class="quiet">{w.closeFor}</span><span>{c.modes.length === allModes.length ? w.closeEverybody : c.modes.map((m) => w.mode[m]).join("、")}</span></li>
        <li><span class="quiet">{w.closeSince}</span><span>{dayAndClock(c.from)}</span></li>
        <li><span class="quiet">{w.closeUntil}</span><span>{c.until ? dayAndClock(c.until) : w.closeOpenEnd}</span></li>
      </ul>
      {c.cuts_off.map((x) => (
        <p key={x.mode} class="cut-off" role="note">
          {w.closeCutsOff(w.mode[x.mode], (x.length_m / 1000).toFixed(1), x.names.slice(0, 3).join("、"))}
        </p>
      ))}
      {c.geometry.type === "Polygon" || c.geometry.type === "MultiPolygon" ? <Inside area={{ closure_id: c.id }} /> : null}
      {may("close_roads") ? (
        <button type="button" class={asked.value ? "button primary wide" : "button wide"} onClick={() => void lift()}>
          {asked.value ? w.liftSure : w.lift}
        </button>
      ) : null}
    </aside>
  );
}
