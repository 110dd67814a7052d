/** What this person was told: new cases of a leader's town, and how far their own reports are. */
import { hear } from "../state/duty.ts";
import { loadNotices, notices, see, seeAll, unseen } from "../state/notices.ts";
import { gate } from "../state/tick.ts";
import { dayAndClock } from "../i18n/format.ts";
import { inLanguage, words } from "../i18n/index.ts";
import { Icon } from "../ui/marks.tsx";
import { choose } from "./choice.ts";

const everyMs = 60_000;
const mostCounted = 99;

/** The live channel says at once that there is something; the clock sees to what a lost line swallowed. */
export function startBell(): void {
  const again = gate(() => void loadNotices(), 1_000);
  hear({ notice: again });
  setInterval(again, everyMs);
  again();
}

export function Bell() {
  const w = words.value.heard;
  const n = unseen.value;
  return (
    <>
      <button type="button" class={`button bell ${n > 0 ? "has" : ""}`} popoverTarget="bell-list" aria-label={n > 0 ? w.bellOf(n) : w.bell}>
        <Icon name="mail" />
        {n > 0 ? <span class="count">{n > mostCounted ? `${mostCounted}+` : n}</span> : w.bell}
      </button>
      <div id="bell-list" class="bell-list" popover="auto" role="region" aria-label={w.bell}>
        <p class="pair">
          <b>{w.bell}</b>
          {n > 0 ? <button type="button" class="button plain" onClick={() => void seeAll()}>{w.allSeen}</button> : null}
        </p>
        {notices.value.length === 0 ? <p class="empty">{w.none}</p> : null}
        <ul>
          {notices.value.map((x) => (
            <li key={x.id}>
              <button
                type="button"
                class={x.seen_at === null ? "unread" : ""}
                onClick={() => {
                  choose(x.case_id);
                  void see([x]);
                  document.getElementById("bell-list")?.hidePopover();
                }}
              >
                <span>{inLanguage(x.text)}</span>
                <time dateTime={x.at}>{dayAndClock(x.at)}</time>
              </button>
            </li>
          ))}
        </ul>
      </div>
    </>
  );
}
