import type * as Api from '../types/index.js';
import type { State } from './state.js';

const VERDICTS = ['allow', 'deny', 'needs_approval'] as const;

/**
 * A verdict, and what is needed to write its document when somebody reads it: the request as it crossed, the time,
 * and the state of the guard that decided it. The guard is pure, so deciding the same again gives the same.
 */
export class Decision implements Api.Decision {
  readonly #packed: number;
  readonly #state: State;
  readonly #head: string;
  readonly #body: string | Uint8Array | undefined;
  readonly #now: number;
  #text: string | undefined;
  #document: Api.DecisionDocument | undefined;

  constructor(packed: number, state: State, head: string, body: string | Uint8Array | undefined, now: number) {
    this.#packed = packed;
    this.#state = state;
    this.#head = head;
    this.#body = body;
    this.#now = now;
  }

  get verdict(): Api.Verdict { return VERDICTS[this.#packed & 3] ?? 'deny'; }
  get allowed(): boolean { return (this.#packed & 3) === 0; }
  get code(): string | null { return this.#state.codes[(this.#packed >>> 2) & 0x3ff] ?? null; }
  get status(): number { return (this.#packed >>> 16) & 0x3ff; }

  get id(): string { return this.toJSON().id; }
  get at(): number | null { return this.toJSON().at; }
  get policy(): string { return this.toJSON().policy; }
  get stage(): string | null { return this.toJSON().stage; }
  get who(): Api.Who | null { return this.toJSON().who; }
  get action(): string | null { return this.toJSON().action; }
  get object(): string | null { return this.toJSON().object; }
  get rule(): string | null { return this.toJSON().rule; }
  get checks(): readonly Api.Check[] { return this.toJSON().checks; }
  get because(): readonly unknown[] { return this.toJSON().because; }
  get missing(): readonly unknown[] { return this.toJSON().missing; }
  get shadow(): readonly unknown[] { return this.toJSON().shadow; }
  get challenge(): string | null { return this.toJSON().challenge; }
  get reasonUser(): string | null { return this.toJSON().reason_user; }
  get reasonAdmin(): string | null { return this.toJSON().reason_admin; }

  toJSON(): Api.DecisionDocument {
    return (this.#document ??= JSON.parse(this.toString()) as Api.DecisionDocument);
  }

  toString(): string {
    return (this.#text ??= this.#state.explain(this.#head, this.#body, this.#now, this.#packed));
  }

  /** What `console.log` shows in Node. */
  [Symbol.for('nodejs.util.inspect.custom')](): unknown {
    return this.toJSON();
  }
}
