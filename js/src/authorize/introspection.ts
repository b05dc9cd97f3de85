// Asking an issuer about a token (RFC 7662), with a bounded memory of answers. An answer is remembered under the whole
// token, never under a part or a digest of it.

import type { Fetch, IntrospectionClient } from '../../types/index.js';
import { fetchText } from './fetching.js';

const MOST = 65_536;
/** The most characters of tokens and answers that are remembered. */
const ROOM = 8_388_608;
/** The most questions that are under way at a time; further ones fail. */
const RUNNING = 256;

type Answer = { readonly at: number; readonly response: string };

export class Introspections {
  readonly #fetch: Fetch;
  readonly #clients: ReadonlyMap<string, IntrospectionClient>;
  readonly #deadline: number;
  readonly #seconds: number;
  readonly #known = new Map<string, Answer>();
  readonly #running = new Map<string, Promise<Answer>>();
  #size = 0;

  constructor(fetch: Fetch, clients: Readonly<Record<string, IntrospectionClient>>, seconds: number, deadline: number) {
    this.#fetch = fetch;
    this.#clients = new Map(Object.entries(clients));
    this.#seconds = seconds;
    this.#deadline = deadline;
  }

  /** The answer about a token, at most as old as the configuration allows. */
  async ask(endpoint: string, token: string, now: number): Promise<string> {
    const key = `${endpoint}\n${token}`;
    const known = this.#known.get(key);
    if (known !== undefined && now >= known.at && now - known.at < this.#seconds) return known.response;
    let running = this.#running.get(key);
    if (running === undefined) {
      if (this.#running.size >= RUNNING) throw new Error('too many introspections at a time');
      running = this.#post(endpoint, token, now).finally(() => this.#running.delete(key));
      this.#running.set(key, running);
    }
    const answer = await running;
    this.#remember(key, answer);
    return answer.response;
  }

  async #post(endpoint: string, token: string, now: number): Promise<Answer> {
    const client = this.#clients.get(endpoint);
    const headers = {
      accept: 'application/json, application/token-introspection+jwt',
      'content-type': 'application/x-www-form-urlencoded',
      ...(client === undefined ? {} : await credentials(client)),
    };
    const body = new URLSearchParams({ token, token_type_hint: 'access_token' }).toString();
    const signal = AbortSignal.timeout(this.#deadline);
    const { text } = await fetchText(this.#fetch, { url: endpoint, headers, body, most: MOST, signal });
    return { at: now, response: text };
  }

  #remember(key: string, answer: Answer): void {
    if (this.#seconds <= 0) return;
    this.#forget(key);
    this.#known.set(key, answer);
    this.#size += key.length + answer.response.length;
    for (const oldest of this.#known.keys()) {
      if (this.#size <= ROOM) break;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    const known = this.#known.get(key);
    if (known === undefined) return;
    this.#known.delete(key);
    this.#size -= key.length + known.response.length;
  }
}

async function credentials(client: IntrospectionClient): Promise<Record<string, string>> {
  if ('headers' in client) return { ...(await client.headers()) };
  // RFC 6749 §2.3.1: both are form-encoded before they are joined.
  const encoded = [client.clientId, client.clientSecret].map((text) => new URLSearchParams([['', text]]).toString().slice(1));
  return { authorization: `Basic ${btoa(encoded.join(':'))}` };
}
