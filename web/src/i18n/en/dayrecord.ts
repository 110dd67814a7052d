/** When a patrol was heard of, and which fences it crossed. */
import type { presenceRecord as zh } from "../zh/dayrecord.ts";

export const presenceRecord: typeof zh = {
  title: "Presence and fences, last 24 hours",
  none: "Nothing was recorded",
  unknown: "This cannot be asked just now",
  kind: { online: "Heard of", stale: "Signal late", lost: "Lost", off_duty: "Off duty", entered: "Entered", left: "Left" },
  area: { grid: "its grid", closure: "a closed area", place: "a place" },
  because: { "went off duty": "went off duty", "its position was lost": "was lost", "the fence is no more": "the fence is no more" },
};
