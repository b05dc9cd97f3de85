// A policy decision point by AuthZEN 1.0 over HTTP, as a handler of the web's own `Request` and `Response`.

import type * as Api from '../../types/authzen.js';
import type { Evaluation, Evaluations, Guard, ResourceSearch } from '../../types/index.js';
import type { Searched } from '../authzen.js';
import { ActforError } from '../error.js';
import { readAll } from './fetch.js';

const EVALUATION = '/access/v1/evaluation';
const EVALUATIONS = '/access/v1/evaluations';
const SEARCH = '/access/v1/search/';
const SEARCHES: ReadonlyMap<string, Searched> = new Map([['subject', 'subject'], ['resource', 'resource'], ['action', 'action']]);
const CONFIGURATION = '/.well-known/authzen-configuration';
const BODY_LIMIT = 1_048_576;

/** See `types/authzen.d.ts`. */
export function authzen(guard: Guard, options: Api.AuthzenOptions): (request: Request) => Promise<Response> {
  const base = new URL(options.url);
  const path = base.pathname === '/' ? '' : base.pathname;
  return async (request) => {
    const id = request.headers.get('x-request-id');
    const response = await answer(guard, request, options, { path, base: `${base.origin}${path}` });
    if (id !== null) response.headers.set('x-request-id', id);
    return response;
  };
}

async function answer(guard: Guard, request: Request, options: Api.AuthzenOptions, { path, base }: { path: string; base: string }): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === `${CONFIGURATION}${path}`) {
    return request.method === 'GET' ? Response.json(metadata(base)) : failed(405, 'this address is read with GET', { allow: 'GET' });
  }
  const endpoint = pathname.startsWith(path) ? pathname.slice(path.length) : '';
  const searched = endpoint.startsWith(SEARCH) ? SEARCHES.get(endpoint.slice(SEARCH.length)) : undefined;
  if (searched === undefined && endpoint !== EVALUATIONS && endpoint !== EVALUATION) return failed(404, 'there is no such endpoint');
  if (request.method !== 'POST') return failed(405, 'questions are asked with POST', { allow: 'POST' });
  if (!(await options.authenticate(request))) return failed(401, 'who asks is not known here', { 'www-authenticate': 'Bearer' });
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? '')) return failed(400, 'the content type must be application/json');
  const body = await readAll(request.body, options.bodyLimit ?? BODY_LIMIT);
  if (body === undefined) return failed(413, 'the body is too large');
  const signal = request.signal;
  const how = { signal, trustPep: options.trustPep, request: options.request?.(request), id: request.headers.get('x-request-id') ?? crypto.randomUUID() };
  try {
    const asked: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    if (searched !== undefined) return Response.json(await guard.search(searched as 'resource', asked as ResourceSearch, how));
    return Response.json(endpoint === EVALUATIONS ? await guard.evaluations(asked as Evaluations, how) : await guard.evaluate(asked as Evaluation, how));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return failed(400, 'the body is not JSON');
    if (error instanceof ActforError) return failed(400, error.message);
    throw error;
  }
}

function failed(status: number, message: string, headers: Record<string, string> = {}): Response {
  return Response.json(message, { status, headers });
}

/** AuthZEN 1.0, "Policy Decision Point Metadata". */
function metadata(base: string): object {
  return {
    policy_decision_point: base,
    access_evaluation_endpoint: `${base}${EVALUATION}`,
    access_evaluations_endpoint: `${base}${EVALUATIONS}`,
    search_subject_endpoint: `${base}${SEARCH}subject`,
    search_resource_endpoint: `${base}${SEARCH}resource`,
    search_action_endpoint: `${base}${SEARCH}action`,
  };
}
