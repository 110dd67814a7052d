/** The bands of minutes that coverage is drawn in: blue is soon, orange is late, a hole is hatched. */

export type Band = "m5" | "m10" | "m15" | "m20" | "more" | "hole";

/** Blue to orange stays apart for every kind of sight; a hole has a pattern as well. */
export const bands: { band: Band; upToS: number; colour: string | null }[] = [
  { band: "m5", upToS: 300, colour: "#2166ac" },
  { band: "m10", upToS: 600, colour: "#67a9cf" },
  { band: "m15", upToS: 900, colour: "#d5dde2" },
  { band: "m20", upToS: 1200, colour: "#fdb863" },
  { band: "more", upToS: Infinity, colour: "#e66101" },
  { band: "hole", upToS: Infinity, colour: null },
];

export function bandOf(etaS: number | null): Band {
  if (etaS === null) return "hole";
  return bands.find((b) => etaS <= b.upToS)?.band ?? "more";
}

/** Stripes, for the cells nobody gets to. */
export function hatch(ratio: number): ImageData | null {
  const size = 12 * ratio;
  const canvas = document.createElement("canvas");
  canvas.width = size;
  canvas.height = size;
  const pen = canvas.getContext("2d");
  if (!pen) return null;
  pen.scale(ratio, ratio);
  pen.fillStyle = "rgb(20 4 10 / 55%)";
  pen.fillRect(0, 0, 12, 12);
  pen.strokeStyle = "#ff9dbb";
  pen.lineWidth = 2.2;
  pen.beginPath();
  for (const x of [-6, 6, 18]) {
    pen.moveTo(x - 7, 13);
    pen.lineTo(x + 7, -1);
  }
  pen.stroke();
  return pen.getImageData(0, 0, size, size);
}
