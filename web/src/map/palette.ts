/**
 * How each state looks on the map, by shape and by colour, so that nobody has to
 * tell colours apart. The colours stay apart for normal, deuteran, protan and
 * tritan sight; the legend and the lists draw the same shapes as SVG.
 */
export type Look =
  | "free"
  | "en_route"
  | "on_scene"
  | "lost"
  | "off"
  | "case_new"
  | "case_overdue"
  | "case_moving"
  | "case_scene"
  | "case_done";

export const colour: Record<Look, string> = {
  free: "#309ef6",
  en_route: "#eae926",
  on_scene: "#24f2b5",
  lost: "#9ba6bb",
  off: "#5d6b82",
  case_new: "#e1762b",
  case_overdue: "#f1185d",
  case_moving: "#eae926",
  case_scene: "#24f2b5",
  case_done: "#8593aa",
};

/** Shapes as the unit layer's fragment shader numbers them. */
export const shape = {
  circle: 0,
  arrow: 1,
  square: 2,
  dashedRing: 3,
  diamondOne: 4,
  diamondTwo: 5,
  capsule: 6,
  hollowDiamond: 7,
  ring: 8,
  pulse: 9,
} as const;
/** Added to the shape of what a program plays: brackets stand around it. */
export const playedShape = 32;
export type Shape = (typeof shape)[keyof typeof shape];

export function rgb(hex: string): [number, number, number] {
  const n = Number.parseInt(hex.slice(1), 16);
  return [(n >> 16) / 255, ((n >> 8) & 255) / 255, (n & 255) / 255];
}
