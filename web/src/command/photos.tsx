/** The photos of a case: small in the panel, large in a dialog, beside what their cameras say. */
import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import type { CaseDetail, Photo } from "../api/types.ts";
import { may } from "../state/session.ts";
import { clock, distance, duration } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { Icon } from "../ui/marks.tsx";

/** Where a photo stands in the course of a case: as it was found, as it was left, as it was checked. */
type Stage = "before" | "after" | "check";
type Shot = { photo: Photo; stage: Stage; at: string };
const stages: Stage[] = ["before", "after", "check"];

function shots(c: CaseDetail): Shot[] {
  return [
    ...c.reports.flatMap((r) => r.photos.map((photo): Shot => ({ photo, stage: "before", at: r.observed_at }))),
    ...c.evidence.flatMap((e) => e.photos.map((photo): Shot => ({ photo, stage: e.step === "pass" || e.step === "fail" ? "check" : "after", at: e.at }))),
  ].sort((a, b) => stages.indexOf(a.stage) - stages.indexOf(b.stage));
}

/** Which photo of the case is shown large; null: none. */
export const photoShown = signal<number | null>(null);

export function Photos({ c }: { c: CaseDetail }) {
  const w = words.value.photo;
  const all = shots(c);
  const parts = stages.filter((stage) => all.some((s) => s.stage === stage));
  useEffect(() => () => void (photoShown.value = null), [c.id]);
  if (all.length === 0) return null;
  const doubtful = all.filter((s) => (s.photo.exif?.doubts.length ?? 0) > 0);
  const first = doubtful[0];
  return (
    <>
      <div class="stages">
        {parts.map((stage) => (
          <div key={stage} class="photos" role="group" aria-label={w.stage[stage]} data-stage={stage}>
            {c.evidence.length > 0 ? <b class="note">{w.stage[stage]}</b> : null}
            {all.map((s, i) => s.stage !== stage ? null : (
              <button key={`${i} ${s.photo.sha256}`} type="button" class={`photo ${s.photo.exif?.doubts.length ? "doubt" : ""}`} aria-label={w.enlarge(i + 1)} onClick={() => (photoShown.value = i)}>
                <Picture photo={s.photo} size="thumb" alt={words.value.photoOf(i + 1)} />
              </button>
            ))}
          </div>
        ))}
      </div>
      {first ? (
        <button type="button" class="photo-doubt" onClick={() => (photoShown.value = all.indexOf(first))}>
          {said(first).doubts[0]}
          {doubtful.length > 1 ? ` · ${w.doubtful(doubtful.length)}` : ""}
        </button>
      ) : null}
      {photoShown.value !== null && all[photoShown.value] ? <Large all={all} at={photoShown.value} /> : null}
    </>
  );
}

const againMs = 4_000;
const mostTries = 8;

/** A copy may still be in the making: the service makes it when it is asked for, and a busy one is asked again. */
function Picture({ photo, size, alt }: { photo: Photo; size: "thumb" | "shown"; alt: string }) {
  const w = words.value.photo;
  const [tries, setTries] = useState(0);
  const [waits, setWaits] = useState(false);
  useEffect(() => {
    if (!waits) return;
    const timer = setTimeout(() => {
      setTries(tries + 1);
      setWaits(false);
    }, againMs);
    return () => clearTimeout(timer);
  }, [waits]);
  if (photo.state === "broken" || tries >= mostTries) return <span class="no-picture">{photo.state === "broken" ? w.broken : w.unreachable}</span>;
  if (waits) return <span class="no-picture" aria-busy="true">{w.waiting}</span>;
  return <img src={`${photo.url}?size=${size}`} alt={alt} loading={size === "thumb" ? "lazy" : "eager"} onError={() => setWaits(true)} />;
}

/** What the camera says beside what was reported, in sentences; the doubts first. */
export function said({ photo, at }: Shot): { doubts: string[]; plain: string[] } {
  const w = words.value.photo;
  const e = photo.exif;
  const out: { doubts: string[]; plain: string[] } = { doubts: [], plain: [] };
  if (!e) return { doubts: [], plain: [w.silent] };
  const put = (doubtful: boolean, text: string) => (doubtful ? out.doubts : out.plain).push(text);
  if (e.distance_m !== null) put(e.doubts.includes("far"), w.away(distance(e.distance_m)));
  else out.plain.push(w.noPlace);
  if (e.t !== null && e.age_s !== null) {
    const late = e.doubts.includes("old") || e.doubts.includes("ahead");
    const gap = Math.abs(e.age_s) < 60 ? w.sameTime : e.age_s > 0 ? w.before(duration(e.age_s, words.value)) : w.after(duration(-e.age_s, words.value));
    put(late, w.taken(day(e.t, at), gap));
  } else out.plain.push(w.noTime);
  return out;
}

/** The hour alone is enough on the day of the report. */
function day(t: string, beside: string): string {
  const [a, b] = [new Date(t), new Date(beside)];
  return a.toDateString() === b.toDateString() ? clock(a) : `${a.getFullYear()}-${String(a.getMonth() + 1).padStart(2, "0")}-${String(a.getDate()).padStart(2, "0")} ${clock(a)}`;
}

const size = (bytes: number) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} KB` : `${(bytes / 1e6).toFixed(1)} MB`);

function Large({ all, at }: { all: Shot[]; at: number }) {
  const w = words.value.photo;
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const el = box.current;
    el?.showModal();
    return () => el?.close();
  }, []);
  const s = all[at] as Shot;
  const { doubts, plain } = said(s);
  const go = (by: number) => (photoShown.value = (at + by + all.length) % all.length);
  return (
    <dialog
      ref={box}
      class="photo-large"
      aria-label={words.value.photoOf(at + 1)}
      onClose={() => (photoShown.value = null)}
      onClick={(e) => e.target === box.current && box.current?.close()}
      onKeyDown={(e) => {
        e.stopPropagation(); // the keys of the room mean the queue, not the photo
        if (all.length > 1 && (e.key === "ArrowLeft" || e.key === "ArrowRight")) go(e.key === "ArrowLeft" ? -1 : 1);
      }}
    >
      <div class="picture">
        <Picture key={s.photo.sha256} photo={s.photo} size="shown" alt={words.value.photoOf(at + 1)} />
      </div>
      <div class="facts">
        <p class="pair">
          <b>{w.stage[s.stage]} · {words.value.photoOf(at + 1)}</b>
          <span class="note">{at + 1} / {all.length}</span>
        </p>
        <ul>
          {doubts.map((t) => <li key={t} class="doubt">{t}</li>)}
          {plain.map((t) => <li key={t}>{t}</li>)}
        </ul>
        <p class="note">{w.hint}</p>
        <p class="note">
          {s.stage === "before" ? w.reported(clock(s.at)) : clock(s.at)} · {s.photo.width} × {s.photo.height} · {size(s.photo.bytes)}
          <br />
          {w.hash} <code>{s.photo.sha256.slice(0, 16)}</code>
        </p>
        <div class="row-of-buttons">
          {all.length > 1 ? (
            <>
              <button type="button" class="button" onClick={() => go(-1)}>{w.previous}</button>
              <button type="button" class="button" onClick={() => go(1)}>{w.next}</button>
            </>
          ) : null}
          {may("see_originals") ? <a class="button" href={`${s.photo.url}?size=original`} download>{w.original}</a> : null}
        </div>
      </div>
      <button type="button" class="button plain shut" aria-label={words.value.close} onClick={() => box.current?.close()}>
        <Icon name="close" />
      </button>
    </dialog>
  );
}
