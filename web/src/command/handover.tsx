/** Patrols on the case whose shift ends: when, who would take over, and one tap that sends them. */
import type { CaseDetail } from "../api/types.ts";
import { departmentName } from "../state/register.ts";
import { nowMs } from "../state/tick.ts";
import { clock, minutes } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { busy, order } from "./choice.ts";

type HandOver = NonNullable<CaseDetail["hand_overs"]>[number];

export function HandOvers({ c }: { c: CaseDetail }) {
  const w = words.value.mission.handing;
  const all = c.hand_overs ?? [];
  if (all.length === 0) return null;
  return (
    <section class="hand-over" id="hand-over">
      <h3>{w.title}</h3>
      <ul>{all.map((h) => <One key={h.assignment_id} h={h} />)}</ul>
    </section>
  );
}

function One({ h }: { h: HandOver }) {
  const all = words.value;
  const w = all.mission.handing;
  const left = Date.parse(h.ends_at) - nowMs.value;
  const within = (s: number | null) => (s === null ? "" : ` · ${minutes(s)} ${all.minutesUnit}`);
  return (
    <li class={left <= 0 ? "over" : ""}>
      <p>
        <b>{h.name}</b> <small>{h.kind === "first_look" ? all.firstLook : departmentName(h.department)}</small>{" "}
        <span class="ends">{left > 0 ? w.ends(clock(h.ends_at)) : w.ended(clock(h.ends_at))}</span>
      </p>
      {h.relieved_by ? (
        <p class="note">{w.comes(h.relieved_by.name, all.assignment[h.relieved_by.state])}{within(h.relieved_by.eta_s)}</p>
      ) : h.relief ? (
        <p class="relief">
          <span>{w.suggested} <b>{h.relief.name}</b> <small>{w.part[h.relief.part]}{within(h.relief.eta_s)}</small></span>
          <button type="button" class="button primary" disabled={busy.value} onClick={() => void order("hand_over", { assignment_id: h.assignment_id, patrol_id: h.relief?.patrol_id })}>{w.order}</button>
        </p>
      ) : (
        <p class="note">{h.next ? w.next(h.next.name, clock(h.next.at), h.next.estimated) : w.nobody}</p>
      )}
    </li>
  );
}
