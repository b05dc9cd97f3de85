// Documents that are fetched again and again for everybody: key sets and status lists.

/** When a document is fetched again. */
export type Pace = {
  /** Seconds between two attempts, whoever asks for them and whatever became of the last. */
  readonly minInterval: number;
  /** Milliseconds for one attempt. */
  readonly deadline: number;
  /** Hears of every attempt that fails. */
  readonly failed: (error: unknown) => void;
};

/**
 * One document: one fetch at a time however many wait for it, and a pause after each attempt that no request can
 * shorten. An attempt that fails leaves what was there before.
 */
export class Refreshing {
  readonly #get: (signal: AbortSignal, now: number) => Promise<void>;
  readonly #pace: Pace;
  #running: Promise<void> | undefined;
  #tried: number | undefined;
  #succeeded: number | undefined;

  constructor(get: (signal: AbortSignal, now: number) => Promise<void>, pace: Pace) {
    this.#get = get;
    this.#pace = pace;
  }

  /** When the last fetch that succeeded began, in seconds. */
  get succeeded(): number | undefined {
    return this.#succeeded;
  }

  /** The fetch that is running, or a new one; nothing during the pause. */
  refresh(now: number): Promise<void> | undefined {
    if (this.#running !== undefined) return this.#running;
    const since = this.#tried === undefined ? Infinity : now - this.#tried;
    if (since >= 0 && since < this.#pace.minInterval) return undefined;
    this.#tried = now;
    this.#running = this.#fetch(now).finally(() => { this.#running = undefined; });
    this.#running.catch(this.#pace.failed);
    return this.#running;
  }

  async #fetch(now: number): Promise<void> {
    await this.#get(AbortSignal.timeout(this.#pace.deadline), now);
    this.#succeeded = now;
  }
}
