/** The figures that matter, how fresh they are, and the few switches of the room. */
import { may, session, signOut } from "../state/session.ts";
import { apart, figures, heardMs, live, played } from "../state/duty.ts";
import { nowMs } from "../state/tick.ts";
import { district, grids, towns } from "../state/register.ts";
import { clock, minutes } from "../i18n/format.ts";
import { language, setLanguage, words } from "../i18n/index.ts";
import { PeopleButton } from "../people/people.tsx";
import { SettingsButton } from "../settings/settings.tsx";
import { Icon } from "../ui/marks.tsx";
import { soundState, toggleSound } from "./alarm.ts";
import { Bell } from "./bell.tsx";
import { choose } from "./choice.ts";
import { tab } from "./queue.tsx";
import { gridShare, tiersTitle } from "./tiers.tsx";

const slowS = 5;
const lateS = 15;

export function Header() {
  const w = words.value;
  const f = figures.value;
  const name = district.value?.name;
  return (
    <header class="head">
      <div class="brand">
        <h1>{language.value === "zh" ? `${name ?? ""}${w.appName}` : `${w.appName}${name ? ` · ${name}` : ""}`}</h1>
        <p>
          {[w.appSub, grids.value.length > 0 ? w.grids(grids.value.length) : "", towns.value.length > 0 ? w.towns(towns.value.length) : ""].filter(Boolean).join(" · ")}
        </p>
      </div>
      <div class="figures">
        <Figure name={w.onLine} value={String(f.workersOn)} of={`/${f.workers}`} />
        <Figure name={w.patrols} value={String(f.patrolsOn)} minor />
        <Figure name={w.casesToday} value={String(f.today)} minor />
        <Figure name={w.waiting} value={String(f.waiting)} tone={f.waiting > 0 ? "hot" : ""} act={() => (tab.value = "waiting")} />
        <Figure name={w.overdue} value={String(f.overdue)} tone={f.overdue > 0 ? "late" : ""} act={() => (tab.value = "overdue")} />
        <Figure name={w.medianArrival} value={f.medianS === null ? "—" : minutes(f.medianS)} of={f.medianS === null ? "" : w.minutesUnit} title={f.medianS === null ? w.noArrivalYet : ""} minor />
        <Figure name={w.like.tiers} value={gridShare()} title={tiersTitle()} minor act={() => choose(null)} />
      </div>
      <div class="tools">
        <PlayedState />
        <LineState />
        <Bell />
        <button type="button" class="button" aria-pressed={soundState.value === "on"} onClick={toggleSound}>
          <Icon name={soundState.value === "on" ? "bell" : "muted"} />
          {soundState.value === "on" ? w.soundOn : soundState.value === "asleep" ? w.soundAsleep : w.soundOff}
        </button>
        {may("duty_sheet") ? (
          <a class="button" id="duty-sheet" href={`/api/v1/duty-sheet?lang=${language.value}`} target="_blank" rel="noreferrer" title={w.dutySheetHint}>
            <Icon name="print" />
            {w.dutySheet}
          </a>
        ) : null}
        <PeopleButton />
        <SettingsButton />
        <button type="button" class="button" aria-label={w.language} onClick={() => setLanguage(language.value === "zh" ? "en" : "zh")}>
          {language.value === "zh" ? "中 / EN" : "EN / 中"}
        </button>
        <button type="button" class="button plain" title={w.signOut} aria-label={`${w.signOut} ${session.value?.name ?? ""}`} onClick={() => void signOut().catch(() => {})}>
          <Icon name="leave" />
        </button>
        <time class="wall-clock">{clock(nowMs.value, true)}</time>
      </div>
    </header>
  );
}

function Figure(p: { name: string; value: string; of?: string; tone?: string; title?: string; minor?: boolean; act?: () => void }) {
  const inner = (
    <>
      <span class="name">{p.name}</span>
      <span>
        <span class="value">{p.value}</span> {p.of ? <span class="of">{p.of}</span> : null}
      </span>
    </>
  );
  const cls = `figure ${p.tone ?? ""} ${p.minor ? "minor" : ""}`;
  return p.act ? (
    <button type="button" class={cls} title={p.title || undefined} onClick={p.act}>
      {inner}
    </button>
  ) : (
    <div class={cls} title={p.title || undefined}>
      {inner}
    </div>
  );
}

/** In a demo one word says for all that nothing here is real; otherwise, how much is not. */
function PlayedState() {
  const w = words.value.played;
  const { all, count } = played.value;
  if (count === 0) return null;
  return (
    <span class={`tag played ${all ? "all" : ""}`} title={all ? w.allHint : w.hint}>
      {all ? w.all : w.some(count)}
    </span>
  );
}

/** How old what we see is: nobody should command from a picture of five minutes ago. */
function LineState() {
  const w = words.value;
  if (live.value === "live" && heardMs.value !== null) {
    const ageS = Math.max(0, (nowMs.value - heardMs.value) / 1000);
    const cls = ageS >= lateS ? "lost" : ageS >= slowS ? "slow" : "";
    return (
      <span class={`line-state ${cls}`}>
        {w.live} {ageS < 10 ? ageS.toFixed(0) : Math.round(ageS)}s
      </span>
    );
  }
  return <span class={`line-state ${live.value === "lost" ? "lost" : "slow"}`}>{live.value === "lost" ? w.lostNever : w.connecting}</span>;
}

/** Over the map while the line is down, or while the node behind it does not hear the others. */
export function Broken() {
  const w = words.value;
  if (live.value === "live" && apart.value)
    return (
      <p class="broken apart" role="status">
        {w.apart}
      </p>
    );
  if (live.value === "live" || heardMs.value === null) return null;
  return (
    <p class="broken" role="status">
      {w.lostAt(clock(heardMs.value))}
    </p>
  );
}
