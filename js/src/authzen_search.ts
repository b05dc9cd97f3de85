// The searches of AuthZEN 1.0 §8: which subjects, resources or actions. What is found is what a decision allows, asked with
// the same words: nothing is ever listed that an evaluation would refuse.

import type * as Api from '../types/index.js';
import { type Decide, MOST, openQuestion, type Question, resultOf, type Searched } from './authzen.js';
import { Decision } from './decision.js';
import { ActforError } from './error.js';

/** The names that a guard has for a type. */
export type Names = (type: string, of: 'actions' | 'objects') => readonly string[];

type Found = Api.SearchResult<Api.AuthzenEntity | Api.AuthzenAction>;

/** Looks at one after the other; `until` is the time, as `performance.now` has it, after which it looks at no more. */
export async function search(what: Searched, asked: unknown, names: Names, decide: Decide, until: number): Promise<Found> {
  const question = openQuestion(what, asked);
  const { subject, resource } = question;
  switch (what) {
    case 'resource':
      return resources(question, decide);
    case 'action': {
      const actions = names(resource.type, 'actions').map((name) => ({ name }));
      const { found, open, last } = await allowed(actions, until, (action) => decide({ ...question, action }));
      return result(found, !open, last);
    }
    case 'subject': {
      const ids = idsOf(subject.type, names(subject.type, 'objects'));
      const subjects = ids.slice(0, MOST).map((id) => ({ type: subject.type, id }));
      const { found, last } = await allowed(subjects, until, ({ id }) => decide({ ...question, subject: { ...subject, id } }));
      // Whom no tuple names may be allowed too.
      return result(found, false, last);
    }
  }
}

/** The core lists resources by itself: it knows where to look, and says whether that is all. */
async function resources(question: Question, decide: Decide): Promise<Found> {
  const { action, resource: { type } } = question;
  // Refused in any case, as it names no object: it finds out what the token needs.
  const asked = await decide(question);
  if (asked.status >= 500) return result([], false, asked);
  try {
    const { objects, complete } = Decision.about(asked, (state, about, packed) =>
      JSON.parse(state.listObjects(about, packed, action.name, type, MOST)) as Api.Objects);
    return result(idsOf(type, objects).map((id) => ({ type, id })), complete, undefined);
  } catch (error) {
    if (!(error instanceof ActforError)) throw error;
    return { results: [], context: { complete: true, code: error.code as Api.Code, reason_admin: { en: error.message } } };
  }
}

type Allowed<T> = {
  readonly found: T[];
  /** Whether one could not be established. */
  readonly open: boolean;
  /** The last refusal. */
  readonly last: Api.Decision | undefined;
};

async function allowed<T>(candidates: readonly T[], until: number, decide: (one: T) => Promise<Api.Decision>): Promise<Allowed<T>> {
  const found: T[] = [];
  let open = false;
  let last: Api.Decision | undefined;
  for (const one of candidates) {
    if (performance.now() >= until) {
      open = true;
      break;
    }
    const decision = await decide(one);
    if (decision.allowed) {
      found.push(one);
    } else {
      open ||= decision.status >= 500 || decision.missing.length > 0;
      last = decision;
    }
  }
  return { found, open, last };
}

/** Where nothing was found, why. */
function result(results: Found['results'], complete: boolean, last: Api.Decision | undefined): Found {
  const why = results.length === 0 && last !== undefined ? resultOf(last).context : {};
  return { results, context: { ...why, complete } };
}

/** The ids by which a question names these objects. Names of the model that no question can give are left out. */
function idsOf(type: string, names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const encoded = name.slice(type.length + 1);
    try {
      const id = decodeURIComponent(encoded);
      return encode(id) === encoded ? [id] : [];
    } catch {
      return [];
    }
  });
}

/** As `names.rs` does. */
function encode(id: string): string {
  return encodeURIComponent(id).replace(/[!~*'()]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
