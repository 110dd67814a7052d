/** The map's place on the page: opens it, lays keys and cards over it, and takes its clicks. */
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ask, client, Refused } from "../api/client.ts";
import { words } from "../i18n/index.ts";
import { DistrictMap, type Hit } from "../map/districtmap.ts";
import { boundsOf } from "../map/mercator.ts";
import { night } from "../map/style.ts";
import { lookAt, patrols } from "../state/duty.ts";
import { districtBounds, labels } from "../state/register.ts";
import { Icon } from "../ui/marks.tsx";
import { choose } from "./choice.ts";
import { closureShown, Closures } from "./closures.tsx";
import { enterCount, screenMoved } from "./counts.tsx";
import { CoverageCard, CoverageKey, coverageShown, coverageZoom } from "./coverage.tsx";
import { Broken } from "./header.tsx";
import { HeatCard, heatShown, HeatKey, heatZoom } from "./heat.tsx";
import { GridCard, PatrolCard, PlaceCard, Tip } from "./mapcards.tsx";
import { wire } from "./mapfeed.ts";
import { Layers, Legend, PlacesKey } from "./mapkeys.tsx";
import { districtMap, following, gridShown, layersOn, patrolShown, placeShown, spot, tip } from "./mapshown.ts";

const broken = signal<"" | "none" | "lost">("");
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)").matches;

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
