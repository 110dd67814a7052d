/** The number and the code for whoever told the worker of it: to read out, or to scan. */
import { useState } from "preact/hooks";
import { words } from "../i18n/index.ts";
import { modules } from "../ui/qr.ts";

export function Slip({ number, code, url }: { number: string; code: string; url: string }) {
  const w = words.value.heard;
  const [shown, show] = useState(false);
  if (!shown) {
    return (
      <span class="slip">
        <button type="button" onClick={() => show(true)}>{w.showCode}</button>
      </span>
    );
  }
  const page = new URL(url, location.origin);
  const dark = modules(page.href);
  const quiet = 4;
  const size = dark.length + 2 * quiet;
  return (
    <span class="slip">
      <b>{code}</b>
      <svg viewBox={`0 0 ${size} ${size}`} role="img" aria-label={w.codeOf} shape-rendering="crispEdges">
        <path d={dark.flatMap((row, y) => row.map((on, x) => (on ? `M${x + quiet} ${y + quiet}h1v1h-1z` : ""))).join("")} fill="#000" />
      </svg>
      <span class="quiet">{w.codeHint(number, `${page.host}${page.pathname}`)}</span>
      <button type="button" onClick={() => show(false)}>{w.hideCode}</button>
    </span>
  );
}
