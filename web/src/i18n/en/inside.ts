/** Who is inside an area now. */
import type { inside as zh } from "../zh/inside.ts";

export const inside: typeof zh = {
  title: "Inside now",
  count: (n) => (n === 1 ? "1 patrol" : `${n} patrols`),
  free: (n) => `${n} free`,
  nobody: "Nobody is inside now",
  more: (n) => (n === 1 ? "1 more is not listed" : `${n} more are not listed`),
  unknown: "This cannot be asked just now",
  show: (name) => `Show ${name} on the map`,
};
