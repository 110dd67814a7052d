/** The form of one move of a case, as both pages ask for what it needs: a reason, a result, a unit, a time, and photos where they may come with it. */
import type { ComponentChildren } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";
import { Refused } from "../api/client.ts";
import type { CaseDetail, CaseMove, NextMove } from "../api/types.ts";
import { departmentName, departments } from "../state/register.ts";
import { inLanguage, words } from "../i18n/index.ts";
import { Shots } from "../photo/shots.tsx";
import { keep, keptOf, letGo } from "./kept.ts";

const fields = ["level", "hours", "owner", "days", "until", "document", "result", "reason"] as const;
type Field = (typeof fields)[number];
/** Whether a refusal names one of the fields, where it is then said. */
export const isField = (pointer: string): boolean => fields.some((f) => pointer === `/${f}`);

const keyOf = (c: CaseDetail, m: NextMove) => `${c.id} ${m.move}`;

/** What the service said is wrong with one field, in words; null where it said nothing of it. */
export function faultOf(why: Refused | null, field: Field): string | null {
  const said = why?.problem?.errors.find((e) => e.pointer === `/${field}`);
  return said ? (words.value.course.wrong[field] ?? said.detail) : null;
}

/** A move as it goes to the service, of what stands in a form. */
export function orderOf(m: NextMove, data: FormData): CaseMove {
  const text = (name: Field) => String(data.get(name) ?? "").trim();
  const order: CaseMove = { move: m.move };
  for (const name of ["reason", "result", "owner", "document"] as const) if (text(name)) order[name] = text(name);
  for (const name of ["days", "hours"] as const) if (text(name)) order[name] = Number(text(name));
  if (text("level")) order.level = text("level") as NonNullable<CaseMove["level"]>;
  if (text("until")) order.until = new Date(text("until")).toISOString();
  return order;
}

type Props = {
  c: CaseDetail;
  m: NextMove;
  busy: boolean;
  refused: Refused | null;
  /** True once it is done; else the form stays as it is. */
  send: (order: CaseMove, photos: Blob[]) => Promise<boolean>;
  /** How many photos may come with it. */
  most?: number;
  cancel: () => void;
  /** How the buttons look: the command page's, or thumb-sized ones. */
  look?: { row: string; plain: string; main: string };
  /** What came of the last tap, where the thumb is. */
  children?: ComponentChildren;
};
const desk = { row: "second", plain: "button", main: "button primary" };

export function MoveForm({ c, m, busy, refused, send, most = 0, cancel, look = desk, children }: Props) {
  const w = words.value;
  const t = w.course;
  const form = useRef<HTMLFormElement>(null);
  const needs = new Set<string>(m.needs);
  const key = keyOf(c, m);
  const before = useMemo(() => keptOf(key).fields, [key]);
  const [photos, setPhotos] = useState(keptOf(key).photos);
  const proposed = m.move === "rule" || m.move === "dispatch" ? (c.precedents[0]?.owner ?? c.course.return?.proposed ?? "") : "";
  const suggested = before.owner ?? proposed;
  const units = [...departments.value.keys()].filter((d) => d !== "grid").map((code): [string, string] => [code, departmentName(code)]);
  const returns = m.move === "return" ? (c.owner.code ?? "") : ""; // it goes to anybody but whoever gives it back
  const submit = (e: SubmitEvent) => {
    e.preventDefault();
    void send(orderOf(m, new FormData(e.currentTarget as HTMLFormElement)), photos).then((ok) => ok && letGo(key));
  };
  const written = () => {
    if (form.current) keep(key, { fields: Object.fromEntries([...new FormData(form.current)].map(([k, v]) => [k, String(v)])) });
  };
  const taken = (to: Blob[]) => {
    keep(key, { photos: to });
    setPhotos(to);
  };
  const label = (name: Field, text: string) => <label class="note" for={`m-${name}`}>{text}</label>;
  const fault = (name: Field) => {
    const said = faultOf(refused, name);
    return said ? <p class="wrong" id={`m-${name}-wrong`} role="alert">{said}</p> : null;
  };
  const marks = (name: Field) => ({ id: `m-${name}`, name, ...(faultOf(refused, name) ? { "aria-invalid": true as const, "aria-describedby": `m-${name}-wrong` } : {}) });
  return (
    <form class="close-form" id="move-form" ref={form} onSubmit={submit} onInput={written}>
      <b>{inLanguage(m.name)}</b>
      {needs.has("level") ? (
        <>
          {label("level", t.level)}
          <select {...marks("level")}>{(m.levels ?? []).map((code) => <option key={code} value={code}>{t.levels[code]}</option>)}</select>
          {fault("level")}
          {label("hours", t.hours)}
          <input {...marks("hours")} type="number" min={1} max={360} placeholder={t.hoursHint} />
          {fault("hours")}
        </>
      ) : null}
      {needs.has("owner") || m.move === "dispatch" ? (
        <>
          {label("owner", m.move === "return" ? t.shouldHave : t.toUnit)}
          <select {...marks("owner")} required={needs.has("owner")} defaultValue={suggested}>
            <option value="">{m.move === "dispatch" ? t.asProposed : needs.has("owner") ? t.pick : ""}</option>
            {[...units, ...Object.entries(t.local)].filter(([code]) => code !== returns).map(([code, name]) => <option key={code} value={code} selected={code === suggested}>{name}</option>)}
          </select>
          {fault("owner")}
        </>
      ) : null}
      {needs.has("days") ? <>{label("days", t.days)}<input {...marks("days")} type="number" inputMode="numeric" min={1} max={15} required defaultValue={before.days} />{fault("days")}</> : null}
      {needs.has("until") ? <>{label("until", t.until)}<input {...marks("until")} type="datetime-local" required defaultValue={before.until} />{fault("until")}</> : null}
      {needs.has("document") ? <>{label("document", t.document)}<input {...marks("document")} maxLength={200} required defaultValue={before.document} />{fault("document")}</> : null}
      {needs.has("result") ? <>{label("result", m.move === "pass" ? t.checked : m.move === "answer" ? t.answer : t.result)}<textarea {...marks("result")} maxLength={1000} required defaultValue={before.result} />{fault("result")}</> : null}
      {needs.has("reason") || m.move === "urge" ? <>{label("reason", t.reason)}<textarea {...marks("reason")} maxLength={1000} required={needs.has("reason")} defaultValue={before.reason} />{fault("reason")}</> : null}
      {most > 0 ? (
        <>
          <span class="note">{words.value.shots[m.move === "pass" || m.move === "fail" ? "check" : "after"](most)}</span>
          <Shots photos={photos} most={most} set={taken} camera={look !== desk} />
        </>
      ) : null}
      {children}
      <div class={look.row}>
        <button type="button" class={look.plain} onClick={cancel}>{w.cancel}</button>
        <button type="submit" class={look.main} disabled={busy} id="move-confirm">{w.confirm} · {inLanguage(m.name)}</button>
      </div>
    </form>
  );
}
