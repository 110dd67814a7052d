import { cleanup, configure, fireEvent, render, screen } from "@testing-library/preact";
import { beforeEach, describe, expect, it, vi } from "vitest";

// The machine may be busier than the page.
configure({ asyncUtilTimeout: 20_000 });
vi.setConfig({ testTimeout: 60_000 });

const sent: { body: Record<string, string>; bearer: string | null; url: string }[] = [];
let answers: (Response | Error)[] = [];
vi.stubGlobal("fetch", async (request: Request) => {
  sent.push({ body: JSON.parse((await request.text()) || "{}") as Record<string, string>, bearer: request.headers.get("Authorization"), url: request.url });
  const next = answers.shift() ?? new Error("no line");
  if (next instanceof Error) throw next;
  return next;
});
const made = () =>
  new Response(JSON.stringify({ token: "gpd_secret", expires_at: "2027-01-01T00:00:00Z", device: { id: "d", code: "P-1-2" }, patrol: { id: "p", code: "P-1", name: "巡 01" } }), { status: 201, headers: { "Content-Type": "application/json" } });
const wrong = () =>
  new Response(JSON.stringify({ type: "/problems/enrolment-code", title: "", status: 400, detail: "no", errors: [] }), { status: 400, headers: { "Content-Type": "application/problem+json" } });

const { EnrolPage, takeFragment } = await import("./enrol.tsx");
const { forgetDevice, keptDevice, plainCode } = await import("../state/device.ts");
const { ask, client } = await import("../api/client.ts");
const { words } = await import("../i18n/index.ts");
const w = words.value.enrol;

const show = () => fireEvent.submit(screen.getByLabelText(w.code).closest("form") as HTMLFormElement);

describe("a phone that shows its code", () => {
  beforeEach(() => {
    forgetDevice();
    sent.length = 0;
    answers = [];
    cleanup();
  });

  it("takes the code out of the address, so that it is not shared with it", () => {
    history.replaceState(null, "", "/enrol#ACDEFGHJ");
    takeFragment();
    expect(location.hash).toBe("");
    render(<EnrolPage />);
    expect((screen.getByLabelText(w.code) as HTMLInputElement).value).toBe("ACDEFGHJ");
  });

  it("keeps the token, asks again as the same phone when the answer was lost, and speaks by it afterwards", async () => {
    render(<EnrolPage />);
    fireEvent.input(screen.getByLabelText(w.code), { target: { value: "acde-fghj" } });
    show();
    await screen.findByText(words.value.offlineNow);
    expect(keptDevice()).toBeNull();
    answers = [wrong()];
    show();
    await screen.findByText(w.wrong);
    answers = [made(), new Response("{}", { status: 200, headers: { "Content-Type": "application/json" } })];
    show();
    await screen.findByText(`✓ ${w.done("巡 01")}`);
    expect(sent.map((s) => s.body.code)).toEqual(["ACDEFGHJ", "ACDEFGHJ", "ACDEFGHJ"]);
    expect(new Set(sent.map((s) => s.body.install)).size).toBe(1);
    expect(keptDevice()).toEqual({ token: "gpd_secret", code: "P-1-2", patrol: "巡 01" });
    await ask(client.GET("/api/v1/session"));
    expect(sent.at(-1)?.bearer).toBe("Bearer gpd_secret");
  });
});

it("reads codes as people type them", () => {
  expect(plainCode(" acde fghj ")).toBe("ACDEFGHJ");
  expect(plainCode("ACDE-FGHJ")).toBe("ACDEFGHJ");
});
