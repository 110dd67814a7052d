/** A QR code as a drawing: black on white whatever the theme, with the quiet zone that cameras need. */
import { modules } from "./qr.ts";

const quiet = 4;

export function QRCode({ text, label }: { text: string; label: string }) {
  const dark = modules(text);
  const size = dark.length + 2 * quiet;
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shape-rendering="crispEdges">
      <rect width={size} height={size} fill="#fff" />
      <path d={dark.flatMap((row, y) => row.map((on, x) => (on ? `M${x + quiet} ${y + quiet}h1v1h-1z` : ""))).join("")} fill="#000" />
    </svg>
  );
}
