/** The page in the hand of a grid worker or officer. */
import "../css/base.css";
import "../css/phone.css";
import "../css/shots.css";
import "../css/meet.css";
import "../css/work.css";
import { effect, signal } from "@preact/signals";
import { render } from "preact";
import { Refused, setBearer } from "../api/client.ts";
import { keepIn, letGoAll } from "../ui/kept.ts";
import { endDevice, endedDevice, forgetEnded, keptDevice } from "../state/device.ts";
import { loadGrids, loadNames } from "../state/register.ts";
import { unseen } from "../state/notices.ts";
import { guardPage, loadSession, session, toSignIn } from "../state/session.ts";
import { startClock } from "../state/tick.ts";
import { distance, percent } from "../i18n/format.ts";
import { language, setLanguage, words } from "../i18n/index.ts";
import { keptSteps } from "./box.ts";
import { EnrolPage, takeFragment } from "./enrol.tsx";
import { forgetDuty, onDuty, patrol, pollDuty } from "./duty.ts";
import { flow, flowIsWrong, forgetFixes, startFlow, waitingFixes } from "./flow.ts";
import { here, keepAwake, lookForPlace, watchPermission } from "./here.ts";
import { Me } from "./me.tsx";
import { forgetMine, pollMine } from "./mine.tsx";
import { flowSays } from "./position.tsx";
import { Report, restoreDraft } from "./report.tsx";
import { boxed, reachable, sentShare, startSender } from "./sender.ts";
import { forgetRevisits, revisits } from "./revisits.tsx";
import { pollTasks, Tasks, tasks } from "./tasks.tsx";
import { tab } from "./tab.ts";

const online = signal(navigator.onLine);

/** One bar that tells the truth: on line and how exact, or off line with what waits, or why nobody sees where one is. */
function Truth() {
  const all = words.value;
  const w = all.phone;
  const waiting = boxed.value.filter((b) => b.state === "waiting").length;
  const sending = boxed.value.filter((b) => b.state === "sending").length;
  const up = online.value && reachable.value;
  const wrong = up && flowIsWrong.value;
  const place = flow.value === "none" || flow.value === "unbound" ? "" : flowSays();
  const exact = here.value ? all.position.exact(distance(here.value.accuracyM)) : "";
  const text = !up
    ? w.offline(waiting + sending, waitingFixes.value)
    : wrong ? place
    : sending > 0 ? [w.sending(sending), sentShare.value === null ? "" : percent(sentShare.value)].filter(Boolean).join(" ")
    : waiting > 0 ? w.waitingSend(waiting)
    : place ? [place, flow.value === "flowing" ? exact : ""].filter(Boolean).join(" · ")
    : here.value ? w.online(distance(here.value.accuracyM)) : w.onlineNoFix;
  return (
    <p class={`truth ${up && !wrong ? "" : "off"}`} role="status">
      {text}
      {patrol.value?.simulated ? <span class="tag played" title={all.played.hint}>{all.played.tag}</span> : null}
      {(wrong || waiting > 0) && tab.value !== "me" ? (
        <button type="button" onClick={() => (tab.value = "me")}>{wrong ? all.position.what : w.see}</button>
      ) : null}
    </p>
  );
}

function Phone() {
  const w = words.value.phone;
  return (
    <div class="phone">
      <header>
        <Truth />
      </header>
      <main key={tab.value}>{tab.value === "tasks" ? <Tasks /> : tab.value === "report" ? <Report /> : <Me />}</main>
      <nav class="bottom" aria-label={words.value.phoneName}>
        {(["tasks", "report", "me"] as const).map((t) => (
          <button key={t} type="button" aria-current={tab.value === t ? "page" : undefined} onClick={() => (tab.value = t)}>
            {w[t]}
            {t === "tasks" && tasks.value.length + revisits.value.length > 0 ? ` (${tasks.value.length + revisits.value.length})` : ""}
            {t === "me" && unseen.value > 0 ? <span class="nav-count" aria-label={words.value.heard.bellOf(unseen.value)}>{unseen.value > 99 ? "99+" : unseen.value}</span> : null}
          </button>
        ))}
      </nav>
    </div>
  );
}

/**
 * A phone that is no longer let in must be enrolled again. Whoever holds it may be a
 * finder: what it remembers of people and ways goes; reports that have not arrived
 * stay, for they are proof.
 */
let leaving = false;
function leaveEnrolled(): void {
  if (leaving) return;
  leaving = true;
  endDevice();
  forgetDuty();
  forgetMine();
  forgetRevisits();
  letGoAll();
  void forgetFixes().finally(() => location.replace("/enrol"));
}

/** A phone that was enrolled once is told why it is not let in; others sign in. */
function notLetIn(): void {
  if (endedDevice()) location.replace("/enrol");
  else toSignIn();
}

const comeInEveryMs = 5_000;
/** Without a line the page still opens, files and keeps; it signs in when there is one. */
async function comeIn(): Promise<void> {
  try {
    await loadSession();
    reachable.value = true;
    if (session.value?.kind === "account") forgetEnded();
    await Promise.allSettled([loadNames(), loadGrids()]);
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    if (why.status === 401) return; // on the way to another page
    reachable.value = false;
    setTimeout(() => void comeIn(), comeInEveryMs);
  }
}

async function begin(): Promise<void> {
  setLanguage(language.value);
  const page = document.getElementById("page");
  if (location.pathname === "/enrol") {
    takeFragment();
    addEventListener("hashchange", takeFragment);
    if (page) render(<EnrolPage />, page);
    return;
  }
  const enrolled = keptDevice();
  setBearer(enrolled?.token ?? null);
  guardPage(enrolled ? leaveEnrolled : notLetIn);
  startClock();
  addEventListener("online", () => (online.value = true));
  addEventListener("offline", () => (online.value = false));
  await comeIn();
  if (leaving) return;
  await restoreDraft();
  await keepIn(keptSteps, Date.now());
  // Off duty nobody is located, but for the place of a report.
  effect(() => lookForPlace(onDuty.value || tab.value === "report"));
  effect(() => void keepAwake(onDuty.value));
  document.addEventListener("visibilitychange", () => void keepAwake(onDuty.value));
  watchPermission();
  if (page) render(<Phone />, page);
  if (enrolled) startFlow(enrolled.code);
  startSender();
  if (!session.value) void Promise.allSettled([loadNames(), loadGrids()]); // what the phone has kept of them
  pollDuty();
  pollTasks();
  pollMine();
}

begin().catch((why: unknown) => {
  if (!(why instanceof Refused && why.status === 401)) reportError(why); // 401: on the way to the sign-in page
});
if ("serviceWorker" in navigator && import.meta.env.PROD) navigator.serviceWorker.register("/sw.js").catch(() => {});
