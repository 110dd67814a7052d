/** 增派: another department, or one more patrol, for a case that is open; and a patrol of elsewhere that is lent to it. */
import { signal } from "@preact/signals";
import type { CaseDetail, MissionOrder, Shortfall } from "../api/types.ts";
import { patrols, patrolsChanged } from "../state/duty.ts";
import { isFinished } from "../state/queue.ts";
import { categories, departmentName, departments, placeNames } from "../state/register.ts";
import { may } from "../state/session.ts";
import { distance } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { busy, detail, order, said, sendChosen } from "./choice.ts";

const open = signal<string | null>(null);
const mostPeople = 32, mostSkills = 4;

/** Before it is dispatched again nobody is sent to it; the service says the same. */
const closedTo = new Set(["returned", "ruled", "reopened", "suspended", "self_handled", "verifying", "feedback"]);

export function canSendMore(c: CaseDetail): boolean {
  return may("dispatch") && !isFinished(c) && !closedTo.has(c.stage);
}

type Group = { name: string; codes: string[] };

/** The departments that can be asked for: those that the category names for it, those on the case, the others. */
export function groupsOf(c: Pick<CaseDetail, "category" | "departments">, all: Iterable<string>, optional: readonly string[], w: typeof words.value.mission): Group[] {
  const known = [...all].filter((d) => d !== "grid");
  const here = c.departments.map((d) => d.code).filter((d) => known.includes(d));
  const suggested = optional.filter((d) => known.includes(d) && !here.includes(d));
  return [
    { name: w.suggested, codes: suggested },
    { name: w.onCase, codes: here },
    { name: w.others, codes: known.filter((d) => !suggested.includes(d) && !here.includes(d)) },
  ].filter((g) => g.codes.length > 0);
}

function freeOf(department: string): number {
  let n = 0;
  for (const p of patrols.values()) if (p.department === department && p.status === "free" && p.presence !== "lost") n++;
  return n;
}

/** While it is filled in nothing else stands in the foot: on a small screen there is no room for it. */
export const asksMore = (c: CaseDetail): boolean => open.value === c.id && canSendMore(c);

export function SendMore({ c }: { c: CaseDetail }) {
  const w = words.value.mission;
  if (!canSendMore(c)) return null;
  if (open.value === c.id) return <MoreForm c={c} done={() => (open.value = null)} />;
  return (
    <div class="second">
      <button type="button" class="button" id="more" disabled={busy.value} onClick={() => (open.value = c.id)}>{w.sendMore}</button>
    </div>
  );
}

export function MoreForm({ c, done }: { c: CaseDetail; done: () => void }) {
  const all = words.value;
  const w = all.mission;
  void patrolsChanged.value; // who is free changes while it is filled in
  const groups = groupsOf(c, departments.value.keys(), categories.value.get(c.category)?.optional ?? [], w);
  const skills = [...new Set([...patrols.values()].flatMap((p) => p.skills ?? []))].sort();
  const submit = (e: Event) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget as HTMLFormElement);
    const text = (name: string) => String(form.get(name) ?? "").trim();
    const body: MissionOrder = { department: text("department"), people: Number(text("people")) };
    const wanted = [...new Set(text("skills").split(/[;,，、；\s]+/).filter(Boolean))];
    if (wanted.length > 0) body.skills = wanted;
    if (text("reason")) body.reason = text("reason");
    void order("more", body).then((ok) => {
      if (!ok) return;
      done();
      const short = detail.value?.shortfalls.find((s) => s.department === body.department);
      if (short && detail.value?.id === c.id) said.value = w.moreShort(departmentName(short.department), whyShort(short));
    });
  };
  return (
    <form class="close-form" id="more-form" onSubmit={submit}>
      <b>{w.sendMore}</b>
      <label class="note" for="more-department">{w.moreOf}</label>
      <select id="more-department" name="department">
        {groups.map((g) => (
          <optgroup key={g.name} label={g.name}>
            {g.codes.map((d) => <option key={d} value={d}>{w.moreOption(departmentName(d), g.name === w.suggested, freeOf(d))}</option>)}
          </optgroup>
        ))}
      </select>
      <div class="pair">
        <label class="note" for="more-people">{w.morePeople}
          <input id="more-people" name="people" type="number" min={1} max={mostPeople} defaultValue="1" required />
        </label>
        <label class="note" for="more-skills">{w.moreSkills}
          <input id="more-skills" name="skills" list="more-skill-list" maxLength={mostSkills * 33} placeholder={w.moreSkillsHint} autoComplete="off" />
        </label>
      </div>
      <datalist id="more-skill-list">{skills.map((s) => <option key={s} value={s} />)}</datalist>
      <label class="note" for="more-reason">{w.reason}</label>
      <input id="more-reason" name="reason" maxLength={500} autoComplete="off" />
      {c.dispatch === "done" ? null : <p class="note">{w.moreWithPlan}</p>}
      <div class="second">
        <button type="button" class="button" onClick={done}>{all.cancel}</button>
        <button type="submit" class="button primary" id="more-confirm" disabled={busy.value}>{all.confirm} · {w.sendMore}</button>
      </div>
    </form>
  );
}

/** Why somebody is lacking, in a word: no road is to blame where all who are free work elsewhere. */
export function whyShort(s: Shortfall): string {
  const w = words.value;
  return s.reason === "out_of_reach" && s.lenders?.length ? w.mission.allElsewhere : w.shortfall[s.reason];
}

/** Who of elsewhere could be lent; an operator may do it. */
export function Lenders({ c, s }: { c: CaseDetail; s: Shortfall }) {
  const w = words.value.mission;
  if (!s.lenders?.length) return null;
  return (
    <ul class="lenders">
      {s.lenders.map((l) => (
        <li key={l.patrol_id}>
          <span>{w.lender(l.name, placeNames(l.works_in), l.air_m === null ? "" : distance(l.air_m))}</span>
          {canSendMore(c) ? (
            <button type="button" class="button" data-lend={l.patrol_id} disabled={busy.value} title={c.dispatch === "done" ? w.lendHint : w.moreWithPlan}
              onClick={() => void sendChosen([{ department: s.department, patrol_id: l.patrol_id, adds: true }], w.lent(l.name))}>{w.lend}</button>
          ) : null}
        </li>
      ))}
    </ul>
  );
}
