/** What categories say beside who goes: a list, and one category whose fields are open, with what a change makes of it. */
import type { ComponentChildren } from "preact";
import { signal } from "@preact/signals";
import { categoryName, departmentName } from "../state/register.ts";
import { words } from "../i18n/index.ts";
import { FieldLine, saidWrong } from "./field.tsx";
import { type Change, type Draft, type Mode, mostSkills } from "./ruledraft.ts";
import { busy, calledBy, changes, draft, edit, faults, rules, rulesOf, save, saved, set, trouble } from "./ruleset.ts";

const text = signal("");

export function RulesSide({ leave }: { leave: (go: () => void) => void }) {
  const w = words.value.settings;
  const t = text.value.trim().toLowerCase();
  const shown = (rules.value ?? []).filter((r) => t === "" || `${r.code} ${categoryName(r.code)}`.toLowerCase().includes(t));
  return (
    <>
      <nav aria-label={w.sides.rules}>
        <input type="search" aria-label={w.searchCategory} placeholder={w.searchCategory} value={text.value} onInput={(e) => (text.value = e.currentTarget.value)} />
        {rules.value === null ? <p class="quiet">{trouble.value || words.value.loading}</p> : shown.length === 0 ? <p class="quiet">{w.noCategory}</p> : null}
        <ul>
          {shown.map((r) => (
            <li key={r.code}>
              <button type="button" aria-current={r.code === draft.value?.code ? "true" : undefined} onClick={() => leave(() => edit(r.code))}>
                <span class="name">{r.code} {categoryName(r.code)}</span>
                <Sent mode={r.dispatch_mode} />
                <span class="quiet where">{[calledBy(r.code).map((c) => departmentName(c.department)).join("、"), r.listed ? "" : w.unlisted].filter(Boolean).join(" · ")}</span>
              </button>
            </li>
          ))}
        </ul>
      </nav>
      <section class="rule">{draft.value ? <RuleForm key={draft.value.code} d={draft.value} /> : <p class="quiet empty">{w.chooseCategory}</p>}</section>
    </>
  );
}

function Sent({ mode }: { mode: Mode }) {
  return <span class={`tag mode ${mode}`}>{words.value.settings.modes[mode]}</span>;
}

type FieldProps = { of: string; label: string; hint?: string; unit?: string; value: string; wide?: boolean; numeric?: boolean; input: (text: string) => void };
/** One line of the form; what is wrong with it stands below it. */
function Field({ of, label, hint, unit, value, wide, numeric = true, input }: FieldProps) {
  const id = `rule-${of}`;
  const wrong = faults.value[of];
  return (
    <FieldLine id={id} label={label} wrong={wrong}>
      <input id={id} class={wide ? "wide" : "short"} inputMode={numeric ? "decimal" : undefined} maxLength={500} value={value} {...saidWrong(id, wrong)} onInput={(e) => input(e.currentTarget.value)} />
      {unit ? <span>{unit}</span> : null}
      {hint ? <span class="quiet">{hint}</span> : null}
    </FieldLine>
  );
}

function Check({ label, hint, on, change }: { label: string; hint?: string; on: boolean; change: (on: boolean) => void }) {
  return (
    <label class="check">
      <input type="checkbox" checked={on} onChange={(e) => change(e.currentTarget.checked)} /> {label}
      {hint ? <span class="quiet"> {hint}</span> : null}
    </label>
  );
}

function Part({ title, hint, children }: { title: string; hint?: string; children: ComponentChildren }) {
  return (
    <fieldset>
      <legend>{title}{hint ? <span class="quiet"> {hint}</span> : null}</legend>
      {children}
    </fieldset>
  );
}

function RuleForm({ d }: { d: Draft }) {
  const all = words.value;
  const w = all.settings;
  const n = Object.keys(faults.value).length;
  return (
    <form onSubmit={(e) => { e.preventDefault(); void save().then(() => document.querySelector<HTMLElement>(".rule [aria-invalid]")?.focus()); }}>
      <h3>{d.code} {categoryName(d.code)}</h3>
      <Part title={w.mode}>
        <div class="ways" role="radiogroup" aria-label={w.mode}>
          {(["auto", "confirm", "manual"] as const).map((m) => (
            <label key={m}><input type="radio" name="mode" checked={d.mode === m} onChange={() => set({ mode: m })} /> <b>{w.modes[m]}</b> <span class="quiet">{w.modeHints[m]}</span></label>
          ))}
        </div>
        {faults.value.dispatch_mode ? <p class="wrong" role="alert">{faults.value.dispatch_mode}</p> : null}
      </Part>
      <Crews d={d} />
      <Part title={w.urgency} hint={w.urgencyHint}>
        <div class="ways" role="radiogroup" aria-label={w.urgency}>
          {(["urgent", "ordinary", "hard"] as const).map((u) => (
            <label key={u}><input type="radio" name="urgency" checked={d.urgency === u} onChange={() => set({ urgency: u })} /> <b>{all.urgency[u]}</b> <span class="quiet">{w.urgencyClocks[u]}</span></label>
          ))}
        </div>
        {faults.value.urgency ? <p class="wrong" role="alert">{faults.value.urgency}</p> : null}
      </Part>
      <Part title={w.revisits}><Field of="revisit_days" label={w.revisits} unit={w.revisitsUnit} hint={w.revisitsHint} value={d.days} input={(days) => set({ days })} /></Part>
      <Part title={w.same}>
        <Field of="same.distance_m" label={w.distance} unit={all.metres(1).replace(/^1 ?/, "")} value={d.distance} input={(distance) => set({ distance })} />
        <Field of="same.minutes" label={w.within} unit={w.hoursUnit} value={d.hours} input={(hours) => set({ hours })} />
        <Check label={w.photos} on={d.photos} change={(photos) => set({ photos })} />
        {d.photos ? <Field of="same.photo_bits" label={w.bits} unit={w.bitsUnit} value={d.bits} input={(bits) => set({ bits })} /> : null}
        <Check label={w.joins} on={d.joins} change={(joins) => set({ joins })} />
      </Part>
      <Part title={w.list}>
        <Check label={w.listed} hint={w.listedHint} on={d.listed} change={(listed) => set({ listed })} />
        <Field of="article" label={w.article} wide numeric={false} hint={d.article ? undefined : w.articleHint} value={d.article} input={(article) => set({ article })} />
        <Field of="check_percent" label={w.check} unit="%" hint={w.checkHint} value={d.check} input={(check) => set({ check })} />
        <Field of="covert_hours" label={w.covert} unit={w.hoursUnit} hint={w.covertHint} value={d.covert} input={(covert) => set({ covert })} />
      </Part>
      <div class="tail">
        <h4>{w.changes}</h4>
        {changes.value.length === 0 ? <p class="quiet">{saved.value === d.code ? "" : w.noChanges}</p> : (
          <dl class="changes">{changes.value.map((x) => <ChangeLine key={x.field} x={x} />)}</dl>
        )}
        {saved.value === d.code ? <p class="say good" role="status">{w.saved}</p> : null}
        {changes.value.length > 0 ? <Field of="reason" label={w.reason} wide numeric={false} hint={d.reason ? undefined : w.reasonHint} value={d.reason} input={(reason) => set({ reason })} /> : null}
        {trouble.value ? <p class="wrong" role="alert">{trouble.value}</p> : null}
        <div class="acts">
          {n > 0 ? <span class="wrong">{w.keptFaults(n)}</span> : null}
          <button type="button" class="button" disabled={changes.value.length === 0} onClick={() => edit(d.code)}>{all.cancel}</button>
          <button type="submit" class="button primary" disabled={busy.value || changes.value.length === 0}>{busy.value ? w.saving : w.save}</button>
        </div>
      </div>
    </form>
  );
}

function Crews({ d }: { d: Draft }) {
  const all = words.value;
  const w = all.settings;
  const rows = calledBy(d.code);
  return (
    <Part title={w.departments} hint={rows.length > 0 ? w.departmentsHint : undefined}>
      {rows.length === 0 ? <p class="quiet">{w.nobodyCalled}</p> : null}
      {rows.map(({ department, part }) => {
        const who = departmentName(department);
        const has = d.skills[department] ?? [];
        const choice = [...new Set([...Object.keys(all.work.skills), ...(rulesOf(d.code)?.crews.flatMap((c) => c.skills) ?? []), ...has])];
        const wrong = faults.value[`crews.${department}.people`] ?? faults.value[`crews.${department}.skills`];
        const id = `crew-${department}`;
        return (
          <div class="crew-row" key={department}>
            <span class="who"><b>{who}</b> <span class="tag">{w.part[part]}</span></span>
            <span class="entry">
              <input class="short" inputMode="numeric" maxLength={3} aria-label={w.people(who)} aria-invalid={wrong ? true : undefined} aria-describedby={wrong ? id : undefined} value={d.people[department] ?? ""} onInput={(e) => set({ people: { ...d.people, [department]: e.currentTarget.value } })} /> {w.peopleUnit}
            </span>
            <span class="skills" role="group" aria-label={w.skills(who)}>
              {choice.map((s) => (
                <button key={s} type="button" class="button" aria-pressed={has.includes(s)} disabled={!has.includes(s) && has.length >= mostSkills}
                  onClick={() => set({ skills: { ...d.skills, [department]: has.includes(s) ? has.filter((x) => x !== s) : [...has, s] } })}>
                  {all.work.skills[s] ?? s}
                </button>
              ))}
            </span>
            {wrong ? <p class="wrong" id={id} role="alert">{wrong}</p> : null}
          </div>
        );
      })}
    </Part>
  );
}

function ChangeLine({ x }: { x: Change }) {
  const w = words.value.settings;
  const [first, department] = x.field.split(".");
  const name = first === "crews" ? departmentName(department) : (w.fields[x.field] ?? x.field);
  return (
    <div>
      <dt>{name}</dt>
      <dd><s>{inWords(x.field, x.before)}</s> → <b>{inWords(x.field, x.after)}</b></dd>
    </div>
  );
}

/** A value of a rule as a person says it. */
export function inWords(field: string, value: unknown): string {
  const all = words.value;
  const w = all.settings;
  if (field.startsWith("crews.")) {
    const { people, skills } = value as { people: number; skills: string[] };
    return w.crew(people, skills.map((s) => all.work.skills[s] ?? s).join("、"));
  }
  switch (field) {
    case "urgency": return all.urgency[value as keyof typeof all.urgency] ?? String(value);
    case "dispatch_mode": return w.modes[value as keyof typeof w.modes] ?? String(value);
    case "check_percent": return `${String(value)} %`;
    case "same.distance_m": return all.metres(Number(value));
    case "same.minutes": return `${Math.round((Number(value) / 60) * 100) / 100} ${w.hoursUnit}`;
    case "same.photo_bits": return value === 0 ? w.no : `${String(value)} ${w.bitsUnit}`;
    case "covert_hours": return value === 0 ? w.no : `${String(value)} ${w.hoursUnit}`;
    case "revisit_days": return (value as number[]).length === 0 ? w.empty : `${(value as number[]).join("、")} ${w.revisitsUnit}`;
    default: return typeof value === "boolean" ? (value ? w.yes : w.no) : String(value ?? "") || w.empty;
  }
}
