/** Where a resident hears what becomes of what they reported: number and code in, a plain account of it out. */
import "../css/base.css";
import "../css/follow.css";
import { signal } from "@preact/signals";
import { render } from "preact";
import { ask, client, Refused } from "../api/client.ts";
import type { ReportAnswers } from "../api/types.ts";
import { dayAndClock } from "../i18n/format.ts";
import { inLanguage, language, setLanguage, words } from "../i18n/index.ts";
import { linked } from "./link.ts";

type Key = { ref: string; code: string };

const key = signal<Key | null>(null);
const found = signal<ReportAnswers | null>(null);
const heardMs = signal(0);
const trouble = signal("");
const busy = signal(false);

/** For as long as this tab is open: a reload, or coming back, needs no typing. */
const keptAs = "gp.follow";
const everyMs = 30_000;
const slowestMs = 300_000;

function keep(k: Key | null): void {
  try {
    if (k) sessionStorage.setItem(keptAs, JSON.stringify(k));
    else sessionStorage.removeItem(keptAs);
  } catch {
    // Private windows may refuse storage.
  }
}

function kept(): Key | null {
  try {
    const k = JSON.parse(sessionStorage.getItem(keptAs) ?? "null") as Partial<Key> | null;
    return typeof k?.ref === "string" && typeof k.code === "string" ? { ref: k.ref, code: k.code } : null;
  } catch {
    return null;
  }
}

let timer: ReturnType<typeof setTimeout> | undefined;
let pauseMs = everyMs;

async function look(k: Key): Promise<void> {
  clearTimeout(timer);
  const w = words.value.followUp;
  const first = found.value === null;
  busy.value = true;
  let waitMs = everyMs;
  try {
    found.value = await ask(client.GET("/api/v1/reports/{id}", { params: { path: { id: k.ref } }, headers: { "X-Follow-Up-Code": k.code } }));
    heardMs.value = Date.now();
    trouble.value = "";
    key.value = k;
    keep(k);
    pauseMs = everyMs;
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    if (why.status === 404) {
      keep(null);
      key.value = null;
      found.value = null;
      trouble.value = w.wrong;
    } else if (why.status === 429) trouble.value = words.value.throttled(why.retryAfterS ?? 60);
    else trouble.value = why.type === "offline" ? words.value.offlineNow : words.value.serverFault;
    pauseMs = Math.min(slowestMs, pauseMs * 2);
    waitMs = Math.max(pauseMs, (why.retryAfterS ?? 0) * 1000);
    if (first) return; // whoever typed it tries again by hand
  } finally {
    busy.value = false;
  }
  // What is closed changes no more, and a page that nobody looks at asks nothing.
  if (found.value?.open) timer = setTimeout(() => document.visibilityState === "visible" && void look(k), waitMs);
}

function Ask() {
  const w = words.value.followUp;
  return (
    <form
      class="card ask"
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        const data = new FormData(e.currentTarget);
        const ref = String(data.get("number") ?? "").trim();
        const code = String(data.get("code") ?? "").trim();
        if (!ref || !code) trouble.value = w.needBoth;
        else void look({ ref, code });
      }}
    >
      <p class="lead">{w.lead}</p>
      <label for="number">{w.number}</label>
      <input id="number" name="number" inputMode="text" autoComplete="off" spellcheck={false} maxLength={64} placeholder="20261125-0012" defaultValue={key.value?.ref ?? ""} />
      <label for="code">{w.code}</label>
      <input id="code" name="code" class="code" autoComplete="off" autoCapitalize="characters" spellcheck={false} maxLength={20} placeholder="7QK2M-9XD4T" />
      {trouble.value ? <p class="error" role="alert">{trouble.value}</p> : null}
      <button type="submit" class="big" disabled={busy.value}>{busy.value ? w.looking : w.look}</button>
    </form>
  );
}

const satisfactions = ["satisfied", "fair", "dissatisfied"] as const;
const content = signal<(typeof satisfactions)[number] | null>(null);
const thanked = signal(false);

async function evaluate(words_: string): Promise<void> {
  const k = key.value;
  const satisfaction = content.value;
  if (!k || !satisfaction || busy.value) return;
  busy.value = true;
  trouble.value = "";
  try {
    found.value = await ask(client.POST("/api/v1/reports/{id}/evaluation", {
      params: { path: { id: k.ref } }, headers: { "X-Follow-Up-Code": k.code }, body: { satisfaction, ...(words_ ? { words: words_ } : {}) } }));
    thanked.value = true;
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    const w = words.value.followUp;
    trouble.value = why.type === "/problems/evaluated-already" ? w.evaluatedAlready : why.type === "/problems/not-closed" ? w.notClosed
      : why.status === 429 ? words.value.throttled(why.retryAfterS ?? 60) : why.type === "offline" ? words.value.offlineNow : words.value.serverFault;
  } finally {
    busy.value = false;
  }
}

/** Asked once, when it is settled; after that it says what was said. */
function Content({ r }: { r: ReportAnswers }) {
  const all = words.value;
  const w = all.followUp;
  const said = r.evaluation;
  if (said)
    return (
      <section class="card content" id="evaluated">
        <h3>{w.evaluated}</h3>
        <p><b>{all.satisfaction[said.satisfaction]}</b> <span class="quiet">{dayAndClock(said.at)}</span></p>
        {said.words ? <p class="result">{said.words}</p> : null}
        {thanked.value ? <p role="status">{said.satisfaction === "dissatisfied" ? w.calledBack : w.thanks}</p> : null}
      </section>
    );
  if (r.stage !== "closed") return null;
  return (
    <form class="card content" id="evaluate" onSubmit={(e) => { e.preventDefault(); void evaluate(String(new FormData(e.currentTarget).get("words") ?? "").trim()); }}>
      <h3 id="evaluate-title">{w.evaluate}</h3>
      <div class="choices" role="group" aria-labelledby="evaluate-title">
        {satisfactions.map((s) => <button key={s} type="button" aria-pressed={content.value === s} onClick={() => (content.value = s)}>{all.satisfaction[s]}</button>)}
      </div>
      <label for="evaluate-words">{w.evaluateWords}</label>
      <textarea id="evaluate-words" name="words" maxLength={1000} />
      <p class="quiet">{w.evaluateHint}</p>
      <button type="submit" class="big" disabled={busy.value || content.value === null}>{w.evaluateSend}</button>
    </form>
  );
}

function Account({ r }: { r: ReportAnswers }) {
  const w = words.value.followUp;
  return (
    <>
      <section class={`card stage ${r.open ? "" : "over"}`} aria-live="polite">
        <p class="quiet">{w.progress}</p>
        <h2>{inLanguage(r.stage_text)}</h2>
        {r.result ? <p class="result">{inLanguage(r.result).replace(/^(已办结：|Closed: )/, "")}</p> : null}
        <dl>
          <dt>{w.what}</dt>
          <dd>{inLanguage(r.category)}</dd>
          <dt>{w.number}</dt>
          <dd>{r.number}</dd>
          <dt>{w.received}</dt>
          <dd>{dayAndClock(r.received_at)}</dd>
        </dl>
      </section>
      <Content r={r} />
      {r.departments.length > 0 ? (
        <section class="card">
          <h3>{w.who}</h3>
          <ul class="crews">
            {r.departments.map((d) => (
              <li key={d.code}>
                <span>{inLanguage(d.name)}</span>
                <span class={`crew ${d.state}`}>{w.crew[d.state]}</span>
              </li>
            ))}
          </ul>
        </section>
      ) : null}
      <section class="card">
        <h3>{w.account}</h3>
        <ol class="told">
          {[...r.messages].reverse().map((m, i) => (
            <li key={`${m.at} ${i}`} class={m.why === "closed" || m.why === "void" ? "end" : ""}>
              <time dateTime={m.at}>{dayAndClock(m.at)}</time>
              <p>{inLanguage(m.text)}</p>
            </li>
          ))}
        </ol>
      </section>
      {trouble.value ? <p class="error" role="alert">{trouble.value}</p> : null}
      <p class="fresh">
        <span>{w.heard(dayAndClock(heardMs.value, true), r.open)}</span>
        {r.open ? <button type="button" disabled={busy.value} onClick={() => key.value && void look(key.value)}>{w.refresh}</button> : null}
      </p>
      <button
        type="button"
        class="big plain"
        onClick={() => {
          clearTimeout(timer);
          keep(null);
          key.value = null;
          found.value = null;
          content.value = null;
          thanked.value = false;
          trouble.value = "";
        }}
      >
        {w.another}
      </button>
    </>
  );
}

function Page() {
  const w = words.value.followUp;
  return (
    <div class="follow">
      <header>
        <h1>{w.title}</h1>
        <button type="button" class="plain" aria-label={words.value.language} onClick={() => setLanguage(language.value === "zh" ? "en" : "zh")}>
          {language.value === "zh" ? "English" : "中文"}
        </button>
      </header>
      <main>
        {found.value ? <Account r={found.value} /> : <Ask />}
        <p class="note">{w.note}</p>
      </main>
    </div>
  );
}

function begin(): void {
  setLanguage(language.value);
  const page = document.getElementById("page");
  if (page) render(<Page />, page);
  const k = linked(location.hash) ?? kept();
  // The code must not stay in the address, where a history or a shoulder finds it.
  if (location.hash) history.replaceState(null, "", location.pathname);
  if (k) void look(k);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && key.value && found.value?.open && Date.now() - heardMs.value > everyMs) void look(key.value);
  });
  addEventListener("hashchange", () => {
    const again = linked(location.hash);
    if (!again) return;
    history.replaceState(null, "", location.pathname);
    found.value = null;
    void look(again);
  });
}

begin();
