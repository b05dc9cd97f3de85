// How long one request waits. What it waits for may be shared, so it is left alone when the waiting ends.

/** The time of one request: until its deadline, or until its caller gives up. */
export class Waiting {
  /** Ends what is done for this request alone. */
  readonly signal: AbortSignal;
  readonly #caller: AbortSignal | undefined;

  constructor(milliseconds: number, caller: AbortSignal | undefined) {
    caller?.throwIfAborted();
    const deadline = AbortSignal.timeout(milliseconds);
    this.#caller = caller;
    this.signal = caller === undefined ? deadline : AbortSignal.any([caller, deadline]);
  }

  get over(): boolean {
    return this.signal.aborted;
  }

  /** Waits for `work`: true if it is done, false if it failed or the deadline passed. Throws if the caller gave up. */
  async for(work: Promise<unknown>): Promise<boolean> {
    let stop = (): void => {};
    const stopped = new Promise<false>((resolve) => {
      stop = () => resolve(false);
      if (this.signal.aborted) stop();
      else this.signal.addEventListener('abort', stop, { once: true });
    });
    try {
      return await Promise.race([work.then(() => true, () => false), stopped]);
    } finally {
      this.signal.removeEventListener('abort', stop);
      this.#caller?.throwIfAborted();
    }
  }
}
