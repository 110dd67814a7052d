/** The shapes of the map, drawn as SVG for lists and the legend; they must match unitlayer.ts. */
import type { Phase } from "../state/queue.ts";
import { colour, type Look } from "../map/palette.ts";
import { placeLook, type PlaceKind } from "../map/places.ts";

export type MarkName = Look | "vehicle" | "route" | "other" | "played" | "count";

export function Mark({ name, size = 18, label }: { name: MarkName; size?: number; label?: string }) {
  return (
    <svg class="mark" width={size} height={size} viewBox="0 0 20 20" role={label ? "img" : undefined} aria-label={label} aria-hidden={label ? undefined : "true"}>
      {body(name)}
    </svg>
  );
}

function body(name: MarkName) {
  switch (name) {
    case "free":
      return <circle cx="10" cy="10" r="5.5" fill={colour.free} />;
    case "off":
      return <circle cx="10" cy="10" r="4" fill={colour.off} />;
    case "en_route":
    case "case_moving":
      return <path d="M10 2.500 16.200 16.500 10 13.300 3.800 16.500z" fill={colour.en_route} />;
    case "on_scene":
    case "case_scene":
      return <rect x="4.500" y="4.500" width="11" height="11" fill={colour.on_scene} />;
    case "lost":
      return <circle cx="10" cy="10" r="5.800" fill="none" stroke={colour.lost} stroke-width="2" stroke-dasharray="2.600 2" />;
    case "case_new":
      return <Diamond fill={colour.case_new} ink="#1c0d02" bars={[10]} />;
    case "case_overdue":
      return <Diamond fill={colour.case_overdue} ink="#fff" bars={[8.300, 11.700]} />;
    case "case_done":
      return <path d="M10 4.500 15.500 10 10 15.500 4.500 10z" fill="none" stroke={colour.case_done} stroke-width="1.500" />;
    case "vehicle":
      return (
        <g fill="none" stroke={colour.free} stroke-width="1.800">
          <rect x="1" y="5.500" width="18" height="9" rx="4.500" fill="#0a0f18" />
          <path d="M7.500 7.600 13 10 7.500 12.400z" fill={colour.free} stroke="none" />
        </g>
      );
    case "route":
      return <path d="M1.500 14.500 7 8.500l4 3 7.500-8" fill="none" stroke="#5cc8ff" stroke-width="2.400" stroke-linecap="round" stroke-linejoin="round" />;
    case "played":
      return (
        <g>
          <circle cx="10" cy="10" r="4" fill={colour.free} />
          <path d="M2 6V2h4M14 2h4v4M18 14v4h-4M6 18H2v-4" fill="none" stroke="#e8eef8" stroke-width="1.600" />
        </g>
      );
    case "count":
      return (
        <g fill="none" stroke-width="2.600">
          <circle cx="10" cy="10" r="8" fill="#0a0f18" stroke={colour.free} />
          <path d="M10 2a8 8 0 0 1 7.600 5.500" stroke={colour.en_route} />
          <path d="M17.900 9a8 8 0 0 1-2.800 7.200" stroke={colour.on_scene} />
          <text x="10" y="13.400" fill="#e8eef8" stroke="none" font-size="9.500" font-weight="700" text-anchor="middle">9</text>
        </g>
      );
    case "other":
      return <path d="M2 10h16" stroke="#9ba6bb" stroke-width="2" stroke-dasharray="2.500 2.500" />;
  }
}

function Diamond({ fill, ink, bars }: { fill: string; ink: string; bars: number[] }) {
  return (
    <g>
      <path d="M10 .8 19.200 10 10 19.200.8 10z" fill={fill} />
      {bars.map((x) => (
        <path key={x} d={`M${x} 5.800v5`} stroke={ink} stroke-width="1.900" stroke-linecap="round" />
      ))}
      {bars.map((x) => (
        <circle key={x} cx={x} cy="13.800" r="1.150" fill={ink} />
      ))}
    </g>
  );
}

export function PlaceMark({ kind, size = 17 }: { kind: PlaceKind; size?: number }) {
  return (
    <svg class="mark" width={size} height={size} viewBox="0 0 20 20" aria-hidden="true">
      <path d={placeLook[kind].path} fill={placeLook[kind].colour} />
    </svg>
  );
}

export const phaseLook: Record<Phase, Look> = {
  new: "case_new",
  moving: "case_moving",
  scene: "case_scene",
  overdue: "case_overdue",
  done: "case_done",
};

const paths = {
  close: "M5 5l10 10M15 5 5 15",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  whole: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4",
  bell: "M5 14V9a5 5 0 0 1 10 0v5l1.500 1.500h-13zM8 17.500h4",
  mail: "M2.500 4.500h15v11h-15zM3 5.500l7 5.500 7-5.500",
  muted: "M5 14V9a5 5 0 0 1 10 0v5l1.500 1.500h-13zM3 3l14 14",
  person: "M10 10a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM3.500 17.500c.5-4 3-5.500 6.500-5.500s6 1.500 6.500 5.500",
  leave: "M8 3H4v14h4M9 10h8M14 6.500 17.500 10 14 13.500",
  aim: "M10 2v4M10 14v4M2 10h4M14 10h4M10 6a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
  print: "M5.500 7V2.500h9V7M5.500 14H3V7h14v7h-2.500M5.500 11.500h9v6h-9z",
  list: "M4 5h12M4 10h12M4 15h12",
  gear: "M10 7.2a2.800 2.800 0 1 0 0 5.600 2.800 2.800 0 0 0 0-5.600zM10 2v2.500M10 15.500V18M2 10h2.500M15.500 10H18M4.300 4.300l1.800 1.800M13.900 13.900l1.800 1.800M15.700 4.300l-1.800 1.800M6.100 13.900l-1.800 1.800",
  camera: "M3 6h3l1.500-2h5L14 6h3v10H3zM10 8a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  album: "M3 4h14v12H3zM3 13l4-4 4 4 2.500-2.500L17 14M13 7.500h.01",
};
export function Icon({ name, size = 16 }: { name: keyof typeof paths; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.700" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
