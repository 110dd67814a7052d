/** What happened to a case, newest first, in words. */
import type { CaseDetail, CaseEvent } from "../api/types.ts";
import { patrolName } from "../state/duty.ts";
import { departmentName } from "../state/register.ts";
import { clock } from "../i18n/format.ts";
import { type Dict, words } from "../i18n/index.ts";
import { inWords } from "../i18n/reasons.ts";
import { session } from "../state/session.ts";

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
              {told(e, w)} <span class="by">{byWhom(e.actor, w)}</span>
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** The sentence of an event: its kind, and what its detail adds that a person can read. */
export function told(e: CaseEvent, w: Dict): string {
  const kinds = w.event as Record<string, string>;
  const tail = e.kind.split(".").at(-1) ?? e.kind;
  const head = kinds[e.kind] ?? kinds[tail] ?? (w.stage as Record<string, string>)[tail] ?? (w.assignment as Record<string, string>)[tail] ?? e.kind;
  const d = e.detail as Record<string, unknown>;
  const text = (key: string) => (typeof d[key] === "string" && d[key] !== "" ? (d[key] as string) : null);
  const patrol = text("patrol_name") ?? text("patrol") ?? text("patrol_id");
  const department = text("department");
  const reason = text("reason") ?? text("because") ?? text("note");
  const parts = [
    department ? departmentName(department) : null,
    patrol ? (patrolName(patrol) ?? (patrol.length > 24 ? null : patrol)) : null,
    reason ? inWords(reason, w) : null,
  ].filter(Boolean);
  return parts.length > 0 ? `${head}：${parts.join(" · ")}` : head;
}

/** Accounts and devices come as ids; a person reads who it was to them. */
function byWhom(actor: string, w: Dict): string {
  if (actor === "system") return w.bySystem;
  const [kind, id] = actor.split(":");
  if (kind === "account") return id === session.value?.account_id ? w.byMe : w.byAccount;
  if (kind === "device") return w.byDevice;
  return actor;
}
