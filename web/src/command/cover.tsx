/** A plan that leaves towns without police: which, who could go instead, and the button that sends them. */
import type { CaseDetail, Choice } from "../api/types.ts";
import { departmentName } from "../state/register.ts";
import { duration } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { busy, picks, sendChosen, standing } from "./choice.ts";
import { canSendMore } from "./more.tsx";

const waits = new Set(["proposed", "offered", "accepted", "en_route"]);

/**
 * Who is to be sent so that the next best goes: of each department where it is others, all
 * of them. Null where that cannot be done whole, since some of a department would stay and
 * others go, or somebody is there already.
 */
export function insteadOf(c: Pick<CaseDetail, "assignments" | "cover">): Choice[] | null {
  const next = c.cover?.next ?? [];
  const out: Choice[] = [];
  for (const department of new Set(next.map((n) => n.department))) {
    const now = standing(c).filter((a) => a.kind === "department" && a.department === department && a.state !== "done");
    const to = next.filter((n) => n.department === department);
    const stay = to.filter((n) => now.some((a) => a.patrol_id === n.patrol_id));
    if (stay.length === to.length && now.length === to.length) continue;
    if (stay.length > 0 || now.some((a) => !waits.has(a.state))) return null;
    out.push(...to.map((n) => ({ department, patrol_id: n.patrol_id })));
  }
  return out.length > 0 ? out : null;
}

export function Cover({ c }: { c: CaseDetail }) {
  const all = words.value;
  const w = all.mission;
  if (!c.cover) return null;
  const next = c.cover.next ?? [];
  const instead = canSendMore(c) ? insteadOf(c) : null;
  const proposed = c.dispatch !== "done";
  const adopt = () => {
    if (!instead) return;
    if (!proposed) void sendChosen(instead, w.adopted);
    else picks.value = { ...picks.value, ...Object.fromEntries(instead.map((k) => [k.department, k.patrol_id])) };
  };
  const picked = proposed && instead?.every((k) => picks.value[k.department] === k.patrol_id);
  // What is only proposed is picked from, one of a department.
  const can = instead && (!proposed || new Set(instead.map((k) => k.department)).size === instead.length);
  return (
    <div class="m-cover" id="cover" role="note">
      <b>{w.cover(c.cover.towns.map((t) => t.name || t.code).join("、"))}</b>
      <span>{next.length > 0 ? w.coverNext(next.map((x) => `${departmentName(x.department)} ${x.name}`).join("、"), duration(c.cover.next_latest_s ?? 0, all)) : w.coverNone}</span>
      {can ? <button type="button" class="button" id="cover-adopt" disabled={busy.value || picked} title={w.adoptHint} onClick={adopt}>{picked ? w.adoptPicked : w.adopt}</button> : null}
    </div>
  );
}
