/** Going together: how many are in place, who commands, and when it is time to go. */
import type { Assignment, Mission, MissionOrder } from "../api/types.ts";
import { nowMs } from "../state/tick.ts";
import { clock } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";

export type Step = { action: "in_place" | "go"; body: MissionOrder; label: string };

/** What this patrol does next for all of them; null where it is the assignment's own next step. */
export function stepOf(m: Mission, a: Assignment): Step | null {
  const w = words.value.mission.phone;
  const me = m.members.find((x) => x.assignment_id === a.id);
  if (!me || m.state === "going" || a.state === "offered") return null;
  if (!me.in_place_at) return m.rendezvous && a.state === "en_route" ? { action: "in_place", body: { assignment_id: a.id }, label: w.inPlace } : null;
  return m.state === "in_place" && m.may_command ? { action: "go", body: {}, label: w.go } : null;
}

/** Whether it stands at the rendezvous and waits for the word of another. */
export function waits(m: Mission, a: Assignment): boolean {
  const me = m.members.find((x) => x.assignment_id === a.id);
  return m.rendezvous !== null && m.state !== "going" && a.state === "en_route" && Boolean(me?.in_place_at);
}

const shiftNoticeMs = 15 * 60_000;
/** Who goes off duty soon and nobody is on the way to relieve them: only a commander is told when shifts end. */
function offSoon(m: Mission): { name: string; at: string }[] {
  const relieved = new Set(m.members.flatMap((x) => (x.relieves ? [x.relieves] : [])));
  return m.members.flatMap((x) => (x.shift_ends_at && !relieved.has(x.assignment_id) && Date.parse(x.shift_ends_at) - nowMs.value < shiftNoticeMs ? [{ name: x.name, at: clock(x.shift_ends_at) }] : []));
}

export function MissionNote({ m, a }: { m: Mission; a: Assignment }) {
  const w = words.value.mission.phone;
  const commands = m.members.some((x) => x.assignment_id === a.id && x.commands);
  const soon = m.may_command ? offSoon(m) : [];
  return (
    <>
    <p class={`mission-note ${m.state}`} role="status">
      <b>{m.state === "going" ? w.going : m.state === "in_place" ? (commands ? w.allYours(m.of) : w.all(m.of)) : w.some(m.in_place, m.of)}</b>
      {commands && m.state !== "going" ? <span>{w.youCommand}</span> : null}
    </p>
    {soon.length > 0 ? <p class="mission-note soon">{words.value.work.command.offSoon(soon.map((x) => `${x.name} ${x.at}`).join("、"))}</p> : null}
    </>
  );
}
