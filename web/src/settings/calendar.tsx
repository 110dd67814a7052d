/** A year as the clocks of working time see it: holidays and make-up days, a tap to change one, a table to change many. */
import { words } from "../i18n/index.ts";
import { busy, calendar, dayOf, type DayDraft, draft, faults, file, hours, importDays, isAsNow, openFile, pick, said, saveDay, saveHours, year } from "./book.ts";
import { clockOf, type Day, daysOfMonth, isWeekend, runsOf } from "./year.ts";

const mostSpans = 6;

export function CalendarSide() {
  const all = words.value;
  const w = all.settings;
  const c = calendar.value;
  if (!c) return <section class="calendar">{faults.value.all ? <p class="say bad" role="alert">{faults.value.all}</p> : <p class="quiet">{all.loading}</p>}</section>;
  const ofYear = c.days.filter((d) => d.day.startsWith(`${year.value}-`));
  const count = (k: string) => ofYear.filter((d) => d.kind === k).length;
  return (
    <section class="calendar" aria-label={w.sides.calendar}>
      <div class="bar">
        <button type="button" class="button" aria-label={w.yearBefore} onClick={() => year.value--}>‹</button>
        <b class="year">{year.value}</b>
        <button type="button" class="button" aria-label={w.yearAfter} onClick={() => year.value++}>›</button>
        <span class="quiet">{w.yearHas(count("holiday"), count("workday"))}</span>
        <span class="quiet hours">
          {w.hours} <b>{c.hours.map((h) => `${clockOf(h.from_min)}–${clockOf(h.until_min)}`).join("、")}</b>
          <button type="button" class="button" onClick={() => { pick(null); hours.value = c.hours.map((h) => ({ from: clockOf(h.from_min), until: clockOf(h.until_min) })); }}>{w.change}</button>
        </span>
        <label class="button file" title={w.importHow}>
          {w.importFile}
          <input class="hidden-text" type="file" accept=".csv,text/csv" onChange={(e) => {
            const f = e.currentTarget.files?.[0];
            e.currentTarget.value = "";
            if (f) void openFile(f);
          }} />
        </label>
      </div>
      {said.value ? <p class="say good" role="status">{said.value}</p> : null}
      {faults.value.file && !file.value ? <p class="say bad" role="alert">{faults.value.file}</p> : null}
      {file.value ? <Preview /> : null}
      {hours.value ? <HoursForm /> : null}
      {count("holiday") === 0 ? <p class="say warn">{w.yearEmpty(year.value)}</p> : null}
      <div class="both">
        <div class="months">{Array.from({ length: 12 }, (_, m) => <Month key={m} month={m} />)}</div>
        <div class="dates">
          <h3>{w.dates}</h3>
          <ul>
            {runsOf(ofYear).map((r) => (
              <li key={r.from}>
                <button type="button" onClick={() => pick(r.from)}>
                  <i class={r.kind} aria-hidden="true">{w.mark[r.kind]}</i>
                  <b>{r.name || w.kind[r.kind]}</b>
                  <span>{w.run(w.date(r.from), w.date(r.until), r.days)}</span>
                  <span class="quiet">{r.source ? w.source(r.source) : w.noSource}</span>
                </button>
              </li>
            ))}
          </ul>
        </div>
      </div>
      {draft.value ? <DayForm d={draft.value} /> : <p class="quiet hint">{w.tapDay} · {w.importHow}</p>}
    </section>
  );
}

function Month({ month }: { month: number }) {
  const w = words.value.settings;
  return (
    <div class="month" role="group" aria-label={w.month(month + 1)}>
      <h3>{w.month(month + 1)}</h3>
      <div class="days">
        {w.week.map((d, i) => <span key={i} class="quiet" aria-hidden="true">{d}</span>)}
        {daysOfMonth(year.value, month).map((day, i) => {
          if (!day) return <span key={i} />;
          const set = dayOf(day);
          const off = set ? set.kind === "holiday" : isWeekend(day);
          const says = isNow(day);
          return (
            <button key={day} type="button" class={`${off ? "off" : "on"} ${set ? set.kind : ""}`} title={says} aria-label={`${day} ${says}`} aria-pressed={day === draft.value?.day} onClick={() => pick(day)}>
              {Number(day.slice(8))}
              {set ? <i aria-hidden="true">{w.mark[set.kind]}</i> : null}
            </button>
          );
        })}
      </div>
    </div>
  );
}

function inFull(d: Pick<Day, "name" | "source"> & { kind: Day["kind"] }): string {
  const w = words.value.settings;
  const source = d.source.trim();
  return [w.kind[d.kind], d.name.trim()].filter(Boolean).join(" ") + (source && w.inBrackets(source));
}

/** What a day is now, in words. */
function isNow(day: string): string {
  const w = words.value.settings;
  const set = dayOf(day);
  return set ? inFull(set) : isWeekend(day) ? w.weekend : w.weekday;
}

function willBe(d: DayDraft): string {
  const w = words.value.settings;
  return d.kind === "week" ? (isWeekend(d.day) ? w.weekend : w.weekday) : inFull({ ...d, kind: d.kind });
}

function DayForm({ d }: { d: DayDraft }) {
  const all = words.value;
  const w = all.settings;
  const same = isAsNow(d);
  const set = (change: Partial<DayDraft>) => {
    draft.value = { ...d, ...change };
    faults.value = {};
  };
  const fault = faults.value.name ?? faults.value.source ?? faults.value.all;
  return (
    <form class="day" onSubmit={(e) => { e.preventDefault(); void saveDay(); }}>
      <b>{d.day}</b>
      <fieldset>
        <legend class="hidden-text">{w.dayIs}</legend>
        {(["week", "holiday", "workday"] as const).map((k) => (
          <label key={k}><input type="radio" name="kind" checked={d.kind === k} onChange={() => set({ kind: k })} /> {w.kind[k]}</label>
        ))}
      </fieldset>
      <label>
        {w.dayName} <input name="name" maxLength={100} disabled={d.kind === "week"} value={d.name} placeholder={w.dayNameHint} aria-invalid={faults.value.name ? true : undefined} aria-describedby="day-trouble" onInput={(e) => set({ name: e.currentTarget.value })} />
      </label>
      <label>
        {w.daySource} <input name="source" class="source" maxLength={200} disabled={d.kind === "week"} value={d.source} placeholder={w.daySourceHint} aria-invalid={faults.value.source ? true : undefined} aria-describedby="day-trouble" onInput={(e) => set({ source: e.currentTarget.value })} />
      </label>
      <span class="becomes">{same ? <span class="quiet">{w.now(isNow(d.day))}</span> : <><s>{isNow(d.day)}</s> → <b>{willBe(d)}</b></>}</span>
      <span class="acts">
        <button type="button" class="button" onClick={() => pick(null)}>{all.cancel}</button>
        <button type="submit" class="button primary" disabled={busy.value || same} title={same ? w.sameAsNow : w.recount}>{busy.value ? w.saving : w.save}</button>
      </span>
      {fault ? <p class="wrong" id="day-trouble" role="alert">{fault}</p> : null}
    </form>
  );
}

function HoursForm() {
  const all = words.value;
  const w = all.settings;
  const spans = hours.value ?? [];
  const set = (i: number, change: Partial<{ from: string; until: string }>) => {
    hours.value = spans.map((s, k) => (k === i ? { ...s, ...change } : s));
    faults.value = {};
  };
  const field = (i: number, which: "from" | "until", label: string) => (
    <input inputMode="numeric" size={6} maxLength={5} aria-label={label} value={spans[i]?.[which] ?? ""} aria-invalid={faults.value.hours ? true : undefined} aria-describedby="hours-trouble" onInput={(e) => set(i, { [which]: e.currentTarget.value })} />
  );
  return (
    <form class="hours-form" onSubmit={(e) => { e.preventDefault(); void saveHours(); }}>
      <b>{w.hours}</b>
      {spans.map((_, i) => (
        <span class="span" key={i}>
          {field(i, "from", w.hoursFrom(i + 1))} – {field(i, "until", w.hoursUntil(i + 1))}
          {spans.length > 1 ? <button type="button" class="button plain" aria-label={w.dropSpan(i + 1)} onClick={() => (hours.value = spans.filter((_, k) => k !== i))}>×</button> : null}
        </span>
      ))}
      {spans.length < mostSpans ? <button type="button" class="button" onClick={() => (hours.value = [...spans, { from: "", until: "" }])}>{w.addSpan}</button> : null}
      <span class="quiet">{w.recount}</span>
      <span class="acts">
        <button type="button" class="button" onClick={() => pick(null)}>{all.cancel}</button>
        <button type="submit" class="button primary" disabled={busy.value}>{busy.value ? w.saving : w.save}</button>
      </span>
      {faults.value.hours ?? faults.value.all ? <p class="wrong" id="hours-trouble" role="alert">{faults.value.hours ?? faults.value.all}</p> : null}
    </form>
  );
}

/** What a table would change, before it does. */
function Preview() {
  const all = words.value;
  const w = all.settings;
  const f = file.value;
  if (!f) return null;
  return (
    <section class="preview" aria-label={w.importFile}>
      <div class="bar">
        <b>{w.importFile}</b>
        <span class="quiet">{f.lines.length === 0 && f.bad.length === 0 ? w.importNone(f.same) : w.importPreview(f.lines.length, f.same, f.bad.length)}</span>
        <span class="acts">
          <button type="button" class="button" onClick={() => pick(null)}>{all.cancel}</button>
          <button type="button" class="button primary" disabled={busy.value || f.lines.length === 0} onClick={() => void importDays()}>{busy.value ? w.saving : w.importDo(f.lines.length)}</button>
        </span>
      </div>
      {faults.value.file ? <p class="wrong" role="alert">{faults.value.file}</p> : null}
      <ul>
        {f.bad.map((b) => <li key={`b${b.line}`} class="bad"><span class="quiet">{w.line(b.line)}</span> {w.badLine[b.column](b.text)}</li>)}
        {f.lines.map((l) => (
          <li key={l.day}>
            <span class="quiet">{w.line(l.line)}</span> <b>{l.day}</b> <s>{isNow(l.day)}</s> → <b>{inFull(l)}</b>
          </li>
        ))}
      </ul>
    </section>
  );
}
