/** Filing a report in under 20 seconds with one hand. Kept as a draft from the first tap on. */
import { effect, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ask, client, Refused } from "../api/client.ts";
import { DistrictMap } from "../map/districtmap.ts";
import type { LonLat } from "../map/mercator.ts";
import { day } from "../map/style.ts";
import { categories, categoryName, districtBounds, labels } from "../state/register.ts";
import { distance } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { Shots } from "../photo/shots.tsx";
import { Icon } from "../ui/marks.tsx";
import type { Revisit } from "../api/types.ts";
import { draft, dropDraft, keepDraft } from "./box.ts";
import { denied, here } from "./here.ts";
import { file, reachable } from "./sender.ts";
import { tab } from "./tab.ts";

const category = signal("");
const description = signal("");
/** The revisit that this report answers: it was found again. */
const again = signal<{ id: string; number: string } | null>(null);
const photos = signal<Blob[]>([]);
const place = signal<LonLat | null>(null);
/** A person moved the map: the phone's own position no longer moves the pin. */
const pinned = signal(false);
const gridName = signal<string | null>(null);
const trouble = signal<"" | "category" | "place">("");
const kept = signal(false);
const mostPhotos = 6;
const quickKinds = 8;

let restored = false;
export async function restoreDraft(): Promise<void> {
  const d = await draft();
  if (d) {
    category.value = d.category;
    description.value = d.description;
    photos.value = d.photos;
    if (d.lon !== null && d.lat !== null) {
      place.value = { lon: d.lon, lat: d.lat };
      pinned.value = true;
    }
  }
  restored = true;
  let timer: ReturnType<typeof setTimeout>;
  effect(() => {
    const d = { category: category.value, description: description.value, photos: photos.value, lon: pinned.value ? (place.value?.lon ?? null) : null, lat: pinned.value ? (place.value?.lat ?? null) : null };
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (!restored || (!d.category && !d.description && d.photos.length === 0 && d.lon === null)) return;
      void keepDraft(d).then(() => (kept.value = true));
    }, 400);
  });
  effect(() => {
    if (here.value && !pinned.value) place.value = { lon: here.value.lon, lat: here.value.lat };
  });
}

/** A revisit found it again: its kind and its place are known. */
export function reportAgain(r: Revisit): void {
  category.value = r.category;
  again.value = { id: r.id, number: r.number };
  place.value = { lon: r.lon, lat: r.lat };
  pinned.value = true;
}

/** settled: by whoever reports it, on the spot; nobody is sent. */
async function submit(settled: boolean): Promise<void> {
  if (!category.value) {
    trouble.value = "category";
    return;
  }
  if (!place.value) {
    trouble.value = "place";
    return;
  }
  trouble.value = "";
  const exact = pinned.value ? 15 : Math.min(10_000, Math.round(here.value?.accuracyM ?? 20));
  await file(
    {
      category: category.value,
      location: { lon: place.value.lon, lat: place.value.lat, accuracy_m: exact, crs: "wgs84" },
      description: description.value.trim(),
      observed_at: new Date().toISOString(),
      ...(settled ? { self_handled: true } : {}),
      ...(again.value ? { revisit: again.value.id } : {}),
    },
    photos.value,
  );
  category.value = "";
  again.value = null;
  description.value = "";
  photos.value = [];
  pinned.value = false;
  kept.value = false;
  await dropDraft();
  tab.value = "me";
}

export function Report() {
  const w = words.value.phone;
  const codes = [...categories.value.keys()];
  // The urgent kinds first: they are what a thumb must find at once.
  const quick = [...categories.value.values()].sort((a, b) => Number(b.urgency === "urgent") - Number(a.urgency === "urgent")).slice(0, quickKinds);
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        void submit(false);
      }}
    >
      <div class="title">
        <h1>{w.report}</h1>
        {kept.value ? <span class="quiet">{w.draftSaved}</span> : null}
      </div>
      {again.value ? (
        <p class="again-of">
          {words.value.like.phone.foundFor(again.value.number)}
          <button type="button" onClick={() => (again.value = null)}>{words.value.like.phone.notThis}</button>
        </p>
      ) : null}
      <div class="field" style={{ marginTop: 0 }}>
        <span class="label" id="kind-label">{w.category}</span>
        <div class="kinds" role="group" aria-labelledby="kind-label">
          {quick.map((c) => (
            <button key={c.code} type="button" aria-pressed={category.value === c.code} onClick={() => (category.value = c.code)}>
              {categoryName(c.code)}
            </button>
          ))}
        </div>
        <select aria-label={w.allCategories} value={category.value} onChange={(e) => (category.value = e.currentTarget.value)}>
          <option value="">{w.allCategories}</option>
          {codes.map((code) => (
            <option key={code} value={code}>
              {code} {categoryName(code)}
            </option>
          ))}
        </select>
        {trouble.value === "category" ? <p class="error" role="alert">{w.needCategory}</p> : null}
      </div>
      <div class="field">
        <span class="label">{w.photos}</span>
        <Shots photos={photos.value} most={mostPhotos} set={(to) => (photos.value = to)} />
      </div>
      <div class="field">
        <span class="label">{w.place} · {w.placeHint}</span>
        <PlaceMap />
        <p class="quiet" style={{ marginTop: "0.35rem" }}>
          {place.value === null ? (denied.value ? w.geolocationOff : w.placeUnknown) : [gridName.value, !pinned.value && here.value ? words.value.caseWhereAccuracy(distance(here.value.accuracyM)) : ""].filter(Boolean).join(" · ")}
        </p>
        {trouble.value === "place" ? <p class="error" role="alert">{w.needPlace}</p> : null}
      </div>
      <div class="field">
        <label class="label" for="text">{w.text}</label>
        <textarea id="text" maxLength={4000} placeholder={w.textHint} value={description.value} onInput={(e) => (description.value = e.currentTarget.value)} />
      </div>
      <button type="submit" class="big main" style={{ marginTop: "0.9rem" }}>{navigator.onLine && reachable.value ? w.saveSend : w.saveWait}</button>
      <button type="button" class="big" id="settled" style={{ marginTop: "0.7rem" }} onClick={() => void submit(true)}>
        {words.value.like.phone.settled}
        <small>{words.value.like.phone.settledHint}</small>
      </button>
    </form>
  );
}

/** The pin stands still, the map moves under it: a thumb never hides the place. */
function PlaceMap() {
  const box = useRef<HTMLDivElement>(null);
  const map = useRef<DistrictMap | null>(null);
  useEffect(() => {
    const el = box.current;
    if (!el) return;
    let gone = false;
    const stops: (() => void)[] = [];
    const at = place.peek() ?? here.peek();
    const near = 0.004;
    void DistrictMap.open({
      container: el,
      theme: day,
      bounds: at ? [at.lon - near, at.lat - near, at.lon + near, at.lat + near] : (districtBounds.peek() ?? [73, 18, 135, 54]),
      reducedMotion: true,
      scaleAt: "bottom-left",
      letters: labels.peek().map((l) => l.text).join(""),
      dragged: () => (pinned.value = true),
      moved: () => {
        if (pinned.peek() && map.current) place.value = map.current.centre();
        void nameGrid();
      },
    }).then((opened) => {
      if (gone) {
        opened?.close();
        return;
      }
      map.current = opened;
      if (!opened) return;
      opened.setLabels(labels.peek());
      stops.push(
        effect(() => {
          if (place.value && !pinned.peek()) opened.flyTo(place.value, 16);
        }),
      );
    });
    void nameGrid();
    return () => {
      gone = true;
      for (const stop of stops) stop();
      map.current?.close();
      map.current = null;
    };
  }, []);
  return (
    <div class="mini-map">
      <div class="canvas" ref={box} />
      <svg class="pin" width="34" height="42" viewBox="0 0 34 42" aria-hidden="true">
        <path d="M17 41C13 33 3 26 3 16a14 14 0 0 1 28 0c0 10-10 17-14 25z" fill="currentColor" stroke="#fff" stroke-width="2" />
        <circle cx="17" cy="16" r="5" fill="#fff" />
      </svg>
      <button type="button" class="here" aria-label={words.value.phone.locateMe} onClick={() => { pinned.value = false; if (here.value) map.current?.flyTo(here.value, 16); }}>
        <Icon name="aim" size={22} />
      </button>
    </div>
  );
}

let naming: ReturnType<typeof setTimeout> | undefined;
function nameGrid(): void {
  clearTimeout(naming);
  naming = setTimeout(() => {
    const at = place.value;
    if (!at) return;
    ask(client.GET("/api/v1/locate", { params: { query: { lon: at.lon, lat: at.lat, category: category.value || undefined } } }))
      .then((answer) => (gridName.value = answer.responsible.name ?? words.value.basisNone))
      .catch((why: unknown) => {
        if (!(why instanceof Refused)) throw why;
        gridName.value = null; // off line; the report itself does not need the name
      });
  }, 350);
}
