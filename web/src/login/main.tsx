/** Signing in: one form, and a plain sentence when it does not work. */
import "../css/base.css";
import "../css/login.css";
import { signal } from "@preact/signals";
import { render } from "preact";
import { Refused } from "../api/client.ts";
import { language, setLanguage, words, type Dict } from "../i18n/index.ts";
import { homeOf, nextPage, signIn } from "../state/session.ts";
import { Scene } from "./scene.tsx";

const trouble = signal<((w: Dict) => string) | null>(null);
const sending = signal(false);
const visible = signal(false);

function why(cause: unknown): (w: Dict) => string {
  if (!(cause instanceof Refused) || cause.status >= 500) return (w) => w.serverFault;
  if (cause.type === "offline") return (w) => w.offlineNow;
  if (cause.status === 429) return (w) => (cause.retryAfterS ? w.throttled(cause.retryAfterS) : w.throttledSome);
  if (cause.status === 401 || cause.status === 403) return (w) => w.wrongPassword;
  return (w) => w.failed(cause.message);
}

async function submit(form: HTMLFormElement): Promise<void> {
  const data = new FormData(form);
  const username = String(data.get("username") ?? "").trim();
  const password = String(data.get("password") ?? "");
  if (!username || !password) {
    trouble.value = (w) => w.needBoth;
    return;
  }
  sending.value = true;
  trouble.value = null;
  try {
    const who = await signIn(username, password);
    location.replace(nextPage(location.search, homeOf(who)));
  } catch (cause) {
    trouble.value = why(cause);
    sending.value = false;
    form.querySelector<HTMLInputElement>("#password")?.select();
  }
}

function Login() {
  const w = words.value;
  return (
    <div class="login">
      <Scene />
      <main>
        <form
          noValidate
          onSubmit={(e) => {
            e.preventDefault();
            void submit(e.currentTarget);
          }}
        >
          <h1>{w.signInTitle}</h1>
          <p class="lead">{w.signInLead}</p>
          <label>
            {w.username}
            <input id="username" name="username" autoComplete="username" autoCapitalize="none" spellcheck={false} maxLength={64} autofocus required />
          </label>
          <label for="password">
            {w.password}
            <span class="secret">
              <input id="password" name="password" {...((visible.value ? { type: "text" } : { type: "password" }) as { type: "password" })} autoComplete="current-password" maxLength={256} required />
              <button type="button" class="button plain" aria-pressed={visible.value} aria-label={visible.value ? w.hidePassword : w.showPassword} onClick={() => (visible.value = !visible.value)}>
                {visible.value ? w.hidePassword : w.showPassword}
              </button>
            </span>
          </label>
          {trouble.value ? <p class="say" role="alert">{trouble.value(w)}</p> : null}
          <button type="submit" class="button primary" disabled={sending.value}>{sending.value ? w.signingIn : w.signIn}</button>
          <p class="foot-line">
            <button type="button" class="button plain" aria-label={w.language} onClick={() => setLanguage(language.value === "zh" ? "en" : "zh")}>
              {language.value === "zh" ? "中 / EN" : "EN / 中"}
            </button>
          </p>
        </form>
      </main>
    </div>
  );
}

setLanguage(language.value);
const page = document.getElementById("page");
if (page) render(<Login />, page);
