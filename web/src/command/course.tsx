/** The course of a case: who has it, what clock runs, what waits for an answer, and what may be done next. */
import { signal } from "@preact/signals";
import type { CaseDetail } from "../api/types.ts";
import { distance } from "../i18n/format.ts";
import { inLanguage, words } from "../i18n/index.ts";
import { mostShown, shows } from "../state/step.ts";
import { ClockLine, CourseNotes, ownerName, unitName } from "../ui/clocks.tsx";
import { LastFeedback } from "../ui/feedback.tsx";
import { MoveForm } from "../ui/moveform.tsx";
import { busy, choose, refused, sentShare, takeMove } from "./choice.ts";
import { Like } from "./like.tsx";

const form = signal<string | null>(null);
/** Whether a move of the case is being filled in: nothing else then takes the room that its photos need. */
export const moving = (c: CaseDetail): boolean => c.moves.some((m) => m.allowed && `${c.id} ${m.move}` === form.value);

export function Course({ c }: { c: CaseDetail }) {
  const w = words.value.course;
  const f = c.course;
  if (c.closed_at && !f.tier && !f.joined) return null;
  return (
    <section class="course">
      <h3>
        <span>{w.title}</span>
        {f.tier && c.closed_at ? <span>{w.tiers[f.tier]}</span> : null}
      </h3>
      {c.closed_at ? null : (
        <p class="pair">
          <span>{w.owner}</span>
          <b>{ownerName(c)}</b>
        </p>
      )}
      {c.clocks.map((k) => <ClockLine key={k.name} k={k} />)}
      <CourseNotes c={c} />
      {c.precedents.map((p) => (
        <p key={p.case_id} class="note">{w.precedent(distance(p.distance_m), unitName(p.owner))}：{p.reason} <button type="button" class="link" onClick={() => choose(p.case_id)}>#{p.number}</button></p>
      ))}
      <Like c={c} />
    </section>
  );
}

/** What stands in the foot of the panel already. */
const elsewhere = new Set(["undo", "close", "join", "split", "combine"]);

export function Moves({ c }: { c: CaseDetail }) {
  const w = words.value.course;
  const all = c.moves.filter((m) => !elsewhere.has(m.move) && !(m.move === "dispatch" && c.stage === "filed"));
  const can = all.filter((m) => m.allowed);
  const cannot = all.filter((m) => !m.allowed);
  const open = can.find((m) => `${c.id} ${m.move}` === form.value);
  if (all.length === 0) return null;
  if (open)
    return (
      <>
        <LastFeedback c={c} />
        <MoveForm key={`${c.id} ${open.move}`} c={c} m={open} busy={busy.value} refused={refused.value} cancel={() => (form.value = null)} most={shows(open.move) ? mostShown : 0}
          send={async (order, photos) => {
            const ok = await takeMove(order, inLanguage(open.name), photos);
            if (ok) form.value = null;
            return ok;
          }}>
          {busy.value && sentShare.value !== null ? <progress aria-label={words.value.phone.upSoFar} value={sentShare.value} max={1} /> : null}
        </MoveForm>
      </>
    );
  return (
    <div class="moves">
      <LastFeedback c={c} />
      <div class="second">
        {can.map((m) => (
          <button key={m.move} type="button" class={`button ${m.move === "urge" || m.move === "supervise" ? "warn" : ""}`} id={`move-${m.move}`} disabled={busy.value}
            onClick={() => (m.needs.length === 0 && m.move !== "dispatch" && !shows(m.move) ? void takeMove({ move: m.move }, inLanguage(m.name)) : (form.value = `${c.id} ${m.move}`))}>
            {inLanguage(m.name)}
          </button>
        ))}
      </div>
      {cannot.length > 0 ? (
        <details class="cannot">
          <summary>{w.cannot(cannot.length)}</summary>
          <ul>
            {cannot.map((m) => (
              <li key={m.move}><b>{inLanguage(m.name)}</b> {m.why_not ? inLanguage(m.why_not) : ""}</li>
            ))}
          </ul>
        </details>
      ) : null}
    </div>
  );
}
