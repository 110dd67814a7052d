/** The keyboard of the room, and the card that explains it. */
import { useEffect, useRef } from "preact/hooks";
import { signal } from "@preact/signals";
import { isFinished } from "../state/queue.ts";
import { may } from "../state/session.ts";
import { words } from "../i18n/index.ts";
import { acknowledge, mute5 } from "./alarm.ts";
import { busy, choose, chosenID, detail, dispatchNow, picks, standing } from "./choice.ts";
import { closeTop, follow, toggleLayer } from "./mapshown.ts";
import { query, step } from "./queue.tsx";
import { swap } from "./team.tsx";

export const helpOpen = signal(false);

export function listenToKeys(): void {
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return;
    const el = e.target as HTMLElement;
    const typing = el.matches("input, textarea, select");
    if (e.key === "Escape") {
      if (typing) el.blur();
      else if (swap.value) swap.value = null;
      else if (!closeTop()) choose(null);
      if (typing && query.value) query.value = "";
      return;
    }
    if (typing) return;
    if (press(e.key, el)) e.preventDefault();
  });
}

/** True when the key meant something here. */
function press(key: string, on: HTMLElement): boolean {
  switch (key) {
    case "/":
      document.getElementById("search")?.focus();
      return true;
    case "j":
    case "J":
      step(1);
      return true;
    case "k":
    case "K":
      step(-1);
      return true;
    case "h":
    case "H":
      toggleLayer("heat");
      return true;
    case "c":
    case "C":
      toggleLayer("coverage");
      return true;
    case "g":
    case "G":
      toggleLayer("grids");
      return true;
    case "f":
    case "F":
      follow();
      return true;
    case "a":
    case "A":
      acknowledge();
      return true;
    case "m":
    case "M":
      mute5();
      return true;
    case "?":
      helpOpen.value = true;
      return true;
    case "Enter":
      return enter(on);
    default:
      return /^[1-9]$/.test(key) && tick(Number(key));
  }
}

/** Enter dispatches a proposal, unless it is meant for the button that has the focus. */
function enter(on: HTMLElement): boolean {
  const c = detail.value;
  if (on.closest("button, a") && !on.closest(".row")) return false;
  if (document.documentElement.classList.contains("wall")) return false; // a wall is looked at
  if (!c || c.id !== chosenID.value || busy.value || isFinished(c) || c.dispatch === "done" || !may("dispatch")) return false;
  void dispatchNow();
  return true;
}

/** 1 to 9 pick a candidate of the first department that is still only proposed. */
function tick(n: number): boolean {
  const c = detail.value;
  const a = c && standing(c).find((x) => x.kind === "department" && x.state === "proposed");
  const k = a?.candidates.find((x) => x.rank === n);
  if (!a?.department || !k) return false;
  picks.value = { ...picks.value, [a.department]: k.patrol_id };
  return true;
}

export function Help() {
  const box = useRef<HTMLDialogElement>(null);
  const w = words.value;
  useEffect(() => {
    if (helpOpen.value) box.current?.showModal();
  }, [helpOpen.value]);
  const rows: [string, string][] = [
    ["/", w.keys.slash],
    ["J  K", w.keys.jk],
    ["1 – 9", w.keys.digits],
    ["Enter", w.keys.enter],
    ["A", w.keys.a],
    ["H", w.keys.h],
    ["C", w.coverage.layer],
    ["G", w.keys.g],
    ["F", w.keys.f],
    ["M", w.keys.m],
    ["?", w.keys.question],
    ["Esc", w.keys.esc],
  ];
  return (
    <dialog ref={box} onClose={() => (helpOpen.value = false)} aria-label={w.help} class="help">
      <h2>{w.help}</h2>
      <dl>
        {rows.map(([key, what]) => (
          <div key={key} class="pair">
            <dt><span class="key">{key}</span></dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog"><button class="button" type="submit">{w.confirm}</button></form>
    </dialog>
  );
}
