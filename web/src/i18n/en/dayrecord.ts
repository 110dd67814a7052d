/** Where a patrol was on a day, when it was heard of, and which fences it crossed. */
import type { dayRecord as zh } from "../zh/dayrecord.ts";

export const dayRecord: typeof zh = {
  title: "Its day: way and presence",
  date: "Day",
  asking: "Reading…",
  unknown: "This cannot be asked just now",
  none: "No presence and no fence was recorded",
  noWay: "There is no track of this day",
  noPlace: "no place before",
  nothing: "nothing recorded",
  moment: "The moment that is shown",
  strip: "Presence over the day",
  play: "Play",
  pause: "Pause",
  whole: (fixes) => `Show all of it (${fixes} places)`,
  heard: { online: "Online", stale: "Signal late", lost: "Lost", off_duty: "Off duty" },
  kind: { online: "Heard of", stale: "Signal late", lost: "Lost", off_duty: "Off duty", entered: "Entered", left: "Left" },
  area: { grid: "its grid", closure: "a closed area", place: "a place" },
  because: { "went off duty": "went off duty", "its position was lost": "was lost", "the fence is no more": "the fence is no more" },
};
