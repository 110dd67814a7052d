import type { covert as zh } from "../zh/covert.ts";

export const covert: typeof zh = {
  tag: "Covert",
  mark: "Covert operation",
  until: (when) => `Released ${when}`,
  left: (t) => `${t} left`,
  why: (reason) => `Reason: ${reason}`,
  byCategory: "Cases of this category are covert by rule",
  who: "Seen only by those taking part, the commanders, duty leaders and admins. Those taking part are on nobody else's map. Every look is recorded.",
  cover: "Make covert",
  change: "Change release time",
  release: "Release now",
  reason: "Reason",
  reasonHint: "Such as: plain-clothes survey, no word may leak",
  releaseTime: "Released at",
  covered: "The case is covert now.",
  releasedNow: "Released; it is seen again.",
  releaseSure: "Once released, everybody entitled sees this case and where those taking part are.",
  phone: "No siren. Tell nobody where you are going.",
};
