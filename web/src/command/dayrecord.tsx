/** When a patrol was heard of over the last day, and which fences it crossed. Asked for when it is opened, since each look is recorded. */
import { signal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { ask, client, Refused } from "../api/client.ts";
import type { components } from "../api/schema.d.ts";
import { placeNames } from "../state/register.ts";
import { may } from "../state/session.ts";
import { clock } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { closures } from "./closures.tsx";

type Moment = components["schemas"]["PresenceMoment"];

const dayMs = 24 * 3_600_000;

export function PresenceRecord({ patrol }: { patrol: string }) {
  const w = words.value.presenceRecord;
  const moments = useRef(signal<Moment[] | null>(null)).current;
  const unknown = useRef(signal(false)).current;
  if (!may("see_tracks")) return null;
  const look = async () => {
    const to = new Date();
    try {
      const found: Moment[] = [];
      let cursor: string | undefined;
      do {
        const page = await ask(client.GET("/api/v1/patrols/{id}/presence", { params: { path: { id: patrol }, query: { from: new Date(to.valueOf() - dayMs).toISOString(), to: to.toISOString(), limit: 1000, cursor } } }));
        found.push(...page.items);
        cursor = page.next_cursor ?? undefined;
      } while (cursor && found.length < 5_000);
      moments.value = found.reverse();
      unknown.value = false;
    } catch (why) {
      if (!(why instanceof Refused)) throw why;
      unknown.value = true;
    }
  };
  return (
    <details class="presence-record" onToggle={(e) => e.currentTarget.open && void look()}>
      <summary>{w.title}</summary>
      {unknown.value ? <p class="quiet" role="status">{w.unknown}</p> : null}
      {moments.value?.length === 0 ? <p class="quiet">{w.none}</p> : null}
      <ol>
        {moments.value?.map((m, i) => (
          <li key={`${m.at} ${i}`}>
            <time dateTime={m.at}>{clock(m.at)}</time>
            <span>
              {w.kind[m.kind]} {m.area ? `${w.area[m.area]} ${nameOf(m)}` : ""}
              {m.because ? <span class="quiet"> {w.because[m.because] ?? m.because}</span> : null}
            </span>
          </li>
        ))}
      </ol>
    </details>
  );
}

function nameOf(m: Moment): string {
  if (!m.name) return "";
  if (m.area === "grid") return placeNames(m.name.split(",").join(", "));
  if (m.area === "closure") return closures.value.find((c) => c.id === m.name)?.reason ?? "";
  return m.name;
}
