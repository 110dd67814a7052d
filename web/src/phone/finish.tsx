/** The last step of a task: one line of what was done, by a tap or in words, with photos of how it was left. */
import { useState } from "preact/hooks";
import { words } from "../i18n/index.ts";
import { Shots } from "../photo/shots.tsx";
import { mostShown } from "../state/step.ts";
import { keep, keptOf, letGo } from "../ui/kept.ts";

type Props = { id: string; busy: boolean; cancel: () => void; send: (result: string, photos: Blob[]) => Promise<boolean> };

export function FinishForm({ id, busy, cancel, send }: Props) {
  const w = words.value.work;
  const of = `done ${id}`;
  const [text, write] = useState(keptOf(of).fields.result ?? "");
  const [photos, take] = useState(keptOf(of).photos);
  const say = (to: string) => {
    keep(of, { fields: { result: to } });
    write(to);
  };
  return (
    <form class="finish" onSubmit={(e) => { e.preventDefault(); void send(text.trim(), photos).then((ok) => ok && letGo(of)); }}>
      <label class="label" for="done-result">{w.doneHow}</label>
      <div class="quick">
        {w.doneQuick.map((q) => <button key={q} type="button" aria-pressed={text === q} onClick={() => say(q)}>{q}</button>)}
      </div>
      <textarea id="done-result" value={text} maxLength={1000} required placeholder={w.doneHint} onInput={(e) => say(e.currentTarget.value)} />
      <span class="label">{words.value.shots.after(mostShown)}</span>
      <Shots photos={photos} most={mostShown} set={(to) => { keep(of, { photos: to }); take(to); }} />
      <div class="acts">
        <button type="button" class="big" onClick={cancel}>{words.value.cancel}</button>
        <button type="submit" class="big main" id="done-send" disabled={busy || text.trim() === ""}>{w.doneSend}</button>
      </div>
    </form>
  );
}
