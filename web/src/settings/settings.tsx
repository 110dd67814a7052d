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
import { RulesSide } from "./rules.tsx";
import { changes, draft, loadRules } from "./ruleset.ts";

const open = signal(false);
const side = signal<"calendar" | "rules" | "desk">("calendar");
/** What was to be done while something is not saved; it is asked once more. */
const pending = signal<(() => void) | null>(null);

const sides = { calendar: loadCalendar, rules: loadRules, desk: loadDesk };

export function openSettings(): void {
  open.value = true;
  void sides[side.value]();
}

export function SettingsButton() {
  const w = words.value.settings;
  if (!may("edit_calendar")) return null;
  return (
    <button type="button" class="button" id="settings" title={w.hint} onClick={openSettings}>
      <Icon name="gear" />
      {w.title}
    </button>
  );
}

/** Does it, unless it would lose what was typed. */
function leave(go: () => void): void {
  const typed = { rules: changes.value.length > 0, desk: deskChanges.value.length > 0, calendar: day.value !== null && !isAsNow(day.value) }[side.value];
  if (typed) pending.value = go;
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
          {(["calendar", "rules", "desk"] as const).map((x) => (
            <button key={x} type="button" class="button" aria-pressed={side.value === x} onClick={() => leave(() => { side.value = x; void sides[x](); })}>{w.sides[x]}</button>
          ))}
        </div>
        <button type="button" class="button plain" aria-label={all.close} onClick={close}><Icon name="close" size={20} /></button>
      </header>
      {pending.value ? (
        <p class="say ask" role="alert">
          {w.unsaved}
          <span class="second">
            <button type="button" class="button" onClick={() => (pending.value = null)}>{w.stay}</button>
            <button type="button" class="button danger" onClick={() => { const go = pending.value; pending.value = null; draft.value = null; pick(null); resetDesk(); go?.(); }}>{w.leave}</button>
          </span>
        </p>
      ) : null}
      {side.value === "calendar" ? <CalendarSide /> : side.value === "desk" ? <DeskSide /> : <RulesSide leave={leave} />}
    </dialog>
  );
}
