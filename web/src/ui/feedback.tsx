/** What a unit fed back, for whoever is to judge it, and what a check before it found. */
import type { CaseDetail, CaseEvent } from "../api/types.ts";
import { dayAndClock } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";

/** The last result of a case that waits for its check or goes back for one; nothing else. */
export function LastFeedback({ c }: { c: CaseDetail }) {
  const w = words.value;
  if (c.stage !== "verifying" && c.stage !== "feedback" && c.stage !== "rework") return null;
  const last = (fits: (e: CaseEvent) => boolean) => [...c.events].reverse().find(fits);
  const text = (e: CaseEvent | undefined, key: string) => (typeof e?.detail[key] === "string" ? (e.detail[key] as string) : "");
  const result = last((e) => e.kind === "result");
  const failed = last((e) => e.kind === "checked" && e.detail.passed === false);
  if (!result) return null;
  return (
    <div class="fed-back" id="fed-back">
      <p class="pair"><b>{w.record.last}</b><time dateTime={result.at}>{dayAndClock(result.at)}</time></p>
      <p class="words">{text(result, "result") || "—"}</p>
      {failed ? <p class="note">{w.record.failed}{w.colon}{text(failed, "reason")}</p> : null}
    </div>
  );
}
