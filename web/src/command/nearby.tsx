/** What stands around a case: cameras to look through, and places that matter. */
import type { CaseDetail } from "../api/types.ts";
import { openable } from "../map/places.ts";
import { distance } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { PlaceMark } from "../ui/marks.tsx";
import { showPlace } from "./mapshown.ts";

type Near = CaseDetail["nearby"]["places"][number];

export function Nearby({ c }: { c: CaseDetail }) {
  const w = words.value;
  const { cameras, places } = c.nearby;
  return (
    <section class="nearby" id="nearby">
      <h3>{w.nearCameras}</h3>
      {cameras.length === 0 ? <p class="note">{w.noCameras}</p> : <List of={cameras} />}
      {places.length > 0 ? (
        <>
          <h3>{w.nearPlaces}</h3>
          <List of={places} />
        </>
      ) : null}
    </section>
  );
}

function List({ of }: { of: Near[] }) {
  const w = words.value;
  return (
    <ul>
      {of.map((p) => (
        <li key={p.id}>
          <PlaceMark kind={p.kind} />
          <button type="button" class="plain-link" title={w.placeShow(p.name)} onClick={() => showPlace({ ...p, visitsPerWeek: p.visits_per_week })}>
            {p.name}
          </button>
          {p.url ? <PlaceLink url={p.url} /> : p.visits_per_week > 0 ? <span class="note">{w.placeVisits(p.visits_per_week)}</span> : <span />}
          <span class="far">{distance(p.distance_m)}</span>
        </li>
      ))}
    </ul>
  );
}

/** A page opens beside this one; the address of a stream is there to be copied into a player. */
export function PlaceLink({ url }: { url: string | null }) {
  const w = words.value;
  const page = openable(url);
  if (page) return <a class="place-link" href={page} target="_blank" rel="noopener noreferrer">{w.placeOpen}</a>;
  if (url) return <code class="place-stream" title={`${w.placeStream} ${url}`}>{url}</code>;
  return <span class="note">{w.placeNoLink}</span>;
}
