/** What happened to a case, newest first, in words. */
import type { CaseDetail, CaseEvent } from "../api/types.ts";
import { departmentName, gridByCode, placeNames } from "../state/register.ts";
import { clock, duration } from "../i18n/format.ts";
import { type Dict, words } from "../i18n/index.ts";
import { inWords } from "../i18n/reasons.ts";
import { played } from "../state/duty.ts";
import { session } from "../state/session.ts";
import { PlayedTag } from "../ui/played.tsx";
import { saysOf } from "./record.ts";

export function History({ c }: { c: CaseDetail }) {
  const w = words.value;
  if (c.events.length === 0) return null;
  return (
    <section>
      <h3>{w.history}</h3>
      <ol class="history">
        {[...c.events].reverse().map((e) => (
          <li key={e.id}>
            <time dateTime={e.at} title={new Date(e.at).toLocaleString()}>{clock(e.at)}</time>
            <span>
              {told(e, c, w)} <span class="by">{byWhom(e.actor, w)}</span> {e.simulated && !played.value.all ? <PlayedTag /> : null}
              {saysOf(e.kind, e.detail as Record<string, unknown>, w).map(([name, value]) => (
                <span key={name} class="said"><i>{name}</i>{w.colon}{value}</span>
              ))}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** The sentence of an event: its kind, whom it concerns, and the reason given. */
export function told(e: CaseEvent, c: CaseDetail, w: Dict): string {
  const d = e.detail as Record<string, unknown>;
  const text = (key: string) => (typeof d[key] === "string" && d[key] !== "" ? (d[key] as string) : null);
  const reason = text("reason") ?? text("because") ?? text("note");
  if (e.kind === "stage") {
    const stages = w.stage as Record<string, string>;
    return [stages[text("to") ?? ""] ?? text("to"), reason ? inWords(reason, w) : null].filter(Boolean).join(w.colon);
  }
  const head = (w.event as Record<string, string>)[e.kind] ?? e.kind;
  const about = c.assignments.find((a) => a.id === d.assignment);
  const who = text("why");
  const grid = text("grid");
  const parts = [
    about?.kind === "first_look" || d.kind === "first_look" ? w.firstLook : text("department") ? departmentName(text("department")) : null,
    about?.patrol_name ?? null,
    grid ? (gridByCode.value.get(grid)?.name ?? grid) : null,
    text("works_in") ? w.mission.lentFrom(placeNames(text("works_in") ?? "")) : null,
    who ? ((w.toldWhom as Record<string, string>)[who] ?? inWords(who, w)) : null,
    typeof d.eta_s === "number" ? duration(d.eta_s, w) : null,
    reason ? inWords(reason, w) : null,
  ].filter(Boolean);
  return parts.length > 0 ? `${head}${w.colon}${parts.join(" · ")}` : head;
}

/** Accounts and devices come as ids; a person reads who it was to them. */
function byWhom(actor: string, w: Dict): string {
  if (actor === "system") return w.bySystem;
  if (actor === "resident") return w.byResident;
  const [kind, id] = actor.split(":");
  if (kind === "account") return id === session.value?.account_id ? w.byMe : w.byAccount;
  if (kind === "device") return w.byDevice;
  return actor;
}
