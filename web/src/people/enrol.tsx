/** The one-time code of a new phone: to scan, or to read out. */
import { useEffect, useRef } from "preact/hooks";
import { nowMs } from "../state/tick.ts";
import { words } from "../i18n/index.ts";
import { QRCode } from "../ui/qrcode.tsx";
import { crew, dropCode, enrolled, enrolment, lookAtCode, makeCode } from "./crew.ts";

const lookEveryMs = 2_000;

/** ABCDEFGH is read as ABCD EFGH. */
export const spaced = (code: string): string => code.replace(/(.{4})(?=.)/g, "$1 ");

/** What is left of a quarter of an hour: 14:59. */
export function countdown(untilMs: number, now: number): string {
  const s = Math.max(0, Math.ceil((untilMs - now) / 1000));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

export function Enrol() {
  const w = words.value.people;
  const e = enrolment.value;
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // A long list of shifts would leave half of the square below the edge.
    box.current?.scrollIntoView?.({ block: "nearest" });
    const timer = setInterval(() => void lookAtCode(), lookEveryMs);
    return () => clearInterval(timer);
  }, []);
  if (!e) return null;
  if (enrolled.value) {
    return (
      <div class="enrol" role="status">
        <p class="say good">{w.enrolledAs(enrolled.value, crew.value?.name ?? e.patrol.name)}</p>
        <button type="button" class="button" onClick={() => void dropCode()}>{words.value.close}</button>
      </div>
    );
  }
  const over = Date.parse(e.expires_at) <= nowMs.value;
  const page = new URL(e.url);
  return (
    <div ref={box} class={`enrol ${over ? "over" : ""}`}>
      {over ? null : <QRCode text={e.url} label={w.qrOf} />}
      <div>
        {over ? <p class="say bad" role="alert">{w.codeOver}</p> : (
          <>
            <p class="big-code" aria-label={w.codeOf}>{spaced(e.code)}</p>
            <p class="left">{w.codeLeft(countdown(Date.parse(e.expires_at), nowMs.value))}</p>
            <ol>
              <li>{w.step1}</li>
              <li>{w.step2(`${page.host}${page.pathname}`)}</li>
              <li>{w.step3}</li>
            </ol>
          </>
        )}
        <span class="second">
          <button type="button" class="button" onClick={() => void dropCode()}>{words.value.cancel}</button>
          {over ? <button type="button" class="button primary" onClick={() => void makeCode()}>{w.newCode}</button> : null}
        </span>
      </div>
    </div>
  );
}
