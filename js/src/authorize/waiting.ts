// How long one request waits. What it waits for may be shared, so it is left alone when the waiting ends.

/** The time of one request: until its deadline, or until its caller gives up. */
export class Waiting {
  readonly #caller: AbortSignal | undefined;
  readonly #until: number;
  #controller: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #stop = (): void => this.#controller?.abort(this.#caller?.reason);

  constructor(milliseconds: number, caller: AbortSignal | undefined) {
    caller?.throwIfAborted();
    this.#caller = caller;
    this.#until = performance.now() + milliseconds;
  }

  /** Ends what is done for this request alone. Made when something is waited for: most requests wait for nothing. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      this.#timer = setTimeout(this.#stop, Math.max(0, this.#until - performance.now()));
      this.#caller?.addEventListener('abort', this.#stop, { once: true });
      if (this.#caller?.aborted === true) this.#stop();
    }
    return this.#controller.signal;
  }

  get over(): boolean {
    return this.#controller?.signal.aborted ?? performance.now() >= this.#until;
  }

  /** Waits for `work`: true if it is done, false if it failed or the deadline passed. Throws if the caller gave up. */
  async for(work: Promise<unknown>): Promise<boolean> {
    const { signal } = this;
    let stop = (): void => {};
    const stopped = new Promise<false>((resolve) => {
      stop = () => resolve(false);
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    });
    try {
      return await Promise.race([work.then(() => true, () => false), stopped]);
    } finally {
      signal.removeEventListener('abort', stop);
      this.#caller?.throwIfAborted();
    }
  }

  /** Gives the timer back. */
  end(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener('abort', this.#stop);
  }
}
