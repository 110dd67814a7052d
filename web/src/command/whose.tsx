/** Who was responsible for a place at a time: asked for a spot on the map, or for where a case is. */
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ask, client, Refused } from "../api/client.ts";
import type { components } from "../api/schema.d.ts";
import { gridByCode, townOf } from "../state/register.ts";
import { may } from "../state/session.ts";
import { dateAndClock, fieldTime } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { Icon } from "../ui/marks.tsx";

type Then = components["schemas"]["ResponsibleThen"];
type PersonThen = components["schemas"]["PersonThen"];
type ChangeThen = components["schemas"]["ChangeThen"];
type Spot = { lon: number; lat: number; category?: string; about: string; at: number };

const spot = signal<Spot | null>(null);
const moment = signal("");
const found = signal<Then | null>(null);
const trouble = signal("");
const busy = signal(false);

/** Asks about a spot. Nothing is asked of the service before a person says of which time. */
export function askWhose(s: Spot): void {
  found.value = null;
  trouble.value = "";
  moment.value = fieldTime(s.at);
  spot.value = s;
}

export function WhoseButton({ at }: { at: Spot }) {
  if (!may("dossier")) return null;
  return (
    <button type="button" class="button whose-ask" onClick={() => askWhose(at)}>
      <Icon name="person" /> {words.value.whose.title}
    </button>
  );
}

async function look(): Promise<void> {
  const s = spot.value;
  const w = words.value;
  const at = new Date(moment.value);
  found.value = null;
  if (!s || Number.isNaN(at.valueOf())) {
    trouble.value = w.whose.needTime;
    return;
  }
  busy.value = true;
  trouble.value = "";
  try {
    const answer = await ask(client.GET("/api/v1/responsible", { params: { query: { lon: s.lon, lat: s.lat, at: at.toISOString(), category: s.category } } }));
    if (spot.value === s) found.value = answer;
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    trouble.value = why.status === 0 ? w.offlineNow : w.failed(why.message);
  } finally {
    busy.value = false;
  }
}

export function Whose() {
  const w = words.value.whose;
  const s = spot.value;
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (s && !dialog.current?.open) dialog.current?.showModal();
  }, [s]);
  if (!s) return null;
  return (
    <dialog ref={dialog} class="whose" aria-labelledby="whose-title" onClose={() => (spot.value = null)} onKeyDown={(e) => e.stopPropagation()}>
      <header>
        <h2 id="whose-title">{w.title}</h2>
        <p class="quiet">{s.about}</p>
        <button type="button" class="button plain shut" aria-label={words.value.close} onClick={() => dialog.current?.close()}><Icon name="close" size={20} /></button>
      </header>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void look();
        }}
      >
        <label>
          {w.when}
          <input type="datetime-local" name="at" required value={moment.value} onInput={(e) => (moment.value = e.currentTarget.value)} />
        </label>
        <button type="submit" class="button primary" disabled={busy.value}>{w.ask}</button>
      </form>
      {trouble.value ? <p class="say bad" role="alert">{trouble.value}</p> : null}
      <div aria-live="polite" aria-busy={busy.value}>{found.value ? <Answer then={found.value} /> : null}</div>
    </dialog>
  );
}

const parts = ["worker", "substitute", "part_timer", "chief", "instructor"] as const;

function Answer({ then }: { then: Then }) {
  const all = words.value;
  const w = all.whose;
  const r = then.responsible;
  if (!r.grid_id) return <p class="say">{w.noGrid(dateAndClock(then.at))}</p>;
  const who = then.people.find((p) => p.staff_id === then.answers);
  const area = townOf(gridByCode.value.get(r.code ?? "")?.area_code)?.name;
  return (
    <>
      <p class="verdict">
        {who ? w.answers(who.name, all.part[who.part], r.name ?? r.code ?? "") : then.people.length > 0 ? w.nobodyOnDuty : w.notYours}
      </p>
      <dl>
        <dt>{w.grid}</dt>
        <dd><b>{r.name ?? r.code}</b> <span class="quiet">{[r.code, area, r.kind === "special" ? all.special : all.general, r.basis === "nearest" ? all.basisNearest(`${Math.round(r.distance_m ?? 0)} m`) : ""].filter(Boolean).join(" · ")}</span></dd>
        <dt>{w.version}</dt>
        <dd>{w.span(then.map_from ? dateAndClock(then.map_from) : "", then.map_until ? dateAndClock(then.map_until) : "")}<SetBy changes={then.map_changes} /></dd>
      </dl>
      {then.people.length > 0 ? (
        <table>
          <thead>
            <tr><th scope="col">{w.part}</th><th scope="col">{w.person}</th><th scope="col">{w.unit}</th><th scope="col">{w.duty}</th><th scope="col">{w.held}</th></tr>
          </thead>
          <tbody>
            {parts.map((part) => {
              const had = then.people.filter((x) => x.part === part);
              if (had.length === 0) return <tr key={part} class="quiet"><th scope="row">{all.part[part]}</th><td colSpan={4}>{w.none}</td></tr>;
              return had.map((p) => <Person key={p.staff_id + part} p={p} answers={p.staff_id === then.answers} />);
            })}
          </tbody>
        </table>
      ) : null}
      {then.people.length > 0 ? <p class="quiet told">{w.recorded}</p> : null}
    </>
  );
}

function Person({ p, answers }: { p: PersonThen; answers: boolean }) {
  const all = words.value;
  const w = all.whose;
  return (
    <>
    <tr class={answers ? "answers" : ""}>
      <th scope="row">{all.part[p.part]}</th>
      <td><b>{p.name}</b>{p.stands_in_for ? <span class="quiet"> {all.people.standsInFor(p.stands_in_for.name)}</span> : null}</td>
      <td>{p.patrol ? p.patrol.name : <span class="quiet">—</span>}</td>
      <td><span class={`tag ${p.on_duty ? "good" : "quiet"}`}>{p.on_duty ? w.onDuty : w.offDuty}</span>{p.shift ? <span class="shift">{shiftSpan(p.shift.from, p.shift.until)}{p.shift.source === "manual" ? ` ${w.byHand}` : ""}</span> : null}</td>
      <td class="quiet">{w.span(p.since ? dateAndClock(p.since) : "", p.until ? dateAndClock(p.until) : "")}</td>
    </tr>
    <tr class={answers ? "answers rests" : "rests"}>
      <td colSpan={5}>
        <details>
          <summary>{w.rests}</summary>
          <ul>
            {p.sources.map((s) => (
              <li key={s.what}>
                <b>{w.sources[s.what]}</b> {w.span(s.since ? dateAndClock(s.since) : "", s.until ? dateAndClock(s.until) : "")}
                <SetBy changes={s.changes} />
              </li>
            ))}
          </ul>
        </details>
      </td>
    </tr>
    </>
  );
}

/** A shift as it is said: the day once, where it does not go over midnight. */
function shiftSpan(from: string | null, until: string | null): string {
  const [a, b] = [from ? dateAndClock(from) : "", until ? dateAndClock(until) : ""];
  return a && b && a.slice(0, 10) === b.slice(0, 10) ? `${a} – ${b.slice(11)}` : words.value.whose.span(a, b);
}

/** Who made it what it is; each stands in the sealed record at its place. */
function SetBy({ changes }: { changes: ChangeThen[] }) {
  const all = words.value;
  const w = all.whose;
  if (changes.length === 0) return <span class="set quiet">{w.unrecorded}</span>;
  return (
    <>
      {changes.map((c) => (
        <span class="set quiet" key={c.at + c.kind} title={c.hash ?? ""}>
          {w.setBy(dateAndClock(c.at), c.by || (c.actor === "command" ? w.command : w.system), c.role ? (all.role as Record<string, string>)[c.role] ?? "" : "", (all.event as Record<string, string>)[c.kind] ?? c.kind, c.reason)}
          {" "}{c.position ? w.sealed(c.position) : w.notSealed}
        </span>
      ))}
    </>
  );
}
