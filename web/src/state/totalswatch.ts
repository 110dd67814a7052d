/**
 * Whether the service tells totals at all: a release that does not is asked for everybody,
 * so that the figures stay those of the district. They are told once on each connection and
 * then where they change, which a quiet night does not: a picture that is sent afresh on the
 * same connection brings none, and is no reason to doubt.
 */
export class TotalsWatch {
  #told = false;
  #due: ReturnType<typeof setTimeout> | undefined;
  #absent: () => void;

  /** Calls absent when a connection has shown something and told no totals for so long. */
  constructor(absent: () => void) {
    this.#absent = absent;
  }

  /** The connection showed the picture. */
  shown(): void {
    if (this.#told || this.#due !== undefined) return;
    this.#due = setTimeout(() => {
      this.#due = undefined;
      this.#absent();
    }, withinMs);
  }

  told(): void {
    this.#told = true;
    this.#stop();
  }

  /** There is another connection, or none. */
  lost(): void {
    this.#told = false;
    this.#stop();
  }

  #stop(): void {
    clearTimeout(this.#due);
    this.#due = undefined;
  }
}

const withinMs = 4_000;
