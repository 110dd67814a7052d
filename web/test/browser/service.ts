/**
 * What the browser tests run against: the service at GRIDPATROL_URL with the
 * accounts of the file GRIDPATROL_DEMO, or, without these, the stand-in below dev/mock.
 */
import { readFileSync } from "node:fs";
import { createServer } from "vite";
import type { TestProject } from "vitest/node";

export type Place = { lon: number; lat: number };
export type Service = {
  url: string;
  /** The service itself, and not the stand-in. */
  real: boolean;
  username: string;
  password: string;
  /** A grid worker, who files reports from the phone page. */
  worker: { username: string; password: string };
  admin: { username: string; password: string };
  /** A bearer token that may file reports; empty for the stand-in, which needs none. */
  token: string;
  /** An account of a patrol, for the phone page. */
  phone: { username: string; password: string };
};

declare module "vitest" {
  export interface ProvidedContext {
    service: Service;
  }
}

type Demo = { url: string; accounts: { role: string; username: string; password: string }[]; admin_token: string };

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const url = process.env.GRIDPATROL_URL;
  const file = process.env.GRIDPATROL_DEMO;
  if (url) {
    if (!file) throw new Error("GRIDPATROL_URL is set: name the demo's file of accounts in GRIDPATROL_DEMO too");
    const demo = JSON.parse(readFileSync(file, "utf8")) as Demo;
    const of = (...roles: string[]) => {
      const found = roles.flatMap((role) => demo.accounts.find((a) => a.role === role) ?? [])[0];
      if (!found) throw new Error(`${file} has no account of ${roles.join(" or ")}`);
      return { username: found.username, password: found.password };
    };
    project.provide("service", { real: true, url: url.replace(/\/$/, ""), ...of("operator", "admin"), admin: of("admin"), worker: of("grid_worker"), token: demo.admin_token, phone: of("officer", "grid_worker", "operator") });
    return async () => {};
  }
  process.env.MOCK_REPORT_S = "0";
  const server = await createServer({ root: new URL("../..", import.meta.url).pathname, server: { port: 0, host: "127.0.0.1", hmr: false, watch: null }, logLevel: "error" });
  await server.listen();
  const address = server.httpServer?.address();
  if (!address || typeof address === "string") throw new Error("the stand-in did not start");
  const account = { username: "op1", password: "demo" };
  project.provide("service", { real: false, url: `http://127.0.0.1:${address.port}`, ...account, admin: account, worker: account, token: "", phone: account });
  return () => server.close();
}
