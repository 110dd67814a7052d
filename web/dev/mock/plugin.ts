/** The stand-in service as a Vite plugin: HTTP below /api/v1 and the live socket, for development and the page's own tests. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { GeoJSONVT } from "@maplibre/geojson-vt";
import { fromGeojsonVt } from "@maplibre/vt-pbf";
import type { Plugin } from "vite";
import { type WebSocket, WebSocketServer } from "ws";
import type { CaseDetail } from "../../src/api/types.ts";
import { distanceM } from "../../src/map/mercator.ts";
import { cases, claim, event, give, release, report, send } from "./cases.ts";
import { areas, categories, departments, gridFeatures, grids, newID, patrols, random, roadFeatures } from "./world.ts";

const tileOptions = { maxZoom: 16, indexMaxZoom: 5, tolerance: 2, buffer: 64 };
const layers = {
  grids: new GeoJSONVT({ type: "FeatureCollection", features: gridFeatures }, tileOptions),
  roads: new GeoJSONVT({ type: "FeatureCollection", features: roadFeatures }, tileOptions),
};

let signedIn = process.env.MOCK_SIGNED_IN === "1";
let wrong = 0;
const sockets = new Set<{ socket: WebSocket; seq: number }>();
const keys = new Map<string, unknown>();
/** Reports by id, each of which the one code of the stand-in opens. */
const followed = new Map<string, CaseDetail>();
const code = "7QK2M-9XD4T";

function push(frame: Record<string, unknown>): void {
  for (const s of sockets) if (s.socket.readyState === 1) s.socket.send(JSON.stringify({ ...frame, seq: ++s.seq }));
}
const short = (c: CaseDetail) => {
  const { undo_until: _u, reports: _r, events: _e, nearby: _n, ...rest } = c;
  return rest;
};
const pushCase = (c: CaseDetail) => push({ type: "case", case: short(c) });
const live = (p: (typeof patrols)[number]) => ({ id: p.id, lon: p.lon, lat: p.lat, heading_deg: p.heading, status: p.status, presence: p.presence, t: p.t, department: p.department });

let begun = false;
function begin(): void {
  if (begun) return;
  begun = true;
  for (let i = 0; i < 46; i++) {
    const c = report({ madeMinutesAgo: Math.floor(random() ** 2 * 1300) });
    if (i % 3 === 0) {
      Object.assign(c, { stage: "closed", closed_at: new Date(Date.parse(c.made_at) + 1_800_000).toISOString(), dispatch: "done" });
      for (const a of c.assignments) {
        a.arrived_at = new Date(Date.parse(c.made_at) + 300_000 + random() * 500_000).toISOString();
        a.state = "done";
        release(a.patrol_id);
      }
    }
    if (i % 13 === 4 && !c.closed_at) Object.assign(c, { overdue: true, due_at: new Date(Date.now() - 360_000).toISOString() });
  }
  setInterval(move, 1000).unref();
  const every = Number(process.env.MOCK_REPORT_S ?? 25);
  if (every > 0) setInterval(() => pushCase(report()), every * 1000).unref();
}

function move(): void {
  const moved = [];
  for (const p of patrols) {
    if (p.presence === "lost" || p.status === "on_scene" || random() < 0.2) continue;
    if (p.target) {
      const [x, y] = p.target;
      p.heading = (Math.atan2(x - p.lon, y - p.lat) * 180) / Math.PI;
      if (distanceM(p, { lon: x, lat: y }) < 40) {
        p.status = "on_scene";
        const c = p.caseID ? cases.get(p.caseID) : undefined;
        for (const a of c?.assignments ?? []) if (a.patrol_id === p.id) Object.assign(a, { state: "on_scene", arrived_at: new Date().toISOString() });
        if (c) {
          event(c, "on_scene", p.name);
          pushCase(c);
        }
      }
    } else p.heading += (random() - 0.5) * 40;
    const m = p.speedMS * 1.2;
    p.lon += (Math.sin((p.heading * Math.PI) / 180) * m) / 97_800;
    p.lat += (Math.cos((p.heading * Math.PI) / 180) * m) / 111_000;
    p.t = new Date().toISOString();
    moved.push(live(p));
  }
  push({ type: "delta", moved, gone: [] });
}

type Reply = { status?: number; body?: unknown; bytes?: Uint8Array; headers?: Record<string, string> };
const problem = (status: number, type: string, detail: string, headers = {}): Reply => ({
  status, headers: { "Content-Type": "application/problem+json", ...headers }, body: { type: `/problems/${type}`, title: type, status, detail, errors: [] },
});
const page = (items: unknown[]): Reply => ({ body: { items, next_cursor: null } });
const session = { kind: "account", account_id: newID(), device_id: null, patrol_id: patrols[patrols.length - 1]?.id ?? null, role: "operator", name: "op1", scope: { area_code: null, department: null }, may: ["dispatch", "close_case", "report", "watch_live", "see_cases", "see_patrols", "duty_sheet"], csrf: "c", expires_at: null };

function answer(method: string, url: URL, body: unknown, headers: IncomingMessage["headers"]): Reply {
  const path = url.pathname.replace("/api/v1", "");
  const parts = path.split("/").filter(Boolean);
  if (path === "/session") {
    if (method === "DELETE") {
      signedIn = false;
      return { status: 204 };
    }
    if (method === "POST") {
      const { password } = body as { password: string };
      if (wrong >= 5) return problem(429, "throttled", "Too many tries.", { "Retry-After": "30" });
      if (password !== "demo") {
        wrong++;
        return problem(401, "wrong-password", "Wrong.");
      }
      signedIn = true;
      wrong = 0;
    }
    return signedIn ? { body: session } : problem(401, "unauthenticated", "Sign in first.");
  }
  if (parts[0] === "reports" && parts[1] && headers["x-follow-up-code"]) {
    const c = followed.get(parts[1]) ?? [...followed.values()].find((x) => x.number === parts[1]);
    if (!c || headers["x-follow-up-code"] !== code) return problem(404, "not-found", "The number and the code do not belong together; check both.");
    const told = { why: "received", at: c.made_at, text: { zh: `已收到，编号 ${c.number}。`, en: `Received, number ${c.number}.` } };
    return { body: { number: c.number, received_at: c.made_at, category: { zh: c.category, en: c.category }, stage: c.stage, stage_text: { zh: "已派人前往", en: "People have been sent" }, open: true, departments: [], arrived: false, result: null, messages: [told] } };
  }
  if (!signedIn) return problem(401, "unauthenticated", "Sign in first.");
  if (parts[0] === "tiles") {
    const [, layer, z, x, y] = parts;
    const index = layers[layer as keyof typeof layers] as GeoJSONVT | undefined;
    const tile = index?.getTile(Number(z), Number(x), Number.parseInt(y ?? "", 10));
    const bytes = tile ? fromGeojsonVt({ [layer as string]: tile } as never, { version: 2, extent: 4096 }) : new Uint8Array();
    return { bytes, headers: { "Content-Type": "application/vnd.mapbox-vector-tile" } };
  }
  if (path === "/tickets") return { body: { ticket: newID(), expires_at: new Date(Date.now() + 30_000).toISOString() } };
  if (path === "/departments") return page(departments);
  if (path === "/categories") return page(categories);
  if (path === "/areas") return page(areas);
  if (path === "/patrols") return page(patrols);
  if (parts[0] === "patrols") {
    const p = patrols.find((x) => x.id === parts[1]);
    return p ? { body: p } : problem(404, "not-found", "No such patrol.");
  }
  if (path === "/grids") return page(grids.map(({ geometry: _g, people: _p, valid_from: _f, valid_to: _t, ...g }) => g));
  if (parts[0] === "grids") {
    const g = grids.find((x) => x.id === parts[1]);
    return g ? { body: g } : problem(404, "not-found", "No such grid.");
  }
  if (path === "/route") {
    const [a, b] = ["from", "to"].map((k) => (url.searchParams.get(k) ?? "0,0").split(",").map(Number)) as [number[], number[]];
    const corner = [b[0], a[1]];
    return { body: { duration_s: 300, distance_m: 2100, eta_kind: "road", geometry: { type: "LineString", coordinates: [a, corner, b] }, snap_from_m: 3, snap_to_m: 5, steps: [] } };
  }
  if (path === "/locate") return { body: { responsible: { grid_id: grids[9]?.id, code: grids[9]?.code, name: grids[9]?.name, kind: "general", share: 0.9, basis: "inside", distance_m: 0 }, runner_up: null, shares: [], lon: 0, lat: 0, cell: "", accuracy_m: 20, accuracy_assumed: true } };
  if (path === "/cells") return { body: { items: grids.filter((_, i) => i % 9 === 0).map((g, i) => ({ cell: String(i), count: 1 + (i % 7), boundary: g.geometry.coordinates[0]?.[0] })) } };
  if (path === "/reports" && method === "POST") {
    const key = String(headers["idempotency-key"] ?? "");
    if (keys.has(key)) return { status: 201, body: keys.get(key), headers: { "Idempotency-Replayed": "true" } };
    const r = body as { category: string; location: { lon: number; lat: number }; description?: string };
    const c = report({ category: r.category, lon: r.location.lon, lat: r.location.lat, description: r.description });
    const id = newID();
    const filed = { report_id: id, case: short(c), follow_up: { code, url: `/follow#${id}.${code}` } };
    followed.set(id, c);
    keys.set(key, filed);
    pushCase(c);
    return { status: 201, body: filed };
  }
  if (path === "/cases") {
    const open = url.searchParams.get("open");
    const all = [...cases.values()].filter((c) => open === null || (c.closed_at === null) === (open === "true"));
    return page(all.sort((a, b) => (a.made_at < b.made_at ? 1 : -1)).map(short));
  }
  if (parts[0] === "cases") return caseAction(method, parts, body, headers);
  if (path === "/me/notices/seen") return { body: { unseen: 0 } };
  if (path === "/me/notices") return { body: { items: [], next_cursor: null, unseen: 0 } };
  if (path === "/operator-items") return page([]);
  if (path === "/revisits") return { body: { items: [] } };
  if (path === "/tiers") return { body: { from: new Date(0).toISOString(), to: new Date().toISOString(), settled: 40, items: [["grid", 24], ["village", 8], ["town", 5], ["district", 3]].map(([tier, count]) => ({ tier, count, share: Number(count) / 40 })) } };
  if (path === "/reports") return page([]);
  if (path === "/me/duty") return { body: patrols[patrols.length - 1] };
  return problem(404, "not-found", path);
}

function caseAction(method: string, parts: string[], body: unknown, headers: IncomingMessage["headers"]): Reply {
  const c = cases.get(parts[1] ?? "");
  if (!c) return problem(404, "not-found", "No such case.");
  if (method === "POST") {
    const match = headers["if-match"];
    if (match && match !== `"${c.version}"`) return problem(412, "changed", "The case has changed.");
    if (parts[2] === "dispatch") {
      const { choices } = (body ?? {}) as { choices?: { department: string; patrol_id: string }[] };
      for (const { department, patrol_id } of choices ?? []) {
        const a = c.assignments.find((x) => x.kind === "department" && x.department === department);
        const to = a?.candidates.find((x) => x.patrol_id === patrol_id);
        if (!a || !to) continue;
        release(a.patrol_id);
        give(a, to);
        a.state = "offered";
        const p = patrols.find((x) => x.id === patrol_id);
        if (p) claim(p, c);
      }
      send(c);
      c.undo_until = new Date(Date.now() + 5000).toISOString();
      event(c, "dispatched", "op1");
    } else if (parts[2] === "undo") {
      for (const a of c.assignments) {
        release(a.patrol_id);
        a.state = "proposed";
      }
      Object.assign(c, { dispatch: "proposed", stage: "reported", undo_until: null });
      event(c, "undone", "op1");
    } else if (parts[2] === "close") {
      for (const a of c.assignments) release(a.patrol_id);
      Object.assign(c, { stage: "closed", closed_at: new Date().toISOString(), undo_until: null });
      event(c, "closed", "op1", body as Record<string, unknown>);
    } else if (parts[2] === "assignments") {
      const a = c.assignments.find((x) => x.id === parts[3]);
      const to = { accept: "accepted", decline: "declined", en_route: "en_route", on_scene: "on_scene", done: "done" }[parts[4] ?? ""];
      if (!a || !to) return problem(404, "not-found", "No such assignment.");
      a.state = to as typeof a.state;
      event(c, parts[4] ?? "", "me");
    }
    pushCase(c);
  }
  return { body: c, headers: { ETag: `"${c.version}"` } };
}

async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  const raw = Buffer.concat(chunks).toString("latin1");
  let body: unknown;
  if (raw.startsWith("{")) body = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  else {
    const part = /name="report"[\s\S]*?\r\n\r\n([\s\S]*?)\r\n--/.exec(raw)?.[1];
    if (part) body = JSON.parse(Buffer.from(part, "latin1").toString("utf8"));
  }
  const reply = answer(req.method ?? "GET", new URL(req.url ?? "/", "http://localhost"), body, req.headers);
  res.statusCode = reply.status ?? 200;
  const head = { ...(reply.body === undefined ? {} : { "Content-Type": "application/json" }), ...reply.headers };
  for (const [k, v] of Object.entries(head)) res.setHeader(k, v);
  res.end(reply.bytes ? Buffer.from(reply.bytes) : reply.body === undefined ? undefined : JSON.stringify(reply.body));
}

export function mockService(): Plugin {
  const attach = (server: Server | null, use: (act: (q: IncomingMessage, s: ServerResponse, next: () => void) => void) => void) => {
    begin();
    use((req, res, next) => {
      if (req.url?.startsWith("/api/")) serve(req, res).catch((e) => res.writeHead(500).end(String(e)));
      else {
        if (/^\/(m|login|follow)(\?|$)/.test(req.url ?? "")) req.url = (req.url ?? "").replace(/^\/(m|login|follow)/, "/$1.html");
        next();
      }
    });
    const doors = new WebSocketServer({ noServer: true, handleProtocols: (list) => [...list][0] ?? false });
    server?.on("upgrade", (req, socket, head) => {
      if (!req.url?.startsWith("/ws/live")) return;
      doors.handleUpgrade(req, socket, head, (ws) => {
        const viewer = { socket: ws, seq: 0 };
        ws.on("message", () => {
          ws.send(JSON.stringify({ type: "snapshot", seq: ++viewer.seq, patrols: patrols.map(live), cases: [...cases.values()].filter((c) => !c.closed_at).map(short) }));
          sockets.add(viewer);
        });
        ws.on("close", () => sockets.delete(viewer));
      });
    });
  };
  return {
    name: "mock-service",
    configureServer(server) {
      attach(server.httpServer as Server | null, (act) => server.middlewares.use(act));
    },
    configurePreviewServer(server) {
      attach(server.httpServer as Server, (act) => server.middlewares.use(act));
    },
  };
}
