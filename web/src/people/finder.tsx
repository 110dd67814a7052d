/** What the lists of patrols and of grids have in common: finding a person, and asking once more. */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import type { Person } from "../api/types.ts";
import { words } from "../i18n/index.ts";
import { busy, found, search } from "./crew.ts";

/** What was tapped once and acts when it is tapped again. */
const sure = signal<string | null>(null);

/** A button that asks once more before it does what cannot be undone. */
export function Sure({ id, ask, act, label, danger }: { id: string; ask: string; act: () => void; label: string; danger?: boolean }) {
  const w = words.value;
  if (sure.value !== id) return <button type="button" class={`button ${danger ? "danger" : "plain"}`} disabled={busy.value} onClick={() => (sure.value = id)}>{label}</button>;
  return (
    <span class="sure" role="group" aria-label={ask}>
      <span>{ask}</span>
      <button type="button" class="button" onClick={() => (sure.value = null)}>{w.cancel}</button>
      <button
        type="button"
        class={`button ${danger ? "danger sure-do" : "primary"}`}
        disabled={busy.value}
        onClick={() => {
          sure.value = null;
          act();
        }}
      >
        {label}
      </button>
    </span>
  );
}

/** A person is found by a part of the name, the code or the telephone number. */
export function Finder({ label, act, children }: { label: string; act: (s: Person) => void; children?: ComponentChildren }) {
  const w = words.value.people;
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  return (
    <div class="add">
      <input
        type="search"
        aria-label={label}
        placeholder={label}
        onInput={(e) => {
          const t = e.currentTarget.value;
          clearTimeout(timer.current);
          timer.current = setTimeout(() => void search(t), 250);
        }}
      />
      {children}
      {found.value !== null && found.value.length === 0 ? <p class="quiet">{w.nobody}</p> : null}
      <ul class="lines">
        {(found.value ?? []).map((s) => (
          <li key={s.id}>
            <b>{s.name}</b>
            <span class="quiet">{(words.value.role as Record<string, string>)[s.role] ?? s.role}</span>
            <span class="quiet">{s.patrol ? w.nowIn(s.patrol.name) : w.nowNowhere}</span>
            <span class="act"><button type="button" class="button" disabled={busy.value} onClick={() => act(s)}>{w.add}</button></span>
          </li>
        ))}
      </ul>
    </div>
  );
}
