/** The case: where it is and how sure, who comes and why them, and what the operator can do about it. */
import { computed, signal } from "@preact/signals";
import type { CaseDetail, Responsible } from "../api/types.ts";
import { strength } from "../state/duty.ts";
import { sum } from "../state/totals.ts";
import { isFinished } from "../state/queue.ts";
import { categoryName, departmentName, departments, withPlaces } from "../state/register.ts";
import { may } from "../state/session.ts";
import { nowMs } from "../state/tick.ts";
import { clock, distance, percent } from "../i18n/format.ts";
import { language, words } from "../i18n/index.ts";
import { inWords } from "../i18n/reasons.ts";
import { colour } from "../map/palette.ts";
import { Icon } from "../ui/marks.tsx";
import { PlayedTag } from "../ui/played.tsx";
import { busy, choose, chosenID, closeCase, detail, dispatchNow, load, said, standing, trouble, undo } from "./choice.ts";
import { Course, Moves, moving } from "./course.tsx";
import { Meet } from "./meet.tsx";
import { Cover } from "./cover.tsx";
import { CovertMark, CovertSwitch, covertMine } from "./covert.tsx";
import { HandOvers } from "./handover.tsx";
import { History } from "./history.tsx";
import { JointMission } from "./mission.tsx";
import { Lenders, SendMore, asksMore, canSendMore, whyShort } from "./more.tsx";
import { Nearby } from "./nearby.tsx";
import { Photos } from "./photos.tsx";
import { Team } from "./team.tsx";
import { WhoseButton } from "./whose.tsx";
import { TierBars } from "./tiers.tsx";
import { titleOf } from "./queue.tsx";

export const closing = signal(false);

export function Panel() {
  const w = words.value;
  if (!chosenID.value) return <Idle />;
  const c = detail.value;
  return (
    <aside class="panel" id="panel" aria-label={c ? titleOf(c) : w.loading}>
      {c ? (
        <>
          <div class="scroll" key={c.id}>
            <Top c={c} />
            <CovertMark c={c} />
            <Course c={c} />
            <HandOvers c={c} />
            <Photos c={c} />
            <Content c={c} />
            <Where c={c} />
            <WhyDepartments c={c} />
            <JointMission c={c} />
            <Meet c={c} />
            <WhoComes c={c} />
            <Lacks c={c} />
            <Nearby c={c} />
            <History c={c} />
          </div>
          <Foot c={c} />
        </>
      ) : (
        <div class="scroll">
          {trouble.value ? (
            <>
              <p class="say bad" role="alert">{trouble.value}</p>
              <button type="button" class="button" style={{ marginTop: "0.6rem" }} onClick={() => chosenID.value && void load(chosenID.value)}>{w.retry}</button>
            </>
          ) : (
            <div aria-busy="true">
              <span class="bone" style={{ height: "1.6rem", width: "70%" }} />
              <span class="bone" style={{ height: "7rem", marginTop: "1rem" }} />
              <span class="bone" style={{ height: "12rem", marginTop: "1rem" }} />
            </div>
          )}
        </div>
      )}
    </aside>
  );
}

function Top({ c }: { c: CaseDetail }) {
  const w = words.value;
  return (
    <div class="top">
      <h2>{titleOf(c)} {c.reports.some((r) => r.simulated) ? <PlayedTag /> : null}</h2>
      <p class="sub">
        #{c.number} · {categoryName(c.category)} · {w.urgency[c.urgency]} · {w.stage[c.stage]}
      </p>
      <p class="sub">
        {clock(c.made_at)} {w.stage.reported} · {c.accuracy_m === null ? w.accuracyAssumed : w.caseWhereAccuracy(distance(c.accuracy_m))}
      </p>
      <button type="button" class="button plain shut" aria-label={w.close} title={`${w.close} (Esc)`} onClick={() => choose(null)}>
        <Icon name="close" />
      </button>
    </div>
  );
}

function basis(r: Responsible): string {
  const w = words.value;
  if (r.basis === "inside") return w.basisInside;
  if (r.basis === "nearest") return w.basisNearest(distance(r.distance_m ?? 0));
  return w.basisNone;
}

function Where({ c }: { c: CaseDetail }) {
  const w = words.value;
  const r = c.responsible;
  return (
    <section>
      <h3>{w.caseWhere}</h3>
      <div class="shares">
        {r.basis === "none" ? (
          <p>{w.basisNone}</p>
        ) : (
          <>
            <p class="pair">
              <b>{r.name ?? r.code}</b>
              <b>{percent(r.share)}</b>
            </p>
            <div class="share-bar" aria-hidden="true">
              <i class="first" style={{ flex: Math.max(0.01, r.share) }} />
              {c.runner_up ? <i class="second" style={{ flex: Math.max(0.01, c.runner_up.share) }} /> : null}
              {r.share + (c.runner_up?.share ?? 0) < 0.995 ? <i style={{ flex: 1 - r.share - (c.runner_up?.share ?? 0) }} /> : null}
            </div>
            {c.runner_up ? (
              <p class="pair note">
                <span>{w.runnerUp} {c.runner_up.name ?? c.runner_up.code}</span>
                <span>{percent(c.runner_up.share)}</span>
              </p>
            ) : null}
            <p class="note">{r.kind === "special" ? `${w.special} · ` : ""}{basis(r)}</p>
          </>
        )}
      </div>
      <WhoseButton at={{ lon: c.lon, lat: c.lat, category: c.category, about: w.whose.ofCase(c.number), at: Date.parse(c.made_at) }} />
    </section>
  );
}

/** What reporters said when it was settled. */
function Content({ c }: { c: CaseDetail }) {
  const w = words.value;
  const said = c.reports.flatMap((r) => r.evaluation ?? []);
  if (said.length === 0) return null;
  return (
    <section id="evaluations">
      <h3>{w.heard.evaluation}</h3>
      {said.map((e) => (
        <p key={e.at} class={`say ${e.satisfaction === "dissatisfied" ? "bad" : ""}`}>
          <b>{w.satisfaction[e.satisfaction]}</b> {e.words} <span class="note">{clock(e.at)}</span>
        </p>
      ))}
    </section>
  );
}

function WhyDepartments({ c }: { c: CaseDetail }) {
  const w = words.value;
  if (c.departments.length === 0) return null;
  return (
    <section class="why">
      <h3>{w.whyDepartments}</h3>
      <ul>
        {c.departments.map((d) => (
          <li key={d.code}>
            <span class={`part ${d.part}`}>{w[d.part]}</span>
            <span>{departmentName(d.code)}</span>
            <span class="because">{inWords(d.because, w)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

const dispatchNote = computed(() => {
  const w = words.value;
  const c = detail.value;
  if (!c || isFinished(c)) return "";
  return { done: "", pending: w.planPending, proposed: w.planProposed, none: c.assignments.length > 0 ? "" : w.planNone }[c.dispatch];
});

function WhoComes({ c }: { c: CaseDetail }) {
  const w = words.value;
  const teams = standing(c);
  return (
    <section>
      <h3>
        <span>{w.whoComes}</span>
        <span>{dispatchNote.value}</span>
      </h3>
      {teams.length === 0 ? <p class="note">{w.nobodyYet}</p> : null}
      {c.mission ? null : <Cover c={c} />}
      {[...teams].sort((a, b) => Number(a.kind === "first_look") - Number(b.kind === "first_look")).map((a) => (
        <Team key={a.id} c={c} a={a} />
      ))}
    </section>
  );
}

function Lacks({ c }: { c: CaseDetail }) {
  const w = words.value;
  if (c.shortfalls.length === 0) return null;
  return (
    <section>
      <h3>{w.shortfalls}</h3>
      <ul class="lacks">
        {c.shortfalls.map((s) => (
          <li key={s.department}>
            <span>{departmentName(s.department)} · {whyShort(s)}</span>
            <span>{w.considered(s.considered)}</span>
            <span class="more">
              {[s.people ? w.mission.lacksPeople(s.people) : "", s.skills?.length ? w.mission.lacksSkills(s.skills.join("、")) : "",
                s.soonest ? w.mission.soonest(s.soonest.name, clock(s.soonest.at), s.soonest.estimated) : w.mission.nobodySoon].filter(Boolean).join(" · ")}
            </span>
            <Lenders c={c} s={s} />
            {s.who?.length ? (
              <details>
                <summary>{w.mission.whoNot(s.who.length)}</summary>
                {s.who.map((p) => <div key={p.patrol_id}>{p.name} · {inWords(withPlaces(p.because), w)}</div>)}
              </details>
            ) : null}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Foot({ c }: { c: CaseDetail }) {
  const w = words.value;
  const undoS = c.undo_until ? Math.ceil((Date.parse(c.undo_until) - nowMs.value) / 1000) : 0;
  const canSend = may("dispatch") && !isFinished(c) && c.dispatch !== "done";
  const n = standing(c).filter((a) => a.kind === "department" && a.state === "proposed").length;
  const canClose = may("close_case") && !isFinished(c);
  const canAccount = may("dossier");
  if (!canSend && !canSendMore(c) && !canClose && !canAccount && undoS <= 0 && !said.value && !trouble.value && c.moves.length === 0 && !covertMine(c)) return null;
  return (
    <div class="foot">
      {trouble.value ? <p class="say bad" role="alert">{trouble.value}</p> : said.value ? <p class="say" role="status">{said.value}</p> : null}
      {undoS > 0 && undoS <= 6 ? (
        <button type="button" class="button" disabled={busy.value} onClick={() => void undo()}>{w.undo(undoS)}</button>
      ) : null}
      {canSend && !moving(c) ? (
        <button type="button" id="dispatch" class="button primary" disabled={busy.value} onClick={() => void dispatchNow()}>
          {n > 0 ? w.dispatch(n) : w.dispatchPlan} <span class="key">Enter</span>
        </button>
      ) : null}
      {moving(c) ? null : <SendMore c={c} />}
      {asksMore(c) ? null : <Rest c={c} />}
    </div>
  );
}

function Rest({ c }: { c: CaseDetail }) {
  return (
    <>
      <Moves c={c} />
      {moving(c) ? null : <Apart c={c} />}
    </>
  );
}

/** What may be done with the case beside the steps of its course. */
function Apart({ c }: { c: CaseDetail }) {
  const w = words.value;
  return (
    <>
      <CovertSwitch c={c} />
      {may("dossier") && !closing.value ? (
        <div class="second">
          <a class="button" id="dossier" href={`/api/v1/cases/${c.id}/dossier?lang=${language.value}`} target="_blank" rel="noreferrer" title={w.dossierHint}>{w.dossier}</a>
        </div>
      ) : null}
      {may("close_case") && !isFinished(c) ? closing.value ? <CloseForm /> : (
        <div class="second">
          <button type="button" class="button" id="close-case" disabled={busy.value} onClick={() => (closing.value = true)}>{w.closeCase}</button>
        </div>
      ) : null}
    </>
  );
}

function CloseForm() {
  const w = words.value;
  return (
    <form
      class="close-form"
      onSubmit={(e) => {
        e.preventDefault();
        const data = new FormData(e.currentTarget);
        const text = (name: string) => String(data.get(name) ?? "").trim();
        void closeCase(text("answer"), text("reason")).then((ok) => {
          if (ok) closing.value = false;
        });
      }}
    >
      <label class="note" for="close-answer">{w.heard.answerLabel}</label>
      <textarea id="close-answer" name="answer" maxLength={1000} placeholder={w.heard.answerHint(categoryName(detail.value?.category ?? ""))} />
      <label class="note" for="close-reason">{w.heard.reasonLabel}</label>
      <input id="close-reason" name="reason" maxLength={1000} />
      <div class="second">
        <button type="button" class="button" onClick={() => (closing.value = false)}>{w.cancel}</button>
        <button type="submit" class="button" disabled={busy.value} id="close-confirm">{w.confirm} · {w.closeCase}</button>
      </div>
    </form>
  );
}

const strengths = computed(
  () => new Map([...strength.value].map(([code, t]) => [code, { free: t.free, moving: t.assigned + t.en_route, scene: t.on_scene, lost: t.stale + t.lost, all: sum(t) }])),
);

/** Nothing chosen: how strong each department stands right now. */
function Idle() {
  const w = words.value;
  const codes = [...new Set([...departments.value.keys(), ...strengths.value.keys()])].filter((code) => strengths.value.has(code));
  return (
    <aside class="panel idle" aria-label={w.strength}>
      <div class="scroll" tabIndex={0}>
        <h2 class="hidden-text">{w.strength}</h2>
        <div class="idle-hint">
          <p>{w.choose}</p>
          <p>{w.chooseHint}</p>
        </div>
        <section>
          <h3>{w.strength}</h3>
          <ul class="strength">
            {codes.map((code) => {
              const s = strengths.value.get(code);
              if (!s) return null;
              const parts: [number, string, string][] = [[s.free, colour.free, w.lookFree], [s.moving, colour.en_route, w.lookEnRoute], [s.scene, colour.on_scene, w.lookOnScene], [s.lost, colour.lost, w.presence.lost]];
              return (
                <li key={code}>
                  <p class="pair">
                    <span>{departmentName(code)} <b>{s.all}</b></span>
                    <span>{parts.filter(([n], i) => i === 0 || n > 0).map(([n, , name]) => `${name} ${n}`).join(" · ")}</span>
                  </p>
                  <div class="stack" aria-hidden="true">
                    {parts.map(([n, c]) => (n > 0 ? <i key={c} style={{ flex: n, background: c }} /> : null))}
                  </div>
                </li>
              );
            })}
          </ul>
        </section>
        <TierBars />
      </div>
    </aside>
  );
}
