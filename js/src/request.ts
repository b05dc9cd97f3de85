// A request as the one string that crosses into WebAssembly: src/adapters/js/src/wire.rs says how it is read.

import type { DecideOptions, GuardHeaders, GuardRequest } from '../types/index.js';
import { wasm } from './bindings.js';
import type { Signatures } from './web_crypto.js';

/** A request as it crosses. Nobody can change it afterwards. */
export type Asked = {
  readonly head: string;
  readonly body: string | Uint8Array | undefined;
  /** What the host knows beside the request, as JSON; empty where that is nothing. */
  readonly facts: string;
  readonly now: number;
  /** Its signatures, where somebody is asked who answers later. */
  readonly signatures?: Signatures | undefined;
};

/** What the host knows beside the request: src/adapters/js/src/facts.rs says how it is read. */
export type Facts = {
  peer?: string;
  certificate?: string;
  store?: true;
  proof?: 'first' | 'again';
  approval?: 'first' | 'again';
  introspection?: { token: string; response: string };
  question?: {
    readonly subject: { readonly type: string; readonly id: string };
    readonly action: string;
    readonly type: string;
    readonly id: string;
    readonly arguments: Readonly<Record<string, unknown>>;
  };
  vouched?: Readonly<Record<string, unknown>>;
  relationsUnreachable?: true;
  replies?: readonly (readonly [subject: string, relation: string, object: string, holds: boolean])[];
};

/** The time of a decision, in seconds. What is no number is no time, and refused. */
export function timeOf(options: { readonly now?: number | undefined } | undefined, clock: () => number): number {
  return options?.now === undefined ? clock() : Number(options.now);
}

/** The request, ready to cross. */
export function ask(request: GuardRequest, options: DecideOptions | undefined, now: number): Asked {
  const head = writeHead(request, options?.id ?? '');
  return { head, body: keepBody(request.body), facts: writeFacts(connection(request)), now };
}

/** What the connection shows. What is not a text counts as not there. */
export function connection({ peer, clientCertificate }: GuardRequest): Facts {
  const facts: Facts = {};
  if (typeof peer === 'string') facts.peer = peer;
  if (typeof clientCertificate === 'string') facts.certificate = clientCertificate;
  return facts;
}

export function writeFacts(facts: Facts): string {
  for (const _ in facts) return JSON.stringify(facts);
  return '';
}

/** No request has this many lines: the core refuses it as `request_invalid`. */
export const UNREADABLE = -1;

/** The head: how many lines follow, then id, method, target, and the header fields that a decision reads. */
function writeHead(request: GuardRequest, id: string): string {
  const { headers: names, headerLengths } = wasm();
  let lines = 3;
  let fields = '';

  function add(name: string, value: unknown): void {
    if (typeof name !== 'string') {
      lines = UNREADABLE;
      return;
    }
    if (headerLengths[name.length] !== true) return;
    const lower = name.toLowerCase();
    if (!names.has(lower)) return;
    if (typeof value === 'string') {
      if (lines !== UNREADABLE) lines += 2;
      fields += '\n' + lower + '\n' + value;
    } else if (Array.isArray(value)) {
      for (const one of value) add(lower, typeof one === 'string' ? one : null);
    } else if (value !== undefined) {
      lines = UNREADABLE;
    }
  }

  if (!eachHeader(request.headers, add)) lines = UNREADABLE;
  const { method, url, body } = request;
  if (typeof id !== 'string' || typeof method !== 'string' || typeof url !== 'string' || !isBody(body)) {
    lines = UNREADABLE;
  }
  return lines + '\n' + id + '\n' + method + '\n' + url + fields;
}

/** The body as the decision keeps it: nobody can change it afterwards. */
function keepBody(body: GuardRequest['body']): string | Uint8Array | undefined {
  if (body instanceof Uint8Array) return body.slice();
  return typeof body === 'string' ? body : undefined;
}

function isBody(body: unknown): boolean {
  // A stream (the `body` of a fetch `Request`) is a body that the host does not have.
  return body === undefined || body === null || typeof body === 'string' || body instanceof Uint8Array
    || (typeof body === 'object' && 'getReader' in body);
}

type Add = (name: string, value: unknown) => void;

/** Calls `add` for every field; false if this is no collection of header fields. */
function eachHeader(headers: GuardHeaders, add: Add): boolean {
  if (typeof headers !== 'object' || headers === null) return false;
  if (!(Symbol.iterator in headers)) {
    const object = headers as Readonly<Record<string, unknown>>;
    for (const name of Object.keys(object)) add(name, object[name]);
    return true;
  }
  if (Array.isArray(headers) && typeof headers[0] === 'string') return eachRaw(headers, add);
  for (const pair of headers as Iterable<unknown>) {
    if (!Array.isArray(pair) || pair.length !== 2) return false;
    add(pair[0], pair[1]);
  }
  return true;
}

/** Node's `rawHeaders`: names and values by turns. */
function eachRaw(raw: readonly unknown[], add: Add): boolean {
  for (let i = 0; i + 1 < raw.length; i += 2) add(raw[i] as string, raw[i + 1]);
  return raw.length % 2 === 0;
}
