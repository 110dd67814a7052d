/** Where this patrol is to be first, when to leave for it, and the way there: to the rendezvous, never to the scene. */
import { effect, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ask, client, Refused } from "../api/client.ts";
import type { Assignment, Case, CaseDetail, Mission, Rendezvous, Route } from "../api/types.ts";
import { DistrictMap } from "../map/districtmap.ts";
import { boundsOf, distanceM, type LonLat } from "../map/mercator.ts";
import { day } from "../map/style.ts";
import { nowMs } from "../state/tick.ts";
import { clock, distance, duration } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { here } from "./here.ts";

const known = signal<ReadonlyMap<string, CaseDetail>>(new Map());
const way = signal<{ to: string; route: Route } | null>(null);
/** A new way is asked for when the phone has moved so far. */
const movedM = 60;
let askedFrom: LonLat | null = null;
let askedFor = "";

/** Reads the cases of the open tasks again; what is not known yet is shown without a rendezvous. */
export async function loadMeetings(ids: string[]): Promise<void> {
  const next = new Map<string, CaseDetail>();
  for (const id of ids) {
    try {
      next.set(id, await ask(client.GET("/api/v1/cases/{id}", { params: { path: { id } } })));
    } catch (why) {
      if (!(why instanceof Refused)) throw why;
      const before = known.value.get(id);
      if (before) next.set(id, before); // off line the last that was said stands
    }
  }
  known.value = next;
}

/** The mission of a case that a patrol goes to together with others; null where it goes alone. */
export function missionFor(c: Case): Mission | null {
  const m = known.value.get(c.id)?.mission;
  return m && m.state !== "ended" && m.of > 1 ? m : null;
}

/** The mission of a case that is under way, though one may be alone on it by now: whoever commands can ask for more. */
export function commandedFor(c: Case): Mission | null {
  const m = known.value.get(c.id)?.mission;
  return m && m.state !== "ended" && m.may_command ? m : null;
}

/** That this patrol is to hand over, since its shift ends. */
export function handOverFor(c: Case, a: Assignment): NonNullable<CaseDetail["hand_overs"]>[number] | null {
  return known.value.get(c.id)?.hand_overs?.find((h) => h.assignment_id === a.id) ?? null;
}

export function meetingFor(c: Case): Rendezvous | null {
  const m = known.value.get(c.id)?.mission;
  return m && (m.state === "gathering" || m.state === "in_place") ? m.rendezvous : null;
}

async function askWay(at: Rendezvous, a: Assignment): Promise<void> {
  const from = here.peek();
  const to = `${at.lon},${at.lat}`;
  if (!from || (askedFor === to && askedFrom && distanceM(askedFrom, from) < movedM)) return;
  askedFrom = { lon: from.lon, lat: from.lat };
  askedFor = to;
  try {
    const route = await ask(client.GET("/api/v1/route", { params: { query: { from: `${from.lon},${from.lat}`, to, mode: a.mode ?? "car" } } }));
    way.value = { to, route };
  } catch {
    // Without a line there are still the name, the time and the distance by air.
  }
}

export function MeetSheet({ c, a }: { c: Case; a: Assignment }) {
  const all = words.value;
  const w = all.meet.phone;
  const at = meetingFor(c);
  const me = at?.members.find((m) => m.assignment_id === a.id);
  useEffect(() => (at && me && !me.in_place_at ? effect(() => { if (here.value) void askWay(at, a); }) : undefined), [at?.lon, at?.lat, a.id, me?.in_place_at]);
  if (!at || !me || a.state === "on_scene") return null;
  const leftS = me.depart_at ? (Date.parse(me.depart_at) - nowMs.value) / 1000 : null;
  const mine = way.value?.to === `${at.lon},${at.lat}` ? way.value.route : null;
  return (
    <section class="meet-phone" id={`meet-${a.id}`}>
      <h3>{w.goTo(at.name || all.meet.noName)}</h3>
      {me.in_place_at ? (
        <p class="leave">{w.here}</p>
      ) : leftS !== null ? (
        <p class={`leave ${leftS <= 0 ? "now" : ""}`} role="timer">{leftS > 0 ? w.leaveAt(clock(me.depart_at ?? 0), duration(leftS, all)) : w.leaveNow}</p>
      ) : null}
      {at.meet_at ? <p>{w.arriveBy(clock(at.meet_at))}</p> : null}
      {me.in_place_at ? null : (
        <>
          <p>{mine ? w.away(distance(mine.distance_m), duration(mine.duration_s, all)) : here.value ? distance(distanceM(here.value, at)) : ""}</p>
          <p><b>{w.hold}</b></p>
          <WayMap at={at} route={mine} />
        </>
      )}
    </section>
  );
}

function WayMap({ at, route }: { at: Rendezvous; route: Route | null }) {
  const box = useRef<HTMLDivElement>(null);
  const map = useRef<DistrictMap | null>(null);
  const draw = useRef(() => {});
  draw.current = () => {
    const m = map.current;
    if (!m) return;
    m.setMeet({ lon: at.lon, lat: at.lat, text: at.name, broken: false });
    m.setRoute(route ? [{ kind: "comes", coordinates: route.geometry.coordinates }] : []);
    const points = [at, ...(route?.geometry.coordinates ?? []).map(([lon, lat]) => ({ lon: lon ?? 0, lat: lat ?? 0 }))];
    const b = boundsOf(points);
    if (b && route) m.fit(b, 34, 16.5);
    else m.flyTo(at, 15.5);
  };
  useEffect(() => {
    const el = box.current;
    if (!el) return;
    let gone = false;
    const near = 0.004;
    void DistrictMap.open({ container: el, theme: day, bounds: [at.lon - near, at.lat - near, at.lon + near, at.lat + near], reducedMotion: true, scaleAt: "bottom-left", letters: at.name }).then((opened) => {
      if (gone) {
        opened?.close();
        return;
      }
      map.current = opened;
      draw.current();
    });
    return () => {
      gone = true;
      map.current?.close();
      map.current = null;
    };
  }, []);
  useEffect(() => draw.current(), [at.lon, at.lat, route]);
  return <div class="mini-map" ref={box} role="region" aria-label={words.value.meet.phone.map} />;
}
