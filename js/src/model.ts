import type * as Api from '../types/index.js';
import type { RelationModel } from './actfor_bindings.js';
import { Inside, wasm } from './bindings.js';
import { reporting } from './error.js';

const encoder = new TextEncoder();
const toBytes = (json: unknown): Uint8Array => encoder.encode(JSON.stringify(json));

/** Reads an OpenFGA model; see `types/index.d.ts`. */
export function parseModel(source: string | object, tuples: readonly Api.TupleConfig[] = []): Api.Model {
  // The language never starts with a brace.
  const isJson = typeof source !== 'string' || source.trimStart().startsWith('{');
  return new Model(typeof source === 'string' ? source : JSON.stringify(source), isJson, tuples);
}

class Model implements Api.Model {
  readonly #source: string;
  readonly #isJson: boolean;
  readonly #inside: Inside<RelationModel>;

  constructor(source: string, isJson: boolean, tuples: readonly Api.TupleConfig[]) {
    const { glue } = wasm();
    this.#source = source;
    this.#isJson = isJson;
    this.#inside = new Inside('model', reporting(() => new glue.RelationModel(source, isJson, toBytes(tuples))));
  }

  withTuples(tuples: readonly Api.TupleConfig[]): Model {
    return new Model(this.#source, this.#isJson, tuples);
  }

  check(question: Api.CheckQuestion, facts?: Api.RelationFacts): Api.CheckAnswer {
    const { truth, limit, because } = this.#ask<Omit<Api.CheckAnswer, 'allowed'>>('check', question, facts);
    return { allowed: truth === 'true', truth, limit, because };
  }

  listObjects(question: Api.ListObjectsQuestion, facts?: Api.RelationFacts): Api.Objects {
    const { names, complete } = this.#ask<Listing>('list_objects', question, facts);
    return { objects: names, complete };
  }

  listUsers(question: Api.ListUsersQuestion, facts?: Api.RelationFacts): Api.Users {
    const { names, complete } = this.#ask<Listing>('list_users', question, facts);
    return { users: names, complete };
  }

  expand(question: Api.ExpandQuestion, facts?: Api.RelationFacts): Api.Expansion {
    return this.#ask('expand', question, facts);
  }

  toString(): string {
    const inside = this.#inside.get();
    return reporting(() => inside.toDsl());
  }

  toJSON(): Readonly<Record<string, unknown>> {
    const inside = this.#inside.get();
    return JSON.parse(reporting(() => inside.toModelJson())) as Readonly<Record<string, unknown>>;
  }

  dispose(): void {
    this.#inside.free();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #ask<T>(what: string, question: object, facts: Api.RelationFacts | undefined): T {
    const inside = this.#inside.get();
    return JSON.parse(reporting(() => inside.ask(what, toBytes({ ...facts, ...question })))) as T;
  }

}

type Listing = { readonly names: readonly string[]; readonly complete: boolean };
