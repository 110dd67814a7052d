/** What the system could not settle by itself: above the queue, until a person says what was done. */
import { signal } from "@preact/signals";
import { ask, client, everyPage, Refused } from "../api/client.ts";
import type { OperatorItem } from "../api/types.ts";
import { casesChanged } from "../state/duty.ts";
import { categoryName, departmentName } from "../state/register.ts";
import { may } from "../state/session.ts";
import { gate, nowMs } from "../state/tick.ts";
import { duration } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { inWords } from "../i18n/reasons.ts";
import { choose, chosenID, sentence } from "./choice.ts";

const items = signal<OperatorItem[]>([]);
const settling = signal<number | null>(null);
const trouble = signal("");
const everyMs = 60_000;
const most = 400;

async function load(): Promise<void> {
  try {
    items.value = await everyPage((cursor) => ask(client.GET("/api/v1/operator-items", { params: { query: { open: true, limit: 200, cursor } } })), most);
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
  }
}

/** An item comes and goes with a change of its case. */
export function startItems(): void {
  if (!may("dispatch")) return;
  const again = gate(() => void load(), 3_000);
  casesChanged.subscribe(again);
  setInterval(again, everyMs);
}

async function settle(id: number, note: string): Promise<void> {
  try {
    await ask(client.POST("/api/v1/operator-items/{id}/settle", { params: { path: { id } }, body: { note } }));
    settling.value = null;
    trouble.value = "";
    await load();
  } catch (why) {
    trouble.value = sentence(why);
  }
}

export function Items() {
  const all = words.value;
  const w = all.heard;
  const now = nowMs.value;
  if (items.value.length === 0) return null;
  return (
    <details class="items">
      <summary>
        {w.items} <span class="count">{items.value.length}</span>
      </summary>
      <ul>
        {items.value.map((i) => (
          <li key={i.id} aria-current={i.case_id === chosenID.value}>
            <button type="button" class="item" onClick={() => choose(i.case_id)}>
              <span class="what">
                {departmentName(i.department)}
                {all.colon}
                {inWords(i.reason, all)}
              </span>
              <span class="when">{duration((now - Date.parse(i.made_at)) / 1000, all)}</span>
              <span class="where">
                {i.number} · {categoryName(i.category)}
              </span>
            </button>
            {settling.value === i.id ? (
              <form
                onSubmit={(e) => {
                  e.preventDefault();
                  const note = String(new FormData(e.currentTarget).get("note") ?? "").trim();
                  if (note) void settle(i.id, note);
                }}
              >
                <label class="hidden-text" for={`note-${i.id}`}>{w.settleNote}</label>
                <input id={`note-${i.id}`} name="note" maxLength={1000} placeholder={`${w.settleNote}${all.colon}${w.settleHint}`} required ref={(el) => el?.focus()} />
                {trouble.value ? <p class="say bad" role="alert">{trouble.value}</p> : null}
                <span class="second">
                  <button type="button" class="button" onClick={() => (settling.value = null)}>{all.cancel}</button>
                  <button type="submit" class="button primary">{w.settle}</button>
                </span>
              </form>
            ) : (
              <button type="button" class="button plain" onClick={() => (settling.value = i.id)}>{w.settle}</button>
            )}
          </li>
        ))}
      </ul>
    </details>
  );
}
