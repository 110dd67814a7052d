/** The number and the code for whoever told the worker of it: to read out, or to scan. */
import { useState } from "preact/hooks";
import { words } from "../i18n/index.ts";
import { QRCode } from "../ui/qrcode.tsx";

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
  return (
    <span class="slip">
      <b>{code}</b>
      <QRCode text={page.href} label={w.codeOf} />
      <span class="quiet">{w.codeHint(number, `${page.host}${page.pathname}`)}</span>
      <button type="button" onClick={() => show(false)}>{w.hideCode}</button>
    </span>
  );
}
