/** A patrol's day beside its way on the map: when it was heard of, which fences it crossed, and where it was. Asked for when it is opened, since each look is recorded. */
import { batch, computed, effect, signal, type Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ask, client, everyPage, Refused } from "../api/client.ts";
import { clock, fieldTime } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { boundsOf } from "../map/mercator.ts";
import { dayOf, fixesOf, heardAt, stretchesOf, waysOf, whereAt, type Fix, type Heard, type Moment, type Stretch } from "../state/day.ts";
import { placeNames } from "../state/register.ts";
import { may } from "../state/session.ts";
import { closures } from "./closures.tsx";
import { districtMap } from "./mapshown.ts";

type Day = { from: number; to: number; fixes: Fix[]; stretches: Stretch[]; moments: Moment[] };
type Shown = ReturnType<typeof open>;

/** While it plays: so much of the day every so often. */
const stepMs = 60_000;
const everyMs = 80;
const mostMoments = 5_000;

export function DayRecord({ patrol }: { patrol: string }) {
  const w = words.value.dayRecord;
  const kept = useRef<Shown | null>(null);
  const shown = (kept.current ??= open(patrol));
  useEffect(() => shown.watch(), []);
  if (!may("see_tracks")) return null;
  const day = shown.day.value;
  return (
    <details class="day-record" onToggle={(e) => shown.turn(e.currentTarget.open)}>
      <summary>{w.title}</summary>
      <label class="date">
        <span class="quiet">{w.date}</span>
        <input type="date" value={shown.date.value} max={fieldTime(Date.now()).slice(0, 10)} onChange={(e) => shown.pick(e.currentTarget.value)} />
      </label>
      {shown.state.value === "asking" ? <p class="quiet" role="status">{w.asking} <progress aria-label={w.asking} /></p> : null}
      {shown.state.value === "unknown" ? <p class="quiet" role="status">{w.unknown}</p> : null}
      {day ? <Told day={day} shown={shown} /> : null}
    </details>
  );
}

function Told({ day, shown }: { day: Day; shown: Shown }) {
  const w = words.value.dayRecord;
  const at = shown.at.value;
  const heard = heardAt(day.stretches, at);
  const here = whereAt(day.fixes, at);
  const says = `${clock(at)} ${heard ? w.heard[heard] : w.nothing}`;
  // The last of those before the moment that is shown.
  const current = day.moments.findLastIndex((m) => Date.parse(m.at) <= at);
  return (
    <>
      <Strip day={day} />
      <input type="range" min={day.from} max={day.to} step={stepMs} value={at} aria-label={w.moment} aria-valuetext={says}
        onInput={(e) => shown.go(e.currentTarget.valueAsNumber)} onKeyDown={(e) => spaceBar(e, () => shown.play(!shown.playing.value))} />
      <p class="at">
        <button type="button" class="button" aria-pressed={shown.playing.value} onClick={() => shown.play(!shown.playing.value)}>{shown.playing.value ? w.pause : w.play}</button>
        <output>{says}{here ? "" : ` · ${w.noPlace}`}</output>
      </p>
      {day.fixes.length > 1 ? <button type="button" class="plain-link" onClick={() => fit(day.fixes)}>{w.whole(day.fixes.length)}</button> : <p class="quiet">{w.noWay}</p>}
      {day.moments.length === 0 ? <p class="quiet">{w.none}</p> : null}
      <ol>
        {day.moments.map((m, i) => (
          <li key={`${m.at} ${i}`} aria-current={i === current ? "time" : undefined}>
            <button type="button" class="plain-link" onClick={() => shown.seek(Date.parse(m.at))}>
              <time dateTime={m.at}>{clock(m.at)}</time>
            </button>
            <span>
              {m.kind === "entered" || m.kind === "left" ? null : <i class={`heard ${m.kind}`} />}
              {w.kind[m.kind]} {m.area ? `${w.area[m.area]} ${nameOf(m)}` : ""}
              {m.because ? <span class="quiet"> {w.because[m.because] ?? m.because}</span> : null}
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}

/** As in whatever else plays, the space bar starts and stops it; the keys of the room do not hear of it. */
function spaceBar(e: KeyboardEvent, act: () => void) {
  if (e.key !== " ") return;
  e.preventDefault();
  e.stopPropagation();
  act();
}

/** The day from left to right, by when it was heard of. */
function Strip({ day }: { day: Day }) {
  const w = words.value.dayRecord;
  const all = day.to - day.from;
  const kinds: Heard[] = ["online", "stale", "lost", "off_duty"];
  const there = kinds.filter((k) => day.stretches.some((s) => s.heard === k));
  return (
    <>
      <div class="strip" role="img" aria-label={w.strip}>
        {day.stretches.map((s) => (
          <i key={s.from} class={`heard ${s.heard ?? ""}`} style={{ width: `${(100 * (s.to - s.from)) / all}%` }} title={`${clock(s.from)} – ${clock(s.to)} ${s.heard ? w.heard[s.heard] : w.nothing}`} />
        ))}
      </div>
      <p class="ends quiet"><span>{clock(day.from)}</span><span>{clock(day.to)}</span></p>
      <p class="looks quiet">{there.map((k) => <span key={k}><i class={`heard ${k}`} /> {w.heard[k]}</span>)}</p>
    </>
  );
}

/** What one card shows, from opening it to leaving it. */
function open(patrol: string) {
  const date = signal(fieldTime(Date.now()).slice(0, 10));
  const state = signal<"" | "asking" | "unknown">("");
  const day = signal<Day | null>(null);
  const at = signal(0);
  const playing = signal(false);
  const opened = signal(false);
  let round = 0;

  const load = async () => {
    const mine = ++round;
    playing.value = false;
    const span = dayOf(date.value, Date.now());
    batch(() => {
      day.value = null;
      state.value = span && opened.value ? "asking" : span ? "" : "unknown";
    });
    if (!span || !opened.value) return;
    const query = { from: new Date(span.from).toISOString(), to: new Date(span.to).toISOString() };
    const path = { id: patrol };
    try {
      let was: Heard | null = null;
      const [moments, points] = await Promise.all([
        everyPage(async (cursor) => {
          const page = await ask(client.GET("/api/v1/patrols/{id}/presence", { params: { path, query: { ...query, limit: 1000, cursor } } }));
          if (!cursor) was = page.was;
          return page;
        }, mostMoments),
        everyPage((cursor) => ask(client.GET("/api/v1/patrols/{id}/track", { params: { path, query: { ...query, limit: 20_000, cursor } } })), 100_000),
      ]);
      if (mine !== round) return;
      const fixes = fixesOf(points);
      batch(() => {
        day.value = { ...span, fixes, moments, stretches: stretchesOf(was, moments, span.from, span.to) };
        at.value = fixes[fixes.length - 1]?.at ?? span.to;
        state.value = "";
      });
    } catch (why) {
      if (!(why instanceof Refused)) throw why;
      if (mine === round) state.value = "unknown";
    }
  };

  const here = computed(() => (opened.value && day.value ? whereAt(day.value.fixes, at.value) : null));
  const go = (to: number) => {
    const d = day.value;
    if (d) at.value = Math.min(d.to, Math.max(d.from, to));
  };
  return {
    date,
    state,
    day,
    at,
    playing,
    go,
    turn(isOpen: boolean) {
      if (opened.value === isOpen) return;
      opened.value = isOpen;
      void load();
    },
    pick(field: string) {
      date.value = field;
      void load();
    },
    play(on: boolean) {
      const d = day.value;
      if (on && d && at.value >= (d.fixes[d.fixes.length - 1]?.at ?? d.to)) at.value = d.fixes[0]?.at ?? d.from;
      playing.value = on;
    },
    /** Goes to a moment, and the map with it: somebody has pointed at it. */
    seek(to: number) {
      playing.value = false;
      go(to);
      const place = here.value;
      if (place) districtMap.value?.flyTo(place);
    },
    /** Draws for as long as the card is there. */
    watch: () => watch(day, here, playing, () => {
      const d = day.value;
      const end = d?.fixes[d.fixes.length - 1]?.at ?? 0;
      go(at.value + stepMs);
      if (at.value >= end) playing.value = false;
    }, () => round++),
  };
}

function watch(day: Signal<Day | null>, here: { readonly value: Fix | null }, playing: Signal<boolean>, step: () => void, leave: () => void): () => void {
  const ways = computed(() => waysOf(day.value?.fixes ?? []));
  let timer: ReturnType<typeof setInterval> | undefined;
  const stops = [
    effect(() => districtMap.value?.setTrack(ways.value)),
    effect(() => districtMap.value?.setTrackAt(here.value)),
    effect(() => {
      clearInterval(timer);
      if (playing.value) timer = setInterval(step, everyMs);
    }),
  ];
  return () => {
    for (const stop of stops) stop();
    clearInterval(timer);
    leave();
    districtMap.peek()?.setTrack([]);
    districtMap.peek()?.setTrackAt(null);
  };
}

function fit(fixes: Fix[]): void {
  const box = boundsOf(fixes);
  if (box) districtMap.value?.fit(box);
}

function nameOf(m: Moment): string {
  if (!m.name) return "";
  if (m.area === "grid") return placeNames(m.name.split(",").join(", "));
  if (m.area === "closure") return closures.value.find((c) => c.id === m.name)?.reason ?? "";
  return m.name;
}
