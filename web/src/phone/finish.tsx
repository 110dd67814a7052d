/** The last step of a task: one line of what was done, by a tap or in words, before it counts as done. */
import { useState } from "preact/hooks";
import { words } from "../i18n/index.ts";

/** What was written stays while the list is redrawn, and when a tap did not get through. */
const kept = new Map<string, string>();

type Props = { id: string; busy: boolean; cancel: () => void; send: (result: string) => Promise<boolean> };

export function FinishForm({ id, busy, cancel, send }: Props) {
  const w = words.value.work;
  const [text, write] = useState(kept.get(id) ?? "");
  const keep = (to: string) => {
    kept.set(id, to);
    write(to);
  };
  return (
    <form class="finish" onSubmit={(e) => { e.preventDefault(); void send(text.trim()).then((ok) => ok && kept.delete(id)); }}>
      <label class="label" for="done-result">{w.doneHow}</label>
      <div class="quick">
        {w.doneQuick.map((q) => <button key={q} type="button" aria-pressed={text === q} onClick={() => keep(q)}>{q}</button>)}
      </div>
      <textarea id="done-result" value={text} maxLength={1000} required placeholder={w.doneHint} onInput={(e) => keep(e.currentTarget.value)} />
      <div class="acts">
        <button type="button" class="big" onClick={cancel}>{words.value.cancel}</button>
        <button type="submit" class="big main" id="done-send" disabled={busy || text.trim() === ""}>{w.doneSend}</button>
      </div>
    </form>
  );
}
