/** Who answers for a grid: its worker, whoever stands in while the worker is away, part-timers, chief, instructor. */
import { computed, signal } from "@preact/signals";
import type { GridPart } from "../api/types.ts";
import { grids, townOf } from "../state/register.ts";
import { dayAndClock } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { trouble } from "./crew.ts";
import { Finder, Sure } from "./finder.tsx";
import { addPart, chooseGrid, chosenGrid, endPart, gridCrew, taken } from "./gridcrew.ts";
import { since } from "./since.ts";

const shown = 200;
/** In the order in which a case looks for them. */
const parts: GridPart[] = ["worker", "substitute", "part_timer", "chief", "instructor"];
const part = signal<GridPart>("substitute");
const until = signal("");

const sorted = computed(() => [...grids.value].sort((a, b) => a.code.localeCompare(b.code)));

export function GridList({ text }: { text: string }) {
  const w = words.value.people;
  const t = text.trim().toLowerCase();
  const matching = sorted.value.filter((g) => t === "" || `${g.name} ${g.code}`.toLowerCase().includes(t));
  return (
    <nav aria-label={w.grids}>
      {matching.length === 0 ? <p class="quiet">{w.noGrid}</p> : null}
      <ul>
        {matching.slice(0, shown).map((g) => (
          <li key={g.id}>
            <button type="button" aria-current={g.id === chosenGrid.value ? "true" : undefined} onClick={() => void chooseGrid(g.id)}>
              <span class="name">{g.name}</span>
              <span class="quiet">{g.kind === "special" ? words.value.special : ""}</span>
              <span class="quiet where">{[g.code, townOf(g.area_code)?.name].filter(Boolean).join(" · ")}</span>
            </button>
          </li>
        ))}
      </ul>
      {matching.length > shown ? <p class="quiet">{w.moreGrids(matching.length - shown)}</p> : null}
    </nav>
  );
}

export function GridCrew() {
  const all = words.value;
  const w = all.people;
  const g = gridCrew.value;
  const asked = taken.value;
  const end = () => (until.value ? new Date(until.value) : null);
  return (
    <>
      {trouble.value ? <p class="say bad" role="alert">{trouble.value}</p> : null}
      {g === null ? <span class="bone" style={{ height: "6rem" }} /> : (
        <>
          <div class="title">
            <h3>{g.name}</h3>
            <span class="quiet">{[g.code, townOf(g.area_code)?.name, g.kind === "special" ? all.special : all.general].filter(Boolean).join(" · ")}</span>
          </div>
          <h4>{all.gridPeople}</h4>
          {g.people.length === 0 ? <p class="quiet">{all.nobodyNamed}</p> : null}
          <ul class="lines">
            {parts.flatMap((p) => g.people.filter((x) => x.part === p)).map((x) => (
              <li key={x.staff_id + x.part}>
                <span class={`tag ${x.part === "worker" ? "good" : x.part === "substitute" ? "warn" : "quiet"}`}>{all.part[x.part]}</span>
                <b>{x.name}</b>
                {x.stands_in_for ? <span class="quiet">{w.standsInFor(x.stands_in_for.name)}</span> : null}
                {x.phone ? <span>{x.phone}</span> : null}
                <span class="quiet">{[x.since ? since(x.since) : "", x.until ? w.until(dayAndClock(x.until)) : ""].filter(Boolean).join(" ")}</span>
                <span class="act"><Sure id={`${x.staff_id} ${x.part}`} ask={w.sureEndPart(x.name, all.part[x.part])} label={w.remove} act={() => void endPart(x.staff_id, x.part)} /></span>
              </li>
            ))}
          </ul>
          <h4>{w.addPart}</h4>
          <div class="add part">
            <label>
              {w.partAs}
              <select value={part.value} onChange={(e) => (part.value = e.currentTarget.value as GridPart)}>
                {parts.map((p) => <option key={p} value={p}>{all.part[p]}</option>)}
              </select>
            </label>
            <label>
              {w.partUntil}
              <input type="datetime-local" value={until.value} onInput={(e) => (until.value = e.currentTarget.value)} />
            </label>
            {part.value === "substitute" ? <p class="quiet">{w.substituteHint}</p> : null}
          </div>
          <Finder label={w.addPerson} act={(s) => void addPart(s, part.value, end())}>
            {asked ? (
              <p class="say" role="alert">
                {w.hasWorker}
                <span class="second">
                  <button type="button" class="button" onClick={() => (taken.value = null)}>{all.cancel}</button>
                  <button type="button" class="button primary" onClick={() => void addPart(asked.person, "worker", asked.until, true)}>{w.takePlace(asked.person.name)}</button>
                </span>
              </p>
            ) : null}
          </Finder>
        </>
      )}
    </>
  );
}
