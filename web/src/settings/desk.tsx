/** How the desk of the district sends: when a patrol is told to hand over, and when one that has not set out is moved. */
import { words } from "../i18n/index.ts";
import { FieldLine, saidWrong } from "./field.tsx";
import { bounds, busy, deskChanges, deskDraft, deskRules, type Field, reset, saveDesk, saved, setDesk, trouble, wrong } from "./desk.ts";

export function DeskSide() {
  const all = words.value;
  const w = all.settings;
  const d = deskDraft.value;
  if (!d || !deskRules.value) return <section class="rule">{trouble.value ? <p class="say bad" role="alert">{trouble.value}</p> : <p class="quiet">{all.loading}</p>}</section>;
  const changes = deskChanges.value;
  return (
    <section class="rule desk" aria-label={w.sides.desk}>
      <form onSubmit={(e) => { e.preventDefault(); void saveDesk().then(() => document.querySelector<HTMLElement>(".desk [aria-invalid]")?.focus()); }}>
        <fieldset>
          <legend>{w.desk.handOver} <span class="quiet">{w.desk.handOverHint}</span></legend>
          <Minutes of="hand_over_s" />
        </fieldset>
        <fieldset>
          <legend>{w.desk.move} <span class="quiet">{w.desk.moveHint}</span></legend>
          <Minutes of="move_saves_s" />
          <Minutes of="move_quiet_s" />
        </fieldset>
        <div class="tail">
          <h4>{w.changes}</h4>
          {changes.length === 0 ? <p class="quiet">{saved.value ? "" : w.noChanges}</p> : (
            <dl class="changes">
              {changes.filter((c) => !wrong.value.includes(c.field)).map((c) => (
                <div key={c.field}>
                  <dt>{w.desk.fields[c.field]}</dt>
                  <dd><s>{inWords(c.field, c.before)}</s> → <b>{inWords(c.field, c.after)}</b></dd>
                </div>
              ))}
            </dl>
          )}
          {saved.value ? <p class="say good" role="status">{w.saved}</p> : null}
          {changes.length > 0 ? (
            <FieldLine id="desk-reason" label={w.reason}>
              <input id="desk-reason" class="wide" maxLength={500} value={d.reason} onInput={(e) => setDesk({ reason: e.currentTarget.value })} />
              {d.reason ? null : <span class="quiet">{w.reasonHint}</span>}
            </FieldLine>
          ) : null}
          {trouble.value ? <p class="wrong" role="alert">{trouble.value}</p> : null}
          <div class="acts">
            {wrong.value.length > 0 ? <span class="wrong">{w.keptFaults(wrong.value.length)}</span> : null}
            <button type="button" class="button" disabled={changes.length === 0 && wrong.value.length === 0} onClick={reset}>{all.cancel}</button>
            <button type="submit" class="button primary" disabled={busy.value || (changes.length === 0 && wrong.value.length === 0)}>{busy.value ? w.saving : w.save}</button>
          </div>
        </div>
      </form>
    </section>
  );
}

function Minutes({ of }: { of: Field }) {
  const w = words.value.settings;
  const id = `desk-${of}`;
  const bad = wrong.value.includes(of);
  const { low, high, off } = bounds[of];
  return (
    <FieldLine id={id} label={w.desk.fields[of]} wrong={bad && w.desk.wrong(low, high, off)}>
      <input id={id} class="short" inputMode="decimal" maxLength={5} value={deskDraft.value?.[of] ?? ""} {...saidWrong(id, bad)} onInput={(e) => setDesk({ [of]: e.currentTarget.value })} />
      <span>{w.desk.minutes}</span>
      <span class="quiet">{w.desk.hints[of]}</span>
    </FieldLine>
  );
}

/** So many seconds as a person says it; nought is what it switches off. */
function inWords(field: Field, seconds: number): string {
  const w = words.value.settings.desk;
  return seconds === 0 ? w.off[field] : `${Math.round((seconds / 60) * 10) / 10} ${w.minutes}`;
}
