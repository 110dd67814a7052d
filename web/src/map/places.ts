/**
 * Places on the map: one shape and one colour for each kind, the same in the legend
 * and on a case. The shapes are none of those that move, so that a camera is never
 * taken for a patrol.
 */
import type { components } from "../api/schema.d.ts";

export type PlaceKind = components["schemas"]["PlaceKind"];

/** Outlines in a box of 20 by 20. */
export const placeLook: Record<PlaceKind, { colour: string; path: string }> = {
  camera: { colour: "#c9a6ff", path: "M2 6h10.500v8H2zM13.500 9.200 18.500 6.300v7.400L13.500 10.800z" },
  rental_house: { colour: "#f2c9a0", path: "M10 2.500 18.500 10H16v7.500h-4.200v-5H8.200v5H4V10H1.500z" },
  market: { colour: "#ff8fb8", path: "M3.500 3h13l2 5.500H1.500zM3 10h14v7.500h-4v-5H9v5H3z" },
  factory: { colour: "#9fd0c4", path: "M2 17.500V8.500L7 11.500V8.500L12 11.500V3h4.500v14.500z" },
  other: { colour: "#c3cddc", path: "M8 3h4v5h5v4h-5v5H8v-5H3V8h5z" },
};

export const placeKinds = Object.keys(placeLook) as PlaceKind[];

export function placeKind(word: unknown): PlaceKind {
  return placeKinds.find((k) => k === word) ?? "other";
}

/** The address of a place, where a browser can open it. A stream has an address too, but no browser shows it. */
export function openable(url: string | null | undefined): string | null {
  if (!url) return null;
  try {
    const { protocol } = new URL(url);
    return protocol === "https:" || protocol === "http:" ? url : null;
  } catch {
    return null;
  }
}

/** A kind drawn for the map, on a dark rim so that it stands on roads and heat alike. */
export function placeImage(kind: PlaceKind, rim: string, ratio: number): ImageData | null {
  const size = 24 * ratio;
  const canvas = document.createElement("canvas");
  canvas.width = size;
  canvas.height = size;
  const pen = canvas.getContext("2d");
  if (!pen) return null;
  pen.scale(ratio, ratio);
  pen.translate(2, 2);
  const outline = new Path2D(placeLook[kind].path);
  pen.lineJoin = "round";
  pen.strokeStyle = rim;
  pen.lineWidth = 3.2;
  pen.stroke(outline);
  pen.fillStyle = placeLook[kind].colour;
  pen.fill(outline);
  return pen.getImageData(0, 0, size, size);
}
