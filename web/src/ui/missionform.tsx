/** What a commander's order brings with it, as both pages ask: of whom how many more, and why. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Refused } from "../api/client.ts";
import type { Mission, MissionMember, MissionOrder } from "../api/types.ts";
import { departmentName, departments } from "../state/register.ts";
import { words } from "../i18n/index.ts";

export type OrderAction = "more" | "release" | "hand_over" | "commander" | "in_place" | "go" | "recall";
export type Asking = { action: OrderAction; member?: MissionMember };

const mostPeople = 32;
/** What is recorded with a reason: these ask for one, the others may have it. */
const needsReason = new Set<OrderAction>(["go", "recall"]);

/** An order as it goes to the service. */
export function missionOrderOf({ action, member }: Asking, data: FormData): MissionOrder {
  const text = (name: string) => String(data.get(name) ?? "").trim();
  const body: MissionOrder = {};
  if (action === "more") {
    body.department = text("department");
    body.people = Number(text("people")) || 1;
    const skill = text("skill") === "*" ? text("skill_other") : text("skill");
    if (skill) body.skills = [skill];
  } else if (action === "go") body.anyway = true;
  else if (action === "commander") body.patrol_id = member?.patrol_id;
  else if (action !== "recall") body.assignment_id = member?.assignment_id;
  if (text("reason")) body.reason = text("reason");
  return body;
}

/** What an order is called, with whom it concerns. */
export function orderName({ action, member }: Asking): string {
  const w = words.value.work.command;
  const name = member?.name ?? "";
  return { more: w.more, release: w.release(name), hand_over: w.handOver(name), commander: w.commander(name), in_place: w.inPlace(name), go: w.goAnyway, recall: w.recall }[action];
}

type Props = {
  m: Mission;
  asking: Asking;
  busy: boolean;
  refused: Refused | null;
  send: (body: MissionOrder) => void;
  cancel: () => void;
  /** Departments that are likely to be asked for, to stand first. */
  likely?: string[];
  look?: { form: string; row: string; plain: string; main: string };
  /** What came of the last tap, where the thumb is. */
  children?: ComponentChildren;
};
const desk = { form: "m-form", row: "m-acts", plain: "button", main: "button primary" };

export function MissionForm({ m, asking, busy, refused, send, cancel, likely = [], look = desk, children }: Props) {
  const w = words.value.work;
  const t = w.command;
  const [other, setOther] = useState(false);
  const [reason, setReason] = useState("");
  const wanted = needsReason.has(asking.action);
  const crew = (m.crews ?? []).flatMap((x) => x.skills);
  const skills = [...new Set([...Object.keys(w.skills), ...crew])];
  const known = [...departments.value.keys()].filter((d) => d !== "grid");
  const units = [...new Set([...likely.filter((d) => known.includes(d)), ...known])];
  const wrong = refused?.problem?.errors[0];
  return (
    <form class={look.form} onSubmit={(e) => { e.preventDefault(); send(missionOrderOf(asking, new FormData(e.currentTarget as HTMLFormElement))); }}>
      <b>{orderName(asking)}</b>
      {asking.action === "more" ? (
        <>
          <label>{t.department}
            <select name="department">
              {units.map((d) => <option key={d} value={d}>{departmentName(d)}</option>)}
            </select>
          </label>
          <label>{t.people}<input name="people" type="number" inputMode="numeric" min={1} max={mostPeople} defaultValue="1" required /></label>
          <label>{t.skill}
            <select name="skill" onChange={(e) => setOther(e.currentTarget.value === "*")}>
              <option value="">{t.anySkill}</option>
              {skills.map((s) => <option key={s} value={s}>{w.skills[s] ?? s}</option>)}
              <option value="*">{t.otherSkill}</option>
            </select>
          </label>
          {other ? <label>{t.otherSkillName}<input name="skill_other" maxLength={32} required autoComplete="off" /></label> : null}
        </>
      ) : null}
      <label>{wanted ? t.reason : t.reasonMaybe}<input name="reason" maxLength={500} required={wanted} autoComplete="off" value={reason} onInput={(e) => setReason(e.currentTarget.value)} /></label>
      {asking.action === "recall" ? (
        <div class="quick">{t.recallQuick.map((q) => <button key={q} type="button" class="button" aria-pressed={reason === q} onClick={() => setReason(q)}>{q}</button>)}</div>
      ) : null}
      {children ?? (wrong ? <p class="wrong" role="alert">{words.value.failed(wrong.detail)}</p> : null)}
      <div class={look.row}>
        <button type="button" class={look.plain} onClick={cancel}>{words.value.cancel}</button>
        <button type="submit" class={look.main} disabled={busy}>{t.confirm}</button>
      </div>
    </form>
  );
}
