// The key sets of issuers with `jwks_uri` (RFC 7517): fetched when first needed, refreshed in the background, and when
// a token names a key that is not known. How long old keys may be used is the core's matter (`jwks_max_age`), and that a
// token is not refused for good (401) on the word of keys that could not be fetched again (503).

import type { Fetch, KeySource } from '../../types/index.js';
import { claimsOf } from '../unverified.js';
import { fetchText } from './fetching.js';
import { type Pace, Refreshing } from './refreshing.js';

const MOST = 1_048_576;

export type KeyOptions = Pace & {
  /** Seconds after which a key set that still works is fetched again. */
  readonly refreshAfter: number;
};

export class Keys {
  readonly #sets: ReadonlyMap<string, Refreshing>;
  readonly #options: KeyOptions;

  constructor(
    sources: readonly KeySource[],
    fetch: Fetch,
    options: KeyOptions,
    take: (issuer: string, jwks: string | undefined, now: number) => void,
  ) {
    this.#options = options;
    this.#sets = new Map(sources.map(({ issuer, jwksUri }) => [issuer, new Refreshing(async (signal, now) => {
      // From the start of a fetch until one succeeds the guard takes no key for unknown.
      take(issuer, undefined, now);
      const headers = { accept: 'application/jwk-set+json, application/json' };
      take(issuer, (await fetchText(fetch, { url: jwksUri, headers, most: MOST, signal })).text, now);
    }, options)]));
  }

  /** What has to be waited for before anything can be decided: key sets that were never there. */
  missing(now: number): Promise<unknown> | undefined {
    const running = [];
    for (const set of this.#sets.values()) {
      if (set.succeeded === undefined) running.push(set.refresh(now));
      else if (Math.abs(now - set.succeeded) >= this.#options.refreshAfter) set.refresh(now);
    }
    const waited = running.filter((one) => one !== undefined);
    return waited.length === 0 ? undefined : Promise.allSettled(waited);
  }

  /** Fetches again what these issuers have, within the pause between two attempts. */
  refresh(issuers: Iterable<string>, now: number): Promise<unknown> | undefined {
    const running = [...issuers].map((issuer) => this.#sets.get(issuer)?.refresh(now)).filter((one) => one !== undefined);
    return running.length === 0 ? undefined : Promise.allSettled(running);
  }
}

/** The issuers that the tokens of a request name. Nothing is verified here: it only chooses whose keys to fetch. */
export function issuersOf(head: string): Set<string> {
  const issuers = new Set<string>();
  for (const [token] of head.matchAll(/[\w-]+\.[\w-]+\.[\w-]+/g)) {
    try {
      const { iss } = claimsOf(token);
      if (typeof iss === 'string') issuers.add(iss);
    } catch {
      // No token, then.
    }
  }
  return issuers;
}
