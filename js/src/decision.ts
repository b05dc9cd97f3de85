import type * as Api from '../types/index.js';
import { documentOf } from './document.js';
import type { Asked } from './request.js';
import type { State } from './state.js';

/** The code in a packed verdict. */
export function codeOf(packed: number, state: State): Api.Code | null {
  return (state.codes[(packed >>> 2) & 0x3ff] ?? null) as Api.Code | null;
}

const VERDICTS = ['allow', 'deny', 'needs_approval'] as const;

/**
 * A verdict, and what is needed to write its document when somebody reads it: the request as it crossed, the time,
 * and the state of the guard that decided it. The guard is pure, so deciding the same again gives the same.
 */
export class Decision implements Api.AnyDecision {
  readonly #packed: number;
  readonly #state: State;
  readonly #asked: Asked;
  #text: string | undefined;
  #document: Api.DecisionDocument | undefined;

  private constructor(packed: number, state: State, asked: Asked) {
    this.#packed = packed;
    this.#state = state;
    this.#asked = asked;
  }

  /** Asks the guard's state something else about the request of a decision. */
  static about<T>(decision: Api.Decision, ask: (state: State, asked: Asked, packed: number) => T): T {
    if (!(decision instanceof Decision)) throw new TypeError('this is not a decision of a guard');
    const own: Decision = decision;
    return ask(own.#state, own.#asked, own.#packed);
  }

  /** The type outside is a union by verdict, which a class cannot be. */
  static of(packed: number, state: State, asked: Asked): Api.Decision {
    return new Decision(packed, state, asked) as Api.AnyDecision as Api.Decision;
  }

  get verdict(): Api.Verdict { return VERDICTS[this.#packed & 3] ?? 'deny'; }
  get allowed(): boolean { return (this.#packed & 3) === 0; }
  get code(): Api.Code | null { return codeOf(this.#packed, this.#state); }
  get told(): Api.Code | null { return this.code === null ? null : this.toJSON().told ?? this.code; }
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
  get because(): readonly Api.Reason[] { return this.toJSON().because; }
  get missing(): readonly Api.TupleKey[] { return this.toJSON().missing; }
  get shadow(): readonly Api.ShadowDecision[] { return this.toJSON().shadow; }
  get approval(): Api.ApprovalOffer | null { return this.toJSON().approval ?? null; }
  get dpopNonce(): string | null {
    return this.code === 'proof_nonce_needed' ? this.#state.dpopNonce(this.#asked, this.#packed) : null;
  }
  get challenge(): string | null { return this.toJSON().challenge; }
  get reasonUser(): string | null { return this.toJSON().reason_user; }
  get reasonAdmin(): string | null { return this.toJSON().reason_admin; }

  toJSON(): Api.DecisionDocument {
    return (this.#document ??= documentOf(this.#state.explainShort(this.#asked, this.#packed), this.#state.checks));
  }

  toString(): string {
    return (this.#text ??= this.#state.explain(this.#asked, this.#packed));
  }

  /** What `console.log` shows in Node. */
  [Symbol.for('nodejs.util.inspect.custom')](): unknown {
    return this.toJSON();
  }
}
