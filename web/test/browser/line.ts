/** A line between a browser and the service that can be cut, also in the middle of a body. */
import { connect, createServer, type Socket } from "node:net";
import { service } from "./browser.ts";

export type Line = {
  /** The service's address by way of this line. */
  url: string;
  /** Ends every connection and lets nobody through until it is mended. */
  cut(): void;
  mend(): void;
  /** Cuts by itself once so many bytes more went up; answers when it has. */
  cutAfter(bytes: number): Promise<void>;
  /** Lets the next large body through and loses the answer to it. */
  loseAnswer(): Promise<void>;
  close(): Promise<void>;
};
const largeBody = 50 << 10;

export async function openLine(): Promise<Line> {
  const to = new URL(service.url);
  const open = new Set<Socket>();
  let down = false;
  let left = Infinity;
  let wasCut = () => {};
  let lose: (() => void) | null = null;
  const cut = () => {
    down = true;
    left = Infinity;
    for (const s of open) s.destroy();
    wasCut();
  };
  const server = createServer((near) => {
    if (down) {
      near.destroy();
      return;
    }
    const far = connect(Number(to.port), to.hostname);
    for (const [s, other] of [[near, far], [far, near]] as const) {
      open.add(s);
      s.on("error", () => {}); // the end is heard below
      s.on("close", () => {
        open.delete(s);
        other.destroy();
      });
    }
    let up = 0;
    near.on("data", (bytes) => {
      far.write(bytes);
      up += bytes.length;
      left -= bytes.length;
      if (left <= 0) cut();
    });
    far.on("data", (bytes) => {
      if (lose && up > largeBody) {
        const lost = lose;
        lose = null;
        near.destroy();
        lost();
        return;
      }
      near.write(bytes);
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  if (!address || typeof address === "string") throw new Error("the line did not open");
  return {
    url: `http://127.0.0.1:${address.port}`,
    cut,
    mend: () => (down = false),
    cutAfter: (bytes) =>
      new Promise((done) => {
        left = bytes;
        wasCut = () => {
          wasCut = () => {};
          done();
        };
      }),
    loseAnswer: () => new Promise((done) => (lose = done)),
    close: () =>
      new Promise((done) => {
        for (const s of open) s.destroy();
        server.close(() => done());
      }),
  };
}
