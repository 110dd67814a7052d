/**
 * The planner gives its reasons as short English sentences, which are stored with
 * the case. Here they become the operator's words; one that is not known is shown
 * as it came, never hidden.
 */
import { distance, duration } from "./format.ts";
import type { Dict } from "./zh.ts";

type Rule = [RegExp, (w: Dict, m: string[]) => string];

const rules: Rule[] = [
  [/^comes after the grid's own people$/, (w) => w.why.ownFirst],
  [/^comes after the (.+)$/, (w, m) => w.why.after((w.why.posts as Record<string, string>)[m[1] ?? ""] ?? m[1] ?? "")],
  [/^stale: last seen (\d+) s ago$/, (w, m) => w.why.stale(duration(Number(m[1]), w))],
  [/^lost: last seen (\d+) s ago$/, (w, m) => w.why.lost(duration(Number(m[1]), w))],
  [/^later by (\d+) s$/, (w, m) => w.why.later(duration(Number(m[1]), w))],
  [/^later by (\d+) s, since a road is closed; (\d+) s otherwise$/, (w, m) => w.why.laterClosed(duration(Number(m[1]), w), duration(Number(m[2]), w))],
  [/^a road is closed: (.+) would have been first, in (\d+) s$/, (w, m) => w.why.choiceClosed(m[1] ?? "", duration(Number(m[2]), w))],
  [/^no way from there, since a road is closed; (\d+) s otherwise$/, (w, m) => w.why.noWayClosed(duration(Number(m[1]), w))],
  [/^as soon, but (\d+) m longer$/, (w, m) => w.why.longer(distance(Number(m[1])))],
  [/^as soon and as near/, (w) => w.why.equal],
  [/^declined$/, (w) => w.why.declined],
  [/^did not answer in time$/, (w) => w.why.unanswered],
  [/^was lost before it arrived$/, (w) => w.why.lostBefore],
  [/^was recalled$/, (w) => w.why.recalled],
  [/^was claimed by another case meanwhile$/, (w) => w.why.contended],
  [/^lacks the skill (.+)$/, (w, m) => w.why.skill(m[1] ?? "")],
  [/^sooner by (\d+) s, but would wait for the others/, (w, m) => w.mission.why.wait(duration(Number(m[1]), w))],
  [/^was sent (\d+) times lately, (\S+) (\d+) times/, (w, m) => w.mission.why.rested(m[1] ?? "", m[2] ?? "", m[3] ?? "")],
  [/^works in (.+) only$/, (w, m) => w.mission.why.area(m[1] ?? "")],
  [/^its shift ends in (\d+) s, before/, (w, m) => w.mission.why.shift(duration(Number(m[1]), w))],
  [/^is proposed for another report$/, (w) => w.mission.why.named],
  [/^nobody else is free: it is proposed for another report too$/, (w) => w.mission.why.namedToo],
  [/^whom it named went elsewhere$/, (w) => w.mission.why.namedGone],
  [/^its own shift ends as soon$/, (w) => w.mission.why.endsToo],
  [/^nobody more is wanted$/, (w) => w.mission.why.enough],
  [/^does not bring alone what is wanted$/, (w) => w.mission.why.alone],
  [/^more was asked for$/, (w) => w.mission.sendMore],
  [/^off duty$/, (w) => w.why.offDuty],
  [/^on a break$/, (w) => w.why.onBreak],
  [/^busy: (.+)$/, (w, m) => w.why.busy((w.status as Record<string, string>)[(m[1] ?? "").replaceAll(" ", "_")] ?? m[1] ?? "")],
  [/^goes to this case already$/, (w) => w.why.here],
  [/^an operator chose another$/, (w) => w.why.otherChosen],
  [/^never seen$/, (w) => w.why.neverSeen],
  [/^no way from there$/, (w) => w.why.noWay],
  [/^leads category (\S+)$/, (w, m) => w.why.leads(m[1] ?? "")],
  [/^goes along in category (\S+)$/, (w, m) => w.why.along(m[1] ?? "")],
  [/^category (\S+) is settled by the (\S+)$/, (w, m) => w.why.settledBy(m[1] ?? "", m[2] ?? "")],
  [/^its position was lost$/, (w) => w.why.positionLost],
  [/^no answer in time$/, (w) => w.why.unanswered],
  [/^an operator sent another$/, (w) => w.why.replaced],
  [/^the dispatch was taken back$/, (w) => w.why.takenBack],
  [/^the case was closed$/, (w) => w.why.caseClosed],
  [/^reported$/, (w) => w.why.byReport],
  [/^an operator sent it$/, (w) => w.why.operatorSent],
  [/^the first patrol accepted$/, (w) => w.why.firstAccepted],
  [/^the first patrol is on scene$/, (w) => w.why.firstThere],
  [/^all patrols are done$/, (w) => w.why.allDone],
  [/^category (\S+) is dispatched (\S+)$/, (w, m) => w.why.byRule(m[1] ?? "", m[2] ?? "")],
  [/^an operator asked for it$/, (w) => w.why.asked],
];

export function inWords(reason: string, w: Dict): string {
  const shortfall = (w.shortfall as Record<string, string>)[reason];
  if (shortfall) return shortfall;
  const known = (w.course.because as Record<string, string>)[reason];
  if (known) return known;
  for (const [pattern, say] of rules) {
    const m = pattern.exec(reason);
    if (m) return say(w, [...m]);
  }
  return reason;
}
