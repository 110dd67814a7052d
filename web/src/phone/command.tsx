/** What the commander of a mission orders from where they stand: more, release, relieve, recall. */
import type { ComponentChildren } from "preact";
import { signal } from "@preact/signals";
import type { Refused } from "../api/client.ts";
import type { Case, Mission, MissionMember, MissionOrder } from "../api/types.ts";
import { categories, departmentName } from "../state/register.ts";
import { clock } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { unheard } from "./refusal.ts";
import { type Asking, MissionForm, type OrderAction } from "../ui/missionform.tsx";

const opened = signal<string | null>(null);
const member = signal<string | null>(null);
/**
 * Since is the version of the case before a try of which nothing was heard: the next one is
 * for that version alone, so that what did arrive is not ordered twice.
 */
const asking = signal<(Asking & { of: string; since: number | null }) | null>(null);
const active = new Set(["offered", "accepted", "en_route", "on_scene"]);

type Send = (action: OrderAction, body: MissionOrder, since: number | null) => Promise<Refused | null>;

export function CommanderOrders({ c, m, busy, refused, says, send, clear }: { c: Case; m: Mission; busy: boolean; refused: Refused | null; says: ComponentChildren; send: Send; clear: () => void }) {
  const all = words.value;
  const w = all.work.command;
  if (!m.may_command || m.state === "ended") return null;
  const isOpen = opened.value === c.id;
  const ask = asking.value?.of === c.id ? asking.value : null;
  const start = (action: OrderAction, who?: MissionMember) => { clear(); asking.value = { of: c.id, action, since: null, ...(who ? { member: who } : {}) }; };
  return (
    <div class="command">
      <button type="button" class="big more" id="command-open" aria-expanded={isOpen} onClick={() => { opened.value = isOpen ? null : c.id; asking.value = member.value = null; }}>{isOpen ? w.close : w.open}</button>
      {isOpen && ask ? null : says}
      {!isOpen ? null : ask ? (
        <MissionForm m={m} asking={ask} likely={[...c.departments.map((d) => d.code), ...(categories.value.get(c.category)?.optional ?? [])]} busy={busy} refused={refused} look={{ form: "close-form", row: "acts", plain: "big", main: ask.action === "recall" ? "big alert" : "big main" }}
          cancel={() => { clear(); asking.value = null; }}
          send={(body) => {
            const before = ask.since ?? c.version;
            void send(ask.action, body, ask.since).then((why) => {
              if (!why) asking.value = member.value = null;
              else if (asking.value) asking.value = { ...asking.value, since: unheard(why) ? before : null }; // what moved on meanwhile was told of
            });
          }}>
          {says}
        </MissionForm>
      ) : (
        <>
          <ul class="members" aria-label={w.members}>
            {m.members.filter((x) => active.has(x.state)).map((x) => (
              <li key={x.assignment_id}>
                <button type="button" class="who" aria-expanded={member.value === x.assignment_id} onClick={() => (member.value = member.value === x.assignment_id ? null : x.assignment_id)}>
                  <b>{x.name}{x.commands ? ` · ${all.mission.commander}` : ""}</b>
                  <small>{[departmentName(x.department), x.in_place_at ? `${all.mission.there} ${clock(x.in_place_at)}` : all.assignment[x.state], x.shift_ends_at ? all.mission.shiftEnds(clock(x.shift_ends_at)) : ""].filter(Boolean).join(" · ")}</small>
                </button>
                {member.value === x.assignment_id ? (
                  <div class="acts">
                    <button type="button" class="big" disabled={busy} onClick={() => start("hand_over", x)}>{all.mission.handOver}</button>
                    <button type="button" class="big" disabled={busy} onClick={() => start("release", x)}>{all.mission.release}</button>
                    {x.commands ? null : <button type="button" class="big" disabled={busy} onClick={() => start("commander", x)}>{all.mission.makeCommander}</button>}
                    {x.in_place_at ? null : <button type="button" class="big" disabled={busy} onClick={() => start("in_place", x)}>{all.mission.markInPlace}</button>}
                  </div>
                ) : null}
              </li>
            ))}
          </ul>
          <div class="acts">
            <button type="button" class="big" id="command-more" disabled={busy} onClick={() => start("more")}>{all.mission.more}</button>
            <button type="button" class="big" id="command-recall" disabled={busy} onClick={() => start("recall")}>{all.mission.recall}</button>
            {m.state === "gathering" && m.of > 1 ? <button type="button" class="big only" disabled={busy} onClick={() => start("go")}>{all.mission.goAnyway}</button> : null}
          </div>
        </>
      )}
    </div>
  );
}
