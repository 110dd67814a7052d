/** The queue: what waits, what is being handled, what is late, what is done. */
import { computed, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Case } from "../api/types.ts";
import { cases, casesChanged, loaded, tabCounts } from "../state/duty.ts";
import { held, inTab, isOverdue, order, phase, type Tab, tabs, usedUp } from "../state/queue.ts";
import { categoryName, departmentName, departments, gridByCode, townOf } from "../state/register.ts";
import { nowMs } from "../state/tick.ts";
import { duration } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { colour } from "../map/palette.ts";
import { Mark, phaseLook } from "../ui/marks.tsx";
import { choose, chosenID } from "./choice.ts";
import { attended, Attention, attention } from "./attention.tsx";
import { Items } from "./items.tsx";

export const tab = signal<Tab>("waiting");
export const query = signal("");
export const department = signal("");
/** While the pointer is over the list, nothing moves under it. */
const reading = signal(false);

export function titleOf(c: Case): string {
  return c.description || categoryName(c.category);
}

export function whereOf(c: Case): string {
  const grid = c.responsible.name ?? c.responsible.code;
  const town = c.responsible.code ? townOf(gridByCode.value.get(c.responsible.code)?.area_code) : null;
  if (!grid) return words.value.basisNone;
  return town && !grid.includes(town.name.slice(0, 2)) ? `${town.name} · ${grid}` : grid;
}

const wanted = computed<string[]>(() => {
  void casesChanged.value;
  const now = nowMs.value;
  const text = query.value.trim().toLowerCase();
  const of = department.value;
  const found: Case[] = [];
  const only = attended();
  for (const c of cases.values()) {
    if (only ? !only.has(c.id) : !inTab(c, tab.value, now)) continue;
    if (of && !c.departments.some((d) => d.code === of)) continue;
    if (text && !`${c.number} ${c.description} ${c.category} ${categoryName(c.category)} ${c.responsible.code ?? ""} ${whereOf(c)}`.toLowerCase().includes(text)) continue;
    found.push(c);
  }
  return found.sort(order(tab.value, now)).map((c) => c.id);
});

let shown: string[] = [];
let shownFor = "";
const view = computed<{ rows: string[]; fresh: number }>(() => {
  const list = wanted.value;
  const about = `${attention.value}|${tab.value}|${query.value}|${department.value}`;
  if (reading.value && about === shownFor) {
    const kept = held(shown, list);
    shown = kept.rows;
    return kept;
  }
  shown = list;
  shownFor = about;
  return { rows: list, fresh: 0 };
});

export function step(by: number): void {
  const rows = view.value.rows;
  if (rows.length === 0) return;
  const at = rows.indexOf(chosenID.value ?? "");
  const next = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + by))];
  if (next) choose(next);
}

export function Queue() {
  const w = words.value;
  const names = { waiting: w.tabWaiting, handling: w.tabHandling, overdue: w.tabOverdue, done: w.tabDone };
  const onKey = (e: KeyboardEvent) => {
    const by = e.key === "ArrowRight" ? 1 : e.key === "ArrowLeft" ? -1 : 0;
    if (!by) return;
    tab.value = tabs[(tabs.indexOf(tab.value) + by + tabs.length) % tabs.length] as Tab;
    (e.currentTarget as HTMLElement).querySelector<HTMLElement>(`#tab-${tab.value}`)?.focus();
  };
  return (
    <nav class="queue" id="queue" aria-label={w.queue}>
      <div class="tabs" role="tablist" onKeyDown={onKey}>
        {tabs.map((t) => (
          <button key={t} id={`tab-${t}`} type="button" role="tab" aria-selected={t === tab.value} aria-controls="queue-rows" tabIndex={t === tab.value ? 0 : -1} class={t === "overdue" && tabCounts.value.overdue > 0 ? "late" : ""} onClick={() => { attention.value = null; tab.value = t; }}>
            {names[t]} <span class="count">{tabCounts.value[t]}</span>
          </button>
        ))}
      </div>
      <div class="find">
        <input id="search" type="search" placeholder={`${w.search} ${w.searchKey}`} aria-label={w.search} value={query.value} onInput={(e) => (query.value = e.currentTarget.value)} />
        <select aria-label={w.filter} value={department.value} onChange={(e) => (department.value = e.currentTarget.value)}>
          <option value="">{w.allDepartments}</option>
          {[...departments.value.keys()].map((code) => (
            <option key={code} value={code}>
              {departmentName(code)}
            </option>
          ))}
        </select>
      </div>
      <Attention />
      <Items />
      <Rows />
    </nav>
  );
}

const windowedOver = 200;
const spare = 6;
const scrolled = signal({ top: 0, height: 900, row: 78 });

function Rows() {
  const w = words.value;
  const box = useRef<HTMLDivElement>(null);
  const { rows, fresh } = view.value;
  useEffect(() => {
    const el = box.current;
    if (!el) return;
    const measure = () => {
      const row = el.querySelector<HTMLElement>(".row")?.offsetHeight ?? scrolled.peek().row;
      scrolled.value = { top: el.scrollTop, height: el.clientHeight, row };
    };
    measure();
    el.addEventListener("scroll", measure, { passive: true });
    return () => el.removeEventListener("scroll", measure);
  }, [tab.value]);
  useEffect(() => {
    box.current?.querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
  }, [chosenID.value]);

  let from = 0;
  let to = rows.length;
  if (rows.length > windowedOver) {
    from = Math.max(0, Math.floor(scrolled.value.top / scrolled.value.row) - spare);
    to = Math.min(rows.length, from + Math.ceil(scrolled.value.height / scrolled.value.row) + 2 * spare);
  }
  const none = query.value || department.value ? w.noneFound : { waiting: w.noneWaiting, handling: w.noneHandling, overdue: w.noneOverdue, done: w.noneDone }[tab.value];
  return (
    <div class="rows" id="queue-rows" role="tabpanel" aria-labelledby={`tab-${tab.value}`} tabIndex={-1} ref={box} onPointerEnter={() => (reading.value = true)} onPointerLeave={() => (reading.value = false)}>
      {fresh > 0 ? (
        <button type="button" class="fresh" onClick={() => { reading.value = false; box.current?.scrollTo({ top: 0 }); }}>
          {w.newOnTop(fresh)}
        </button>
      ) : null}
      {!loaded.value ? <Bones /> : rows.length === 0 ? <p class="empty">{none}</p> : null}
      <div style={{ paddingTop: `${from * scrolled.value.row}px`, paddingBottom: `${(rows.length - to) * scrolled.value.row}px` }}>
        {rows.slice(from, to).map((id) => {
          const c = cases.get(id);
          return c ? <Row key={id} c={c} chosen={id === chosenID.value} /> : null;
        })}
      </div>
    </div>
  );
}

function Row({ c, chosen }: { c: Case; chosen: boolean }) {
  const w = words.value;
  const now = nowMs.value;
  const look = phaseLook[phase(c, now)];
  const late = isOverdue(c, now);
  const used = c.closed_at ? null : usedUp(c, now);
  const when = late && c.due_at ? w.timeOver(duration((now - Date.parse(c.due_at)) / 1000, w)) : duration((now - Date.parse(c.made_at)) / 1000, w);
  return (
    <button type="button" class="row" aria-current={chosen} onClick={() => choose(c.id)}>
      <Mark name={look} size={20} />
      <span class="what">{c.covert ? <i class="covert-tag">{w.covert.tag}</i> : null}{titleOf(c)}</span>
      <span class={`when ${late ? "over" : ""}`}>{when}</span>
      <span class="where">
        <span>{whereOf(c)}</span>
        <span class="tag" style={{ color: late ? "var(--overdue-text)" : colour[look] }}>
          {categoryName(c.category)}
        </span>
      </span>
      {used === null ? null : (
        <span class="bar" style={{ color: late ? "var(--overdue)" : colour[look] }}>
          <i style={{ width: `${Math.max(2, used * 100)}%` }} />
        </span>
      )}
    </button>
  );
}

function Bones() {
  return (
    <div aria-hidden="true" style={{ padding: "0.75rem" }}>
      {Array.from({ length: 8 }, (_, i) => (
        <span key={i} class="bone" style={{ height: "3.4rem", marginBottom: "0.9rem" }} />
      ))}
    </div>
  );
}
