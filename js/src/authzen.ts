// AuthZEN 1.0: questions that name subject, action and resource. What a question says is asked and proves nothing: who
// the subject is comes from the token of a request, or from an enforcement point that the host trusts.

import type * as Api from '../types/index.js';
import { ActforError } from './error.js';
import type { Facts } from './request.js';

/** The most evaluations of one request, and the most that one search looks at. */
export const MOST = 1_000;

/** A question that is whole. */
export type Question = {
  readonly subject: Api.AuthzenEntity;
  readonly action: Api.AuthzenAction;
  readonly resource: Api.AuthzenEntity;
  readonly context: Readonly<Record<string, unknown>>;
};

/** Decides one question; `earlier` is the decision before it about the same request. */
export type Decide = (question: Question) => Promise<Api.Decision>;

export async function evaluate(asked: Api.Evaluation, decide: Decide): Promise<Api.EvaluationResult> {
  return resultOf(await decide(whole(object(asked, 'the evaluation'), {})));
}

export async function evaluations(asked: Api.Evaluations, decide: Decide): Promise<Api.EvaluationsResult> {
  const defaults = object(asked, 'the evaluations');
  const items = defaults.evaluations;
  if (items === undefined || (Array.isArray(items) && items.length === 0)) return evaluate(asked as Api.Evaluation, decide);
  if (!Array.isArray(items)) throw invalid('evaluations', 'must be an array');
  if (items.length > MOST) throw invalid('evaluations', `has more than ${MOST} items`);
  const stop = stopsAt(defaults.options);
  const results: Api.EvaluationResult[] = [];
  for (const [index, item] of items.entries()) {
    const result = await one(item, index, defaults, decide);
    results.push(result);
    if (result.decision === stop) break;
  }
  return { evaluations: results };
}

/** An item that cannot be read is refused alone. */
async function one(item: unknown, index: number, defaults: Members, decide: Decide): Promise<Api.EvaluationResult> {
  let question: Question;
  try {
    question = whole(object(item, `evaluations[${index}]`), defaults);
  } catch (error) {
    if (!(error instanceof ActforError)) throw error;
    return { decision: false, context: { code: error.code, error: { status: 400, message: error.message } } };
  }
  return resultOf(await decide(question));
}

/** At which decision the evaluations end: `undefined` for none. */
function stopsAt(options: unknown): boolean | undefined {
  const semantic = options === undefined ? undefined : object(options, 'options').evaluations_semantic;
  switch (semantic) {
    case undefined:
    case 'execute_all': return undefined;
    case 'deny_on_first_deny': return false;
    case 'permit_on_first_permit': return true;
    default: throw invalid('options.evaluations_semantic', 'must be `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`');
  }
}

type Members = Readonly<Record<string, unknown>>;

/** What a search looks for. */
export type Searched = (typeof SEARCHED)[number];
const SEARCHED = ['subject', 'resource', 'action'] as const;

/** The question that a search asks of everything it looks at; what it looks for has no name yet (AuthZEN 1.0 §8). */
export function openQuestion(what: Searched, asked: unknown): Question {
  if (!SEARCHED.includes(what)) throw invalid('the search', `must be for one of ${SEARCHED.join(', ')}`);
  const item = object(asked, 'the search');
  const { context } = item;
  const subject = entity('subject', item, {}, what === 'subject' ? ['type'] : ['type', 'id']);
  const resource = entity('resource', item, {}, what === 'resource' ? ['type'] : ['type', 'id']);
  return {
    subject: { ...subject, ...(what === 'subject' && { id: '' }) } as Api.AuthzenEntity,
    action: what === 'action' ? { name: '' } : entity('action', item, {}, ['name']),
    resource: { ...resource, ...(what === 'resource' && { id: '' }) } as Api.AuthzenEntity,
    context: context === undefined ? {} : object(context, 'context'),
  };
}

/** An item replaces a default as a whole, but for the names that it leaves out. */
function whole(item: Members, defaults: Members): Question {
  const subject = entity('subject', item, defaults, ['type', 'id']);
  const action = entity('action', item, defaults, ['name']);
  const resource = entity('resource', item, defaults, ['type', 'id']);
  const context = item.context ?? defaults.context;
  return { subject, action, resource, context: context === undefined ? {} : object(context, 'context') };
}

type Entity<Names extends string> = Readonly<Record<Names, string>> & { readonly properties?: Members };

function entity<const Names extends string>(name: string, item: Members, defaults: Members, required: readonly Names[]): Entity<Names> {
  const given = item[name] ?? defaults[name];
  if (given === undefined) throw invalid(name, 'is missing');
  const found: Record<string, unknown> = { ...object(given, name) };
  const fallback = isObject(defaults[name]) ? defaults[name] : {};
  for (const member of required) {
    found[member] ??= fallback[member];
    const value = found[member];
    if (value === undefined) throw invalid(`${name}.${member}`, 'is missing');
    if (typeof value !== 'string' || value === '') throw invalid(`${name}.${member}`, 'must be a text that is not empty');
  }
  if (found.properties !== undefined) object(found.properties, `${name}.properties`);
  return found as Entity<Names>;
}

/** The question as the core reads it: context and properties of action and resource are the arguments. */
export function questionFacts({ subject, action, resource, context }: Question): NonNullable<Facts['question']> {
  const named: Record<string, unknown> = Object.create(null);
  for (const properties of [context, resource.properties ?? {}, action.properties ?? {}]) {
    for (const [name, value] of Object.entries(properties)) {
      if (name in named && JSON.stringify(named[name]) !== JSON.stringify(value)) {
        throw invalid(`properties.${name}`, 'is said twice, in two ways');
      }
      named[name] = value;
    }
  }
  return {
    subject: { type: subject.type, id: subject.id },
    action: action.name, type: resource.type, id: resource.id,
    arguments: named,
  };
}

export function resultOf(decision: Api.Decision): Api.EvaluationResult {
  const { allowed, code, id, reasonAdmin, reasonUser, approval } = decision;
  if (allowed || code === null) return { decision: allowed };
  return {
    decision: false,
    context: {
      code,
      id,
      ...(reasonAdmin !== null && { reason_admin: { en: reasonAdmin } }),
      ...(reasonUser !== null && { reason_user: { en: reasonUser } }),
      ...(approval !== null && { approval }),
      ...(decision.status >= 500 && { error: { status: decision.status, message: reasonUser ?? '' } }),
    },
  };
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function object(value: unknown, path: string): Members {
  if (!isObject(value)) throw invalid(path, 'must be an object');
  return value;
}

function invalid(path: string, what: string): ActforError {
  return new ActforError({ code: 'request_invalid', path, message: `${path}: ${what}`, position: null });
}
