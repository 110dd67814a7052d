/** Who is inside an area of the map now: counted by department, and by name. */
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ask, client, Refused } from "../api/client.ts";
import type { components } from "../api/schema.d.ts";
import { patrolSymbol } from "../map/fleet.ts";
import { departmentName } from "../state/register.ts";
import { may } from "../state/session.ts";
import { words } from "../i18n/index.ts";
import { Mark } from "../ui/marks.tsx";
import { showPatrol } from "./mapshown.ts";

type Found = components["schemas"]["Inside"];
type Area = { grid_id: string } | { closure_id: string };

const everyMs = 5_000;
const mostNamed = 50;

/** Asked again for as long as it is shown: who is inside changes while one looks. */
export function Inside({ area }: { area: Area }) {
  const w = words.value.inside;
  const found = useRef(signal<Found | null>(null)).current;
  const unknown = useRef(signal(false)).current;
  const key = JSON.stringify(area);
  const allowed = may("see_patrols");
  useEffect(() => {
    if (!allowed) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let gone = false;
    found.value = null;
    const look = async () => {
      try {
        const answer = await ask(client.GET("/api/v1/patrols/within", { params: { query: { ...area, limit: mostNamed } } }));
        if (gone) return;
        found.value = answer;
        unknown.value = false;
      } catch (why) {
        if (!(why instanceof Refused)) throw why;
        if (gone) return;
        unknown.value = true;
        if (why.status === 404) return; // it is no more
      }
      timer = setTimeout(() => void look(), everyMs);
    };
    void look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [key, allowed]);
  if (!allowed) return null;
  const f = found.value;
  return (
    <section class="inside" aria-label={w.title} aria-busy={!f && !unknown.value}>
      <h3>{w.title}{f && f.total > 0 ? <span class="tag">{w.count(f.total)}</span> : null}</h3>
      {unknown.value ? <p class="quiet" role="status">{w.unknown}</p> : null}
      {f && f.total === 0 ? <p class="quiet">{w.nobody}</p> : null}
      {f && f.total > 0 ? (
        <>
          <p class="by-department">
            {f.departments.map((d) => (
              <span key={d.department}><b>{departmentName(d.department)}</b> {d.count} <span class="quiet">{w.free(d.free)}</span></span>
            ))}
          </p>
          <ul>
            {f.items.map((p) => <One key={p.patrol_id} p={p} />)}
            {f.total > f.items.length ? <li class="quiet">{w.more(f.total - f.items.length)}</li> : null}
          </ul>
        </>
      ) : null}
    </section>
  );
}

function One({ p }: { p: Found["items"][number] }) {
  const w = words.value;
  return (
    <li>
      <Mark name={patrolSymbol({ status: p.status, presence: p.presence, mode: p.mode }).look} size={15} />
      <button type="button" class="plain-link" title={w.inside.show(p.name)} onClick={() => showPatrol({ id: p.patrol_id, lon: p.lon, lat: p.lat })}>
        {p.name}
      </button>
      <span class="quiet">{w.status[p.status]}</span>
    </li>
  );
}
