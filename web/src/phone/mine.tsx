/** What became of one's own reports: fetched, so nothing is lost while off line, and kept for when there is no line. */
import { effect, signal } from "@preact/signals";
import { ask, client, Refused } from "../api/client.ts";
import type { Notice, Report, ReportAnswers } from "../api/types.ts";
import { notices, peekNotices, see, seeAll, unseen } from "../state/notices.ts";
import { categoryName } from "../state/register.ts";
import { session } from "../state/session.ts";
import { dayAndClock } from "../i18n/format.ts";
import { inLanguage, words } from "../i18n/index.ts";
import { boxed } from "./sender.ts";

const mine = signal<Report[]>([]);
const answers = signal<ReadonlyMap<string, ReportAnswers>>(new Map());
const opened = signal<string | null>(null);
/** What is shown is what was kept, not what the service says now. */
const old = signal(false);
const keptAs = "gp.mine";
const shown = 30;
const everyMs = 15_000;

export const isMine = (number: string): boolean => mine.value.some((r) => r.case_number === number);

async function loadMine(): Promise<void> {
  try {
    const { items } = await ask(client.GET("/api/v1/reports", { params: { query: { mine: true, limit: shown } } }));
    mine.value = items;
    old.value = false;
    keep(items);
    const id = opened.value;
    if (id) await loadAnswers(id);
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    old.value = why.type === "offline";
  }
}

async function loadAnswers(id: string): Promise<void> {
  try {
    const found = await ask(client.GET("/api/v1/reports/{id}", { params: { path: { id } } }));
    answers.value = new Map(answers.value).set(id, found);
    await see(notices.value.filter((n) => n.report_id === id));
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
  }
}

function keep(items: Report[]): void {
  try {
    localStorage.setItem(keptAs, JSON.stringify({ who: session.value?.account_id, items, told: notices.value }));
  } catch {
    // Full, or refused: then there is nothing to show off line.
  }
}

function restore(): void {
  try {
    const kept = JSON.parse(localStorage.getItem(keptAs) ?? "null") as { who?: string; items?: Report[]; told?: Notice[] } | null;
    if (!kept?.items) return;
    // Off line nobody is signed in; whoever holds the phone is whoever held it last.
    if (session.value && kept.who !== session.value.account_id) forgetMine();
    else if (mine.value.length === 0) {
      mine.value = kept.items;
      if (notices.value.length === 0) notices.value = kept.told ?? [];
      old.value = true;
    }
  } catch {
    forgetMine();
  }
}

/** The next to sign in on this phone is somebody else. */
export function forgetMine(): void {
  try {
    localStorage.removeItem(keptAs);
  } catch {
    // Nothing was kept either.
  }
}

export function pollMine(): void {
  restore();
  let newest = -1;
  const look = async () => {
    await peekNotices();
    const first = notices.value[0]?.id ?? 0;
    if (first === newest && !old.value) return;
    newest = first;
    await loadMine();
  };
  const again = () => setTimeout(() => void look().finally(again), everyMs);
  void look().finally(again);
  // A report that has just arrived belongs in the list at once.
  let arrived = -1;
  effect(() => {
    const n = boxed.value.filter((b) => b.state === "sent").length;
    if (arrived >= 0 && n > arrived) void loadMine();
    arrived = n;
  });
}

export function Mine() {
  const w = words.value.heard;
  const staff = notices.value.filter((n) => n.report_id === null);
  return (
    <>
      {staff.length > 0 ? (
        <section class="sheet">
          <h2>{w.notices}</h2>
          <ul class="mine">
            {staff.slice(0, 5).map((n) => (
              <li key={n.id} class={n.seen_at === null ? "unread" : ""}>
                <p class="said">{inLanguage(n.text)}</p>
                <p class="quiet">{dayAndClock(n.at)}</p>
              </li>
            ))}
          </ul>
        </section>
      ) : null}
      <section class="sheet">
        <h2>{w.mine}</h2>
        {old.value && mine.value.length > 0 ? <p>{w.mineOld}</p> : null}
        {mine.value.length === 0 ? <p>{w.mineEmpty}</p> : null}
        <ul class="mine">
          {mine.value.map((r) => (
            <Own key={r.id} r={r} />
          ))}
        </ul>
        {unseen.value > 0 ? <button type="button" class="big" onClick={() => void seeAll()}>{w.allSeen}</button> : null}
      </section>
    </>
  );
}

function Own({ r }: { r: Report }) {
  const told = notices.value.filter((n) => n.report_id === r.id);
  const unread = told.some((n) => n.seen_at === null);
  const open = opened.value === r.id;
  const account = answers.value.get(r.id);
  return (
    <li class={unread ? "unread" : ""}>
      <button
        type="button"
        class="own"
        aria-expanded={open}
        onClick={() => {
          opened.value = open ? null : r.id;
          if (!open) void loadAnswers(r.id);
        }}
      >
        <span class="what">{r.description || categoryName(r.category)}</span>
        <span class={`stage-pill ${r.stage === "closed" || r.stage === "void" ? "over" : ""}`}>{inLanguage(r.stage_text)}</span>
        <span class="quiet">
          {categoryName(r.category)} · {dayAndClock(r.received_at)}
        </span>
        {!open && told[0] ? <span class="said">{inLanguage(told[0].text)}</span> : null}
      </button>
      {open ? (
        <ol class="told" aria-label={words.value.heard.account}>
          {account
            ? [...account.messages].reverse().map((m, i) => (
                <li key={`${m.at} ${i}`} class={m.why === "closed" || m.why === "void" ? "end" : ""}>
                  <time dateTime={m.at}>{dayAndClock(m.at)}</time>
                  <p>{inLanguage(m.text)}</p>
                </li>
              ))
            : told.map((n) => (
                <li key={n.id}>
                  <time dateTime={n.at}>{dayAndClock(n.at)}</time>
                  <p>{inLanguage(n.text)}</p>
                </li>
              ))}
          <li class="number">{r.case_number}</li>
        </ol>
      ) : null}
    </li>
  );
}
