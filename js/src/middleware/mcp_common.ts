// What MCP servers on Node and on the web's own `Request` have in common: metadata, JSON-RPC errors, `authInfo`, lists.

import type * as Api from '../../types/mcp.js';
import type { Decision, Guard } from '../../types/index.js';
import { claimsOf } from '../unverified.js';
import { type Answer, fieldsOf } from './answer.js';
import { decisionOf } from './tools.js';

const WELL_KNOWN = '/.well-known/oauth-protected-resource';

/** Where the metadata of a resource stands (RFC 9728 §3.1). */
export function metadataUrl(resource: string): string {
  const url = new URL(resource);
  return `${url.origin}${WELL_KNOWN}${url.pathname === '/' ? '' : url.pathname}${url.search}`;
}

/** RFC 9728 §2. */
export function metadata({ resource, authorizationServers, scopes, resourceName }: Pick<Api.McpOptions, 'resource' | 'authorizationServers' | 'scopes' | 'resourceName'>): Answer {
  const body = JSON.stringify({
    resource,
    authorization_servers: authorizationServers,
    bearer_methods_supported: ['header'],
    ...(scopes && { scopes_supported: scopes }),
    ...(resourceName !== undefined && { resource_name: resourceName }),
  });
  return { status: 200, headers: { 'content-type': 'application/json' }, body };
}

/** The JSON-RPC answer to a message that was refused; the id is that of the request, where it has one. */
export function jsonRpcError(decision: Decision, body: Uint8Array, resourceMetadata: string): Answer {
  let id: unknown;
  try {
    id = (JSON.parse(new TextDecoder().decode(body)) as { id?: unknown } | null)?.id;
  } catch {
    // Then it has none.
  }
  const code = decision.status >= 500 ? -32603 : decision.stage === 'mapping' ? -32602 : -32001;
  return {
    status: decision.status,
    headers: { ...fieldsOf(decision, resourceMetadata), 'content-type': 'application/json' },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: typeof id === 'string' || typeof id === 'number' ? id : null,
      error: { code, message: decision.reasonUser, data: { code: decision.told, id: decision.id } },
    }),
  };
}

/** What the SDK hands on to tools. The token was verified; an opaque one says nothing by itself. */
export function authInfo(decision: Decision, authorization: string, resource: string): Api.AuthInfo {
  const token = authorization.split(' ').at(-1) ?? '';
  const claims = token.split('.').length === 3 ? claimsOf(token) : {};
  const scope = typeof claims.scope === 'string' ? claims.scope.split(' ').filter((one) => one !== '') : [];
  const clientId = [claims.client_id, claims.azp].find((one) => typeof one === 'string') ?? decision.who?.agent.sub ?? '';
  return {
    token,
    clientId: String(clientId),
    scopes: scope,
    ...(typeof claims.exp === 'number' && { expiresAt: claims.exp }),
    resource: new URL(resource),
    extra: { actfor: decision, who: decision.who },
  };
}

/** See `types/mcp.d.ts`. */
export function filterTools<T extends { readonly name: string }>(guard: Guard, auth: Api.AuthInfo | undefined, tools: readonly T[]): T[] {
  const decision = decisionOf(auth);
  return decision === undefined ? [] : guard.filter(decision, 'tools', tools);
}
