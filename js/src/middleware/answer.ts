// What a refused request is answered: the same in every framework, and as Envoy answers (RFC 9457, RFC 6750 §3).

import type { Code, Decision } from '../../types/index.js';

export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** Seconds after which it is worth to ask again, where something could not be established now. */
const RETRY_AFTER = '5';

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 413: 'Content Too Large', 503: 'Service Unavailable',
};

/** The header fields that go with a refusal. `resourceMetadata` is the address of RFC 9728 §5.1. */
export function fieldsOf(decision: Decision, resourceMetadata?: string): Record<string, string> {
  const headers: Record<string, string> = { 'cache-control': 'no-store' };
  const { challenge, dpopNonce, status } = decision;
  if (challenge !== null) {
    const comma = challenge.includes(' ') ? ',' : '';
    const more = resourceMetadata === undefined ? '' : `${comma} resource_metadata="${resourceMetadata}"`;
    headers['www-authenticate'] = challenge + more;
  }
  if (dpopNonce !== null) headers['dpop-nonce'] = dpopNonce;
  if (status === 503) headers['retry-after'] = RETRY_AFTER;
  return headers;
}

/** A refusal as `application/problem+json`: the code, the id and the sentence for the client, and nothing else. */
export function refusal(decision: Decision, id: string, resourceMetadata?: string): Answer {
  const { told, status, reasonUser } = decision;
  return problem(status, told ?? 'request_invalid', id, reasonUser ?? '', fieldsOf(decision, resourceMetadata));
}

/** A body that is larger than what is read. */
export function tooLarge(id: string): Answer {
  return problem(413, 'request_invalid', id, 'The body of the request is too large.', { 'cache-control': 'no-store' });
}

function problem(status: number, code: Code, id: string, detail: string, headers: Record<string, string>): Answer {
  return {
    status,
    headers: { ...headers, 'content-type': 'application/problem+json' },
    body: JSON.stringify({ title: TITLES[status] ?? 'Refused', status, code, id, detail }),
  };
}
