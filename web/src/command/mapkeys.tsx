/** What is on the map and what its marks mean: the layers, the legend, the kinds of places. */
import { words } from "../i18n/index.ts";
import type { LayerGroup } from "../map/districtmap.ts";
import { placeKinds } from "../map/places.ts";
import { counted, played } from "../state/duty.ts";
import { may } from "../state/session.ts";
import { Mark, type MarkName, PlaceMark } from "../ui/marks.tsx";
import { CloseRoadButton } from "./closures.tsx";
import { districtMap, layersOn, toggleLayer } from "./mapshown.ts";

export function Layers() {
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
export function Legend() {
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

export function PlacesKey() {
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
