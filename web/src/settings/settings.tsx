/** The district's settings, a room of its own over the map, for whom the table of permissions lets change them. */
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { may } from "../state/session.ts";
import { words } from "../i18n/index.ts";
import { Icon } from "../ui/marks.tsx";
import { draft as day, isAsNow, loadCalendar, pick } from "./book.ts";
import { CalendarSide } from "./calendar.tsx";
import { deskChanges, loadDesk, reset as resetDesk } from "./desk.ts";
import { DeskSide } from "./desk.tsx";
import { loadHooks, putAway, secret, typed } from "./hooks.ts";
import { HooksSide } from "./hooks.tsx";
import { RulesSide } from "./rules.tsx";
import { changes, draft, loadRules } from "./ruleset.ts";

type Side = "calendar" | "rules" | "desk" | "hooks";
const open = signal(false);
const side = signal<Side>("calendar");
/** What was to be done while something is not saved; it is asked once more. */
const pending = signal<(() => void) | null>(null);

const load = { calendar: loadCalendar, rules: loadRules, desk: loadDesk, hooks: loadHooks };
const needs: Record<Side, string> = { calendar: "edit_calendar", rules: "edit_calendar", desk: "edit_calendar", hooks: "administer" };
const sides = () => (Object.keys(needs) as Side[]).filter((x) => may(needs[x]));

export function openSettings(): void {
  const first = sides()[0];
  if (!first) return;
  if (!sides().includes(side.value)) side.value = first;
  open.value = true;
  void load[side.value]();
}

export function SettingsButton() {
  const w = words.value.settings;
  if (sides().length === 0) return null;
  return (
    <button type="button" class="button" id="settings" title={w.hint} onClick={openSettings}>
      <Icon name="gear" />
      {w.title}
    </button>
  );
}

/** Whether a secret stands there that is never shown again. */
const lastSight = () => side.value === "hooks" && secret.value !== null;

/** Does it, unless it would lose what was typed. */
function leave(go: () => void): void {
  const kept = { rules: changes.value.length > 0, desk: deskChanges.value.length > 0, calendar: day.value !== null && !isAsNow(day.value), hooks: typed.value || lastSight() }[side.value];
  if (kept) pending.value = go;
  else go();
}

export function Settings() {
  const all = words.value;
  const w = all.settings;
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open.value) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open.value]);
  if (!open.value) return null;
  const close = () => leave(() => (open.value = false));
  return (
    <dialog ref={dialog} class={`people settings ${side.value}`} aria-labelledby="settings-title" onClose={() => (open.value = false)} onCancel={(e) => { e.preventDefault(); close(); }} onKeyDown={(e) => e.stopPropagation()}>
      <header>
        <h2 id="settings-title">{w.title}</h2>
        <div class="sides" role="group" aria-label={w.title}>
          {sides().map((x) => (
            <button key={x} type="button" class="button" aria-pressed={side.value === x} onClick={() => leave(() => { side.value = x; void load[x](); })}>{w.sides[x]}</button>
          ))}
        </div>
        <button type="button" class="button plain" aria-label={all.close} onClick={close}><Icon name="close" size={20} /></button>
      </header>
      {pending.value ? (
        <p class="say ask" role="alert">
          {lastSight() ? w.hooks.secretLeave : w.unsaved}
          <span class="second">
            <button type="button" class="button" onClick={() => (pending.value = null)}>{lastSight() ? w.hooks.secretBack : w.stay}</button>
            <button type="button" class="button danger" onClick={() => { const go = pending.value; pending.value = null; draft.value = null; pick(null); resetDesk(); putAway(); go?.(); }}>{lastSight() ? w.hooks.secretGone : w.leave}</button>
          </span>
        </p>
      ) : null}
      {side.value === "calendar" ? <CalendarSide /> : side.value === "desk" ? <DeskSide /> : side.value === "hooks" ? <HooksSide leave={leave} /> : <RulesSide leave={leave} />}
    </dialog>
  );
}
