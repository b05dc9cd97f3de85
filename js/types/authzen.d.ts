/**
 * A policy decision point by AuthZEN 1.0 (OpenID), over HTTP.
 *
 * @module
 */

import type { GuardRequest, Guard, TrustPep } from './index.js';

/**
 * A handler for `POST /access/v1/evaluation`, `POST /access/v1/evaluations`, `POST /access/v1/search/subject`, `…/resource`,
 * `…/action` and `GET /.well-known/authzen-configuration`. A refusal is an answer with status 200; 400 is for what cannot be read, 401
 * for an enforcement point that is not known.
 *
 * @example
 * ```ts
 * import { createGuard } from 'actfor';
 * import { authzen } from 'actfor/authzen';
 * declare function isOurs(authorization: string | null): boolean;
 * const handler = authzen(createGuard(config), {
 *   url: 'https://pdp.example',
 *   authenticate: (request) => isOurs(request.headers.get('authorization')),
 *   trustPep: ({ subject }) => ({ iss: 'https://as.example', sub: subject.id, client_id: 'gateway', scope: 'api' }),
 * });
 * export default { fetch: handler };
 * ```
 */
export function authzen(guard: Guard, options: AuthzenOptions): (request: Request) => Promise<Response>;

export interface AuthzenOptions {
  /** The address of this decision point, without query and fragment. */
  readonly url: string;
  /** Whether a request comes from an enforcement point that may ask. */
  readonly authenticate: (request: Request) => boolean | Promise<boolean>;
  /** What subjects without a token are, by the word of who asks. Without this, they are refused. */
  readonly trustPep?: TrustPep;
  /** The request that the enforcement point is deciding, with the token in it, where it hands that on. */
  readonly request?: (request: Request) => GuardRequest | undefined;
  /** The most bytes of a body that are read; default 1 MiB. */
  readonly bodyLimit?: number;
}
