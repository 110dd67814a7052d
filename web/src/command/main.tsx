/** The command centre. */
import "../css/base.css";
import "../css/command.css";
import "../css/closures.css";
import "../css/coverage.css";
import "../css/dayrecord.css";
import "../css/inside.css";
import "../css/panel.css";
import "../css/course.css";
import "../css/meet.css";
import "../css/like.css";
import "../css/mission.css";
import "../css/heard.css";
import "../css/photos.css";
import "../css/shots.css";
import "../css/people.css";
import "../css/settings.css";
import "../css/hooks.css";
import "../css/whose.css";
import { render } from "preact";
import { Refused } from "../api/client.ts";
import { startDuty } from "../state/duty.ts";
import { categoryName, loadGrids, loadNames } from "../state/register.ts";
import { guardPage, loadSession } from "../state/session.ts";
import { startClock } from "../state/tick.ts";
import { language, setLanguage, words } from "../i18n/index.ts";
import { announcement, startAlarms, wake } from "./alarm.ts";
import { startBell } from "./bell.tsx";
import { startAttention } from "./attention.tsx";
import { Charts } from "./charts.tsx";
import { Header } from "./header.tsx";
import { Help, listenToKeys } from "./keys.tsx";
import { startItems } from "./items.tsx";
import { MapView } from "./mapview.tsx";
import { Panel } from "./panel.tsx";
import { People } from "../people/people.tsx";
import { Settings } from "../settings/settings.tsx";
import { Queue } from "./queue.tsx";
import { Whose } from "./whose.tsx";
import { pollTiers } from "./tiers.tsx";
import { signal } from "@preact/signals";

const ready = signal(false);
const failed = signal(false);

function CommandCentre() {
  const w = words.value;
  return (
    <div class="command">
      <a class="skip" href="#queue">{w.skipToQueue}</a>
      <Header />
      <Queue />
      {ready.value ? <MapView /> : <main class="map-place" id="map" aria-busy="true">{failed.value ? <div class="no-map"><p>{w.offlineNow}</p><button type="button" class="button" onClick={() => location.reload()}>{w.retry}</button></div> : null}</main>}
      <Panel />
      <Charts />
      <Help />
      <People />
      <Settings />
      <Whose />
      <p class="hidden-text" aria-live="polite">{announcement.value}</p>
    </div>
  );
}

function show(): void {
  const page = document.getElementById("page");
  if (page) render(<CommandCentre />, page);
}

async function begin(): Promise<void> {
  guardPage();
  setLanguage(language.value);
  if (new URLSearchParams(location.search).get("wall") === "1") document.documentElement.classList.add("wall");
  await loadSession();
  show();
  startClock();
  listenToKeys();
  addEventListener("pointerdown", wake, { once: true });
  await Promise.all([loadNames(), loadGrids()]);
  ready.value = true;
  startAlarms(() => words.value.appName, categoryName);
  startBell();
  startItems();
  startAttention();
  pollTiers();
  await startDuty();
}

begin().catch((why: unknown) => {
  if (why instanceof Refused && why.status === 401) return; // on the way to the sign-in page
  failed.value = true;
  show();
  if (!(why instanceof Refused)) reportError(why);
});
