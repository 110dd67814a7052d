/** The page in the hand of a grid worker or officer. */
import "../css/base.css";
import "../css/phone.css";
import { signal } from "@preact/signals";
import { render } from "preact";
import { Refused } from "../api/client.ts";
import { setBearer } from "../api/client.ts";
import { forgetDevice, keptDevice } from "../state/device.ts";
import { loadGrids, loadNames } from "../state/register.ts";
import { unseen } from "../state/notices.ts";
import { guardPage, loadSession } from "../state/session.ts";
import { startClock } from "../state/tick.ts";
import { distance } from "../i18n/format.ts";
import { language, setLanguage, words } from "../i18n/index.ts";
import { EnrolPage, takeFragment } from "./enrol.tsx";
import { here, watchHere } from "./here.ts";
import { loadPatrol, Me, patrol } from "./me.tsx";
import { pollMine } from "./mine.tsx";
import { Report, restoreDraft } from "./report.tsx";
import { boxed, reachable, startSender } from "./sender.ts";
import { pollTasks, Tasks, tasks } from "./tasks.tsx";
import { tab } from "./tab.ts";

const online = signal(navigator.onLine);

/** One bar that tells the truth: on line and how exact, or off line with what waits. */
function Truth() {
  const w = words.value.phone;
  const waiting = boxed.value.filter((b) => b.state === "waiting").length;
  const sending = boxed.value.filter((b) => b.state === "sending").length;
  const up = online.value && reachable.value;
  const text = !up ? w.offline(waiting + sending) : sending > 0 ? w.sending(sending) : waiting > 0 ? w.waitingSend(waiting) : here.value ? w.online(distance(here.value.accuracyM)) : w.onlineNoFix;
  return (
    <p class={`truth ${up ? "" : "off"}`} role="status">
      {text}
      {patrol.value?.simulated ? <span class="tag played" title={words.value.played.hint}>{words.value.played.tag}</span> : null}
      {waiting > 0 ? (
        <button type="button" onClick={() => (tab.value = "me")}>{w.see}</button>
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
      <main>{tab.value === "tasks" ? <Tasks /> : tab.value === "report" ? <Report /> : <Me />}</main>
      <nav class="bottom" aria-label={words.value.phoneName}>
        {(["tasks", "report", "me"] as const).map((t) => (
          <button key={t} type="button" aria-current={tab.value === t ? "page" : undefined} onClick={() => (tab.value = t)}>
            {w[t]}
            {t === "tasks" && tasks.value.length > 0 ? ` (${tasks.value.length})` : ""}
            {t === "me" && unseen.value > 0 ? <span class="nav-count" aria-label={words.value.heard.bellOf(unseen.value)}>{unseen.value > 99 ? "99+" : unseen.value}</span> : null}
          </button>
        ))}
      </nav>
    </div>
  );
}

/** A phone that is no longer let in must be enrolled again; an account signs in. */
function leaveEnrolled(): void {
  forgetDevice();
  location.replace("/enrol?ended=1");
}

async function begin(): Promise<void> {
  setLanguage(language.value);
  const page = document.getElementById("page");
  if (location.pathname === "/enrol") {
    const ended = new URLSearchParams(location.search).has("ended");
    takeFragment();
    addEventListener("hashchange", takeFragment);
    if (page) render(<EnrolPage ended={ended} />, page);
    return;
  }
  const enrolled = keptDevice();
  setBearer(enrolled?.token ?? null);
  guardPage(enrolled ? leaveEnrolled : undefined);
  startClock();
  addEventListener("online", () => (online.value = true));
  addEventListener("offline", () => (online.value = false));
  try {
    await loadSession();
  } catch (why) {
    // Without a line the page still opens, files and keeps; it signs in when there is one.
    if (!(why instanceof Refused) || why.type !== "offline") throw why;
    reachable.value = false;
    addEventListener("online", () => location.reload(), { once: true });
  }
  await restoreDraft();
  watchHere();
  if (page) render(<Phone />, page);
  startSender();
  await Promise.allSettled([loadNames(), loadGrids(), loadPatrol()]);
  pollTasks();
  pollMine();
}

begin().catch((why: unknown) => {
  if (!(why instanceof Refused && why.status === 401)) reportError(why); // 401: on the way to the sign-in page
});
if ("serviceWorker" in navigator && import.meta.env.PROD) navigator.serviceWorker.register("/sw.js").catch(() => {});
