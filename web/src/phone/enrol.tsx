/** A phone shows the code from the command centre and becomes a device of its patrol. */
import { signal } from "@preact/signals";
import { ask, client, Refused } from "../api/client.ts";
import type { Enrolled } from "../api/types.ts";
import { endedDevice, install, keepDevice, keptDevice, plainCode } from "../state/device.ts";
import { words } from "../i18n/index.ts";

const codeLength = 8;
const code = signal("");
const name = signal("");
const busy = signal(false);
const trouble = signal("");
const done = signal<Enrolled | null>(null);
/** Reports that this phone still holds; they go when it is let in again. */
export const unsent = signal(0);

/** The code of a scanned QR stands in the fragment; it is taken out of the address at once. */
export function takeFragment(): void {
  const given = plainCode(decodeURIComponent(location.hash.slice(1)));
  if (location.hash) history.replaceState(null, "", location.pathname);
  if (given.length === codeLength) code.value = given;
}

/** What the browser says of the phone: enough to tell two apart, no more. */
function model(): string {
  return (/\(([^)]*)\)/.exec(navigator.userAgent)?.[1] ?? "").slice(0, 128);
}

export async function redeem(): Promise<void> {
  const w = words.value.enrol;
  const plain = plainCode(code.value);
  if (plain.length !== codeLength) {
    trouble.value = w.need;
    return;
  }
  busy.value = true;
  trouble.value = "";
  try {
    const body = { code: plain, install: install(), model: model(), ...(name.value.trim() ? { name: name.value.trim() } : {}) };
    const made = await ask(client.POST("/api/v1/enrolments/redeem", { body }));
    keepDevice(made);
    done.value = made;
    code.value = "";
  } catch (why) {
    if (!(why instanceof Refused)) throw why;
    trouble.value = why.type === "offline" ? words.value.offlineNow : why.status === 429 ? w.throttled(why.retryAfterS ?? 30) : why.type === "/problems/enrolment-code" ? w.wrong : why.message;
  } finally {
    busy.value = false;
  }
}

export function EnrolPage() {
  const w = words.value.enrol;
  const now = done.value;
  const already = keptDevice();
  const ended = already ? null : endedDevice();
  if (now) {
    return (
      <div class="phone enrol-page">
        <main>
          <h1 class="ok">✓ {w.done(now.patrol.name)}</h1>
          <p>{w.doneLead}</p>
          <p class="quiet">{now.device.code}</p>
          <p>{words.value.phone.offMeansUntracked}</p>
          <button type="button" class="big main" onClick={() => location.replace("/m")}>{w.start}</button>
        </main>
      </div>
    );
  }
  return (
    <div class="phone enrol-page">
      <main>
        <h1>{w.title}</h1>
        {ended ? (
          <div class="ended" role="alert">
            <p><b>{w.ended(ended.code, ended.patrol)}</b></p>
            <p>{w.endedDo}</p>
            {unsent.value > 0 ? <p>{w.unsent(unsent.value)}</p> : null}
          </div>
        ) : null}
        <p>{w.lead}</p>
        {already ? <p class="quiet">{w.already(already.code)}</p> : null}
        <form
          onSubmit={(e) => {
            e.preventDefault();
            void redeem();
          }}
        >
          <div class="field">
            <label class="label" for="code">{w.code}</label>
            <input id="code" class="code" value={code.value} onInput={(e) => (code.value = e.currentTarget.value)} autocomplete="one-time-code" autocapitalize="characters" autocorrect="off" spellcheck={false} maxLength={20} placeholder="XXXX XXXX" required />
          </div>
          <div class="field">
            <label class="label" for="name">{w.name}</label>
            <input id="name" value={name.value} onInput={(e) => (name.value = e.currentTarget.value)} maxLength={64} placeholder={w.nameHint} />
          </div>
          {trouble.value ? <p class="error" role="alert">{trouble.value}</p> : null}
          <button type="submit" class="big main" disabled={busy.value}>{busy.value ? w.going : w.go}</button>
        </form>
        <a class="big plain" href="/login?next=%2Fm">{w.account}</a>
      </main>
    </div>
  );
}
