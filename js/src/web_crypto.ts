// Signatures checked by Web Crypto, which answers later: what a decision asks is noted and fails for the time being, the
// answers are awaited, and the request is decided again. Form, key and ranges were checked in WebAssembly before.

import type { HostCrypto } from './bindings.js';

/** How many signatures of one request are asked about; further ones are left to the code in WebAssembly. */
const MOST = 8;
/** How many keys are kept; the oldest one makes room. */
const KEYS = 256;
const FAILS = 0;
const HOLDS = 1;
/** The answer that leaves it to the code in WebAssembly. */
const UNKNOWN = 2;

type Answer = typeof FAILS | typeof HOLDS | typeof UNKNOWN;
type Keys = Map<string, Promise<CryptoKey>>;
type How = { readonly key: RsaHashedImportParams | EcKeyImportParams; readonly verify: AlgorithmIdentifier | RsaPssParams | EcdsaParams };

const pkcs1 = (hash: string): How => ({ key: { name: 'RSASSA-PKCS1-v1_5', hash }, verify: 'RSASSA-PKCS1-v1_5' });
const pss = (hash: string, saltLength: number): How => ({ key: { name: 'RSA-PSS', hash }, verify: { name: 'RSA-PSS', saltLength } });

/** What Web Crypto does faster. ES256 and EdDSA are as fast in WebAssembly, and EdDSA is as strict everywhere there. */
const ALGORITHMS: ReadonlyMap<string, How> = new Map([
  ['ES384', { key: { name: 'ECDSA', namedCurve: 'P-384' }, verify: { name: 'ECDSA', hash: 'SHA-384' } }],
  ['PS256', pss('SHA-256', 32)],
  ['PS384', pss('SHA-384', 48)],
  ['PS512', pss('SHA-512', 64)],
  ['RS256', pkcs1('SHA-256')],
  ['RS384', pkcs1('SHA-384')],
  ['RS512', pkcs1('SHA-512')],
]);

type Question = {
  readonly algorithm: string;
  readonly thumbprint: Uint8Array<ArrayBuffer>;
  readonly message: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
  readonly jwk: string;
  readonly keys: Keys;
  answer: Answer | undefined;
};

/** The signatures of one request: what is known of them, and what has to be asked. */
export class Signatures {
  readonly #questions: Question[] = [];
  #noting = false;
  #closed = false;

  /** Whether what was decided last leaned on a signature that nobody has checked: it counts for nothing. */
  get open(): boolean {
    return this.#questions.some(({ answer }) => answer === undefined);
  }

  /** Decides, and notes what has to be asked. */
  noting<T>(decide: () => T): T {
    this.#noting = !this.#closed;
    try {
      return decide();
    } finally {
      this.#noting = false;
    }
  }

  /** See `HostCrypto`. What is not known yet fails. */
  verify(keys: Keys, algorithm: string, thumbprint: Uint8Array, jwk: Uint8Array, message: Uint8Array, signature: Uint8Array): Answer {
    const known = this.#questions.find((question) => question.algorithm === algorithm && same(question.thumbprint, thumbprint)
      && same(question.signature, signature) && same(question.message, message));
    if (known !== undefined) return known.answer ?? FAILS;
    if (!this.#noting || this.#questions.length >= MOST || !ALGORITHMS.has(algorithm)) return UNKNOWN;
    const [text, print, what, signed] = [new TextDecoder().decode(jwk), thumbprint.slice(), message.slice(), signature.slice()];
    this.#questions.push({ algorithm, thumbprint: print, jwk: text, message: what, signature: signed, keys, answer: undefined });
    return FAILS;
  }

  /** Asks what is open. Never fails: what Web Crypto cannot tell is left to the code in WebAssembly. */
  async answer(): Promise<void> {
    const open = this.#questions.filter(({ answer }) => answer === undefined);
    await Promise.all(open.map(async (question) => {
      const answer = await ask(question).catch((): Answer => UNKNOWN);
      question.answer ??= answer;
    }));
  }

  /** No time for more: what is open, and whatever else comes, is left to the code in WebAssembly. */
  close(): void {
    this.#closed = true;
    for (const question of this.#questions) question.answer ??= UNKNOWN;
  }
}

async function ask({ algorithm, thumbprint, jwk, message, signature, keys }: Question): Promise<Answer> {
  const how = ALGORITHMS.get(algorithm);
  if (how === undefined) return UNKNOWN;
  // A key may serve two issuers under two algorithms.
  const name = algorithm + String.fromCharCode(...thumbprint);
  let key = keys.get(name);
  if (key === undefined) {
    key = crypto.subtle.importKey('jwk', JSON.parse(jwk) as JsonWebKey, how.key, false, ['verify']);
    if (keys.size >= KEYS) keys.delete(keys.keys().next().value as string);
    keys.set(name, key);
  }
  const holds: unknown = await crypto.subtle.verify(how.verify, await key, signature, message);
  return typeof holds === 'boolean' ? (holds ? HOLDS : FAILS) : UNKNOWN;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** Web Crypto for guards, in `authorize`; nothing where the page has none, as it is not a secure context. */
export const webCrypto: HostCrypto | undefined = (globalThis.crypto as Crypto | undefined)?.subtle === undefined ? undefined : {
  keys: new Map(),
  atOnce: false,
  later: () => new Signatures(),

  verify(algorithm, thumbprint, jwk, message, signature) {
    try {
      return this.asking?.verify(this.keys as Keys, algorithm, thumbprint, jwk, message, signature) ?? UNKNOWN;
    } catch {
      return UNKNOWN;
    }
  },
};
