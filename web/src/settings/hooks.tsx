/** The systems outside that are told of cases: a list with the state of each, and one with what was sent to it last. */
import { areas, departmentName, departments, district } from "../state/register.ts";
import { nowMs } from "../state/tick.ts";
import { dateAndClock, dayAndClock, duration } from "../i18n/format.ts";
import { words } from "../i18n/index.ts";
import { Sure } from "../people/finder.tsx";
import { Icon } from "../ui/marks.tsx";
import { FieldLine, saidWrong } from "./field.tsx";
import { busy, calls, choose, type Delivery, drop, edit, enable, faults, type Hook, hook, hookDraft, type HookDraft, type HookField, hooks, kinds, lastCalls, loadCalls, mostHooks, ping, pinged, pinging, putAway, reasonOf, save, secret, set, stateOf, trouble, typed, waiting } from "./hooks.ts";

export function HooksSide({ leave }: { leave: (go: () => void) => void }) {
  const all = words.value;
  const w = all.settings.hooks;
  const some = hooks.value ?? [];
  return (
    <>
      <nav aria-label={all.settings.sides.hooks}>
        <div class="new"><button type="button" class="button" disabled={hooks.value === null || some.length >= mostHooks} title={some.length >= mostHooks ? w.full(mostHooks) : undefined} onClick={() => leave(() => edit(null))}><Icon name="plus" />{w.add}</button></div>
        {hooks.value === null ? <p class="quiet">{trouble.value || all.loading}</p> : some.length === 0 ? <p class="quiet">{w.none}</p> : null}
        <ul>
          {some.map((h) => (
            <li key={h.id}>
              <button type="button" aria-current={h.id === hook.value?.id && !newOne() ? "true" : undefined} onClick={() => leave(() => void choose(h.id))}>
                <span class="name">{h.name}</span>
                <State h={h} />
                <span class="quiet where">{hostOf(h.url)}</span>
              </button>
            </li>
          ))}
        </ul>
      </nav>
      <section class="rule hook" aria-label={hook.value?.name ?? w.add}>
        {hookDraft.value ? <HookForm d={hookDraft.value} /> : hook.value ? <One h={hook.value} /> : <p class="quiet empty">{w.what}</p>}
      </section>
    </>
  );
}

const newOne = () => hookDraft.value !== null && hookDraft.value.id === "";

function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}

const look = { off: "quiet", failing: "warn", unused: "", good: "good" } as const;

function State({ h }: { h: Hook }) {
  const state = stateOf(h);
  return <span class={`tag state ${look[state]}`}>{words.value.settings.hooks.state[state]}</span>;
}

/** Whose cases it hears of. */
function scopeOf(h: Hook): string {
  const w = words.value;
  return [h.area_code ? (areas.value.get(h.area_code)?.name ?? h.area_code) : (district.value?.name ?? w.settings.hooks.wholeDistrict), h.department ? departmentName(h.department) : w.allDepartments].join(" · ");
}

const ago = (t: string) => words.value.settings.hooks.ago(dayAndClock(t), duration((nowMs.value - Date.parse(t)) / 1000, words.value));

function One({ h }: { h: Hook }) {
  const all = words.value;
  const w = all.settings.hooks;
  const left = waiting(calls.value ?? []);
  return (
    <>
      <div class="title"><h3>{h.name}</h3><State h={h} /></div>
      {secret.value?.id === h.id ? <Secret text={secret.value.text} /> : null}
      {h.disabled_because ? <p class={`say ${h.disabled_because === "by_hand" ? "" : "bad"}`}>{w.because[h.disabled_because]}</p> : null}
      {h.enabled && h.failing_since ? <p class="say warn">{w.failing(ago(h.failing_since), left.next ? dayAndClock(left.next, true) : "")}{h.last_fault ? <span class="fault">{w.lastFault(reasonOf(h.last_fault, w.why))}</span> : null}</p> : null}
      <dl class="facts">
        <div><dt>{w.url}</dt><dd class="url">{h.url}</dd></div>
        <div><dt>{w.kinds}</dt><dd>{h.kinds.map((k) => w.kind[k]).join("、")}</dd></div>
        <div><dt>{w.scope}</dt><dd>{scopeOf(h)}</dd></div>
        <div><dt>{w.delivered}</dt><dd>{h.last_delivered_at ? ago(h.last_delivered_at) : w.never}</dd></div>
        <div><dt>{w.waits}</dt><dd>{calls.value === null ? all.loading : w.count(left.count)}</dd></div>
        <div><dt>{w.made}</dt><dd>{dateAndClock(h.made_at)}</dd></div>
      </dl>
      {trouble.value ? <p class="wrong" role="alert">{trouble.value}</p> : null}
      <div class="acts">
        <button type="button" class="button" disabled={pinging.value} title={w.pingHint} onClick={() => void ping(h.id)}>{pinging.value ? w.pinging : w.ping}</button>
        <button type="button" class="button" disabled={busy.value} onClick={() => edit(h)}>{all.settings.change}</button>
        {h.enabled
          ? <Sure id={`off-${h.id}`} ask={w.surePause} label={w.pause} act={() => void enable(h.id, false)} />
          : <button type="button" class="button primary" disabled={busy.value} onClick={() => void enable(h.id, true)}>{w.resume}</button>}
        <span class="end"><Sure id={`drop-${h.id}`} ask={w.sureDrop} label={w.drop} danger act={() => void drop(h.id)} /></span>
      </div>
      {pinged.value ? <p class={`say ${pinged.value.state === "delivered" ? "good" : "bad"}`} role="status">{pinged.value.state === "delivered" ? w.pingGood(pinged.value.status ?? 0, pinged.value.took_ms ?? 0) : w.pingBad(answerOf(pinged.value))}</p> : null}
      <h4>{w.last} <button type="button" class="button plain again" onClick={() => void loadCalls()}>{w.reload}</button></h4>
      {calls.value !== null && calls.value.length === 0 ? <p class="quiet">{w.noCalls}</p> : null}
      <ul class="hook-calls">{lastCalls.value.map((c) => <Call key={c.id} c={c} />)}</ul>
    </>
  );
}

const answerOf = (c: Delivery) => (c.status ? `${c.status} ${c.answer}`.trim() : reasonOf(c.answer, words.value.settings.hooks.why));

function Call({ c }: { c: Delivery }) {
  const w = words.value.settings.hooks;
  return (
    <li>
      <span class="when">{dayAndClock(c.made_at, true)}</span>
      <span>{(w.kind as Record<string, string>)[c.kind] ?? c.kind}</span>
      <span class={`tag ${c.state === "delivered" ? "good" : c.state === "waiting" && c.tries === 0 ? "" : c.state === "withheld" ? "quiet" : "warn"}`}>{w.call[c.state]}</span>
      <span class="quiet answer">{[c.state === "delivered" ? "" : answerOf(c), c.tries > 1 ? w.tries(c.tries) : "", c.state === "waiting" && c.tries > 0 && c.next_at ? w.next(dayAndClock(c.next_at, true)) : ""].filter(Boolean).join(" · ")}</span>
    </li>
  );
}

/** Shown once: it signs every message, and the service never tells it again. */
function Secret({ text }: { text: string }) {
  const w = words.value.settings.hooks;
  return (
    <div class="secret" role="status">
      <b>{w.secret}</b>
      <code>{text}</code>
      <p class="quiet">{w.secretHint}</p>
      <div class="acts">
        <button type="button" class="button" onClick={() => void navigator.clipboard?.writeText(text)}>{w.copy}</button>
        <button type="button" class="button primary" onClick={() => (secret.value = null)}>{w.secretKept}</button>
      </div>
    </div>
  );
}

function HookForm({ d }: { d: HookDraft }) {
  const all = words.value;
  const w = all.settings.hooks;
  const bad = faults.value;
  const toggle = (k: HookDraft["kinds"][number]) => set({ kinds: kinds.filter((x) => (x === k) !== d.kinds.includes(x)) });
  return (
    <form noValidate onSubmit={(e) => { e.preventDefault(); void save().then(() => document.querySelector<HTMLElement>(".hook [aria-invalid]")?.focus()); }}>
      <h3>{d.id ? w.edit : w.add}</h3>
      <p class="quiet">{w.what}</p>
      <FieldLine id="hook-name" wrong={bad.name} label={w.name}><input id="hook-name" class="wide" maxLength={100} placeholder={w.nameHint} value={d.name} {...said("name")} onInput={(e) => set({ name: e.currentTarget.value })} /></FieldLine>
      <FieldLine id="hook-url" wrong={bad.url} label={w.url}><input id="hook-url" class="wide" type="url" inputMode="url" maxLength={2000} placeholder="https://" value={d.url} {...said("url")} onInput={(e) => set({ url: e.currentTarget.value })} /></FieldLine>
      <fieldset aria-describedby={bad.kinds ? "hook-kinds-wrong" : undefined}>
        <legend>{w.kinds}</legend>
        <div class="kinds">
          {kinds.map((k) => (
            <label key={k} class="check"><input type="checkbox" checked={d.kinds.includes(k)} onChange={() => toggle(k)} /> {w.kind[k]} <span class="quiet">{w.kindHints[k]}</span></label>
          ))}
        </div>
        {bad.kinds ? <p class="wrong" id="hook-kinds-wrong" role="alert">{bad.kinds}</p> : null}
      </fieldset>
      <fieldset>
        <legend>{w.scope} <span class="quiet">{w.scopeHint}</span></legend>
        <FieldLine id="hook-area" wrong={bad.area} label={w.area}>
          <select id="hook-area" value={d.area} {...said("area")} onChange={(e) => set({ area: e.currentTarget.value })}>
            <option value="">{w.wholeDistrict}</option>
            {[...areas.value.values()].filter((a) => a.level === "town").map((a) => <option key={a.code} value={a.code}>{a.name}</option>)}
            {d.area && areas.value.get(d.area)?.level !== "town" ? <option value={d.area}>{areas.value.get(d.area)?.name ?? d.area}</option> : null}
          </select>
        </FieldLine>
        <FieldLine id="hook-department" wrong={bad.department} label={w.department}>
          <select id="hook-department" value={d.department} {...said("department")} onChange={(e) => set({ department: e.currentTarget.value })}>
            <option value="">{all.allDepartments}</option>
            {[...departments.value.keys()].map((code) => <option key={code} value={code}>{departmentName(code)}</option>)}
          </select>
        </FieldLine>
      </fieldset>
      <div class="tail">
        {trouble.value ? <p class="wrong" role="alert">{trouble.value}</p> : null}
        <div class="acts">
          <button type="button" class="button" onClick={putAway}>{all.cancel}</button>
          <button type="submit" class="button primary" disabled={busy.value || (d.id !== "" && !typed.value)}>{busy.value ? all.settings.saving : d.id ? all.settings.save : w.make}</button>
        </div>
      </div>
    </form>
  );
}

const said = (field: HookField) => saidWrong(`hook-${field}`, faults.value[field]);
