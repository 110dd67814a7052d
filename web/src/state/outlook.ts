/**
 * What the page asks the live channel for: the ground on screen with a margin, the zoom,
 * and whom to follow beyond it. A new view is asked for when the screen leaves the one
 * before, not at every pixel of a drag, and a few times a second at most.
 */
import type { LiveView } from "../api/live.ts";
import type { Bounds } from "../map/mercator.ts";
import { gate } from "./tick.ts";

export type View = { bbox: Bounds; zoom: number };

/** From this zoom on the service tells of each; further out it counts by cells, larger ones the further out. */
export const dotsFromZoom = 10;
/** Cells as the service has them for a zoom are a little small for a mark with its chips. */
const cellsLarger = 0.35;
/** With fewer pixels than this to each, dots hide each other, and cells are counted although one is near enough. */
const crowdedPx = 350;
const roomyPx = 550;
/** So few never hide each other for long. */
const fewDots = 250;
/** As many as the service follows for one viewer. */
export const mostFollowed = 64;

/** On each side, as a share of what is on screen. */
const margin = 1 / 3;
/** A view this many times larger than the screen brings too much. */
const tooLarge = 8;
const everyMs = 350;

export const whole: Bounds = [-180, -85, 180, 85];

/** Nobody stands beyond the edge of the world, and the service takes no view of it. */
const lon = (v: number) => Math.max(whole[0], Math.min(v, whole[2]));
const lat = (v: number) => Math.max(whole[1], Math.min(v, whole[3]));
const area = (b: Bounds) => (b[2] - b[0]) * (b[3] - b[1]);
/** All zooms with dots are told alike; further out each whole step has its own cells. */
const step = (zoom: number) => Math.min(Math.floor(zoom), dotsFromZoom);

/** What to ask for when this is on screen, or null while what was asked for will do. */
export function viewFor(asked: View | null, screen: Bounds, zoom: number): View | null {
  const [w, s, e, n] = screen;
  if (asked && step(asked.zoom) === step(zoom)) {
    const [aw, as, ae, an] = asked.bbox;
    const inside = aw <= lon(w) && as <= lat(s) && ae >= lon(e) && an >= lat(n);
    if (inside && area(asked.bbox) <= tooLarge * area(screen)) return null;
  }
  const dx = (e - w) * margin;
  const dy = (n - s) * margin;
  return { bbox: [lon(w - dx), lat(s - dy), lon(e + dx), lat(n + dy)], zoom: Math.max(0, zoom) };
}

export class Outlook {
  #send: (asked: LiveView) => void;
  #screen: View | null = null;
  #view: View | null = null;
  #follow: string[] = [];
  #all = false;
  #crowded = false;
  #crowdedAt = 0; // the zoom at which that was found
  #first: () => void = () => {};
  /** Resolves when somebody has looked somewhere. */
  readonly opened = new Promise<void>((done) => {
    this.#first = done;
  });
  #tell: () => void;
  #due = false;

  constructor(send: (asked: LiveView) => void) {
    this.#send = send;
    this.#tell = gate(() => {
      const next = this.#screen && !this.#all ? viewFor(this.#view, this.#screen.bbox, this.#zoom(this.#screen.zoom)) : null;
      if (next) this.#view = next;
      if (!next && !this.#due) return;
      this.#due = false;
      this.#send(this.asked);
    }, everyMs);
  }

  /** The zoom to ask with. */
  #zoom(zoom: number): number {
    if (zoom < dotsFromZoom) return zoom - cellsLarger;
    return this.#crowded ? dotsFromZoom - 1 : zoom;
  }

  /** So many stand on so many pixels of the screen. */
  fill(n: number, px: number): void {
    const zoom = this.#screen?.zoom ?? 0;
    if (zoom < dotsFromZoom) return;
    const each = px / Math.max(1, n);
    if (!this.#crowded && n > fewDots && each < crowdedPx) {
      this.#crowded = true;
      this.#crowdedAt = zoom;
    } else if (this.#crowded && (n < fewDots / 2 || (each > roomyPx && (zoom > this.#crowdedAt + 0.2 || each > 3 * roomyPx)))) {
      // Counts are spread evenly over their cells to come to n, which they may not be:
      // at the zoom where dots were found too many they are not tried again and again.
      this.#crowded = false;
    } else return;
    this.#tell();
  }

  /** Before anybody looks: counts of everything, which are few. */
  get asked(): LiveView {
    return { ...(this.#all ? { bbox: whole, zoom: dotsFromZoom } : (this.#view ?? { bbox: whole, zoom: 0 })), follow: this.#follow };
  }

  lookAt(screen: Bounds, zoom: number): void {
    this.#screen = { bbox: screen, zoom };
    this.#tell();
    this.#first();
  }

  follow(ids: Iterable<string>): void {
    const next = [...new Set(ids)].slice(0, mostFollowed).sort(); // the first matter most
    if (next.join() === this.#follow.join()) return;
    this.#follow = next;
    this.#due = true;
    this.#tell();
  }

  /** Everybody one by one, wherever they are: for a service that tells no totals, so that they can be counted. */
  lookEverywhere(): void {
    if (this.#all) return;
    this.#all = true;
    this.#due = true;
    this.#tell();
  }

  /** The totals came after all. */
  lookNoFurther(): void {
    if (!this.#all) return;
    this.#all = false;
    this.#due = true;
    this.#tell();
  }
}
