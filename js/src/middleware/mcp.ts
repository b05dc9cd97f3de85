// Servers of the Model Context Protocol, in place of the SDK's `requireBearerAuth`: that hook sees a bearer string
// only, so it can neither check a proof of possession nor see what is called.

import type { IncomingMessage, ServerResponse } from 'node:http';

import type * as Api from '../../types/mcp.js';
import type { Decision, Guard } from '../../types/index.js';
import { fieldsOf } from './answer.js';
import { keep, send, unread } from './express.js';
import { enforce } from './node.js';
import { decisionOf } from './tools.js';

const WELL_KNOWN = '/.well-known/oauth-protected-resource';

type Request = IncomingMessage & { originalUrl?: string; body?: unknown; auth?: Api.AuthInfo; actfor?: Decision; rawBody?: Buffer };

/** Where the metadata of a resource stands (RFC 9728 §3.1). */
export function metadataUrl(resource: string): string {
  const url = new URL(resource);
  return `${url.origin}${WELL_KNOWN}${url.pathname === '/' ? '' : url.pathname}${url.search}`;
}

/** See `types/mcp.d.ts`. */
export function mcpAuth(guard: Guard, options: Api.McpOptions): Api.Middleware {
  const resourceMetadata = metadataUrl(options.resource);
  const metadataPath = new URL(resourceMetadata).pathname;
  return (incoming, res, next) => {
    const req = incoming as Request;
    const url = req.originalUrl ?? req.url ?? '';
    if (req.method === 'GET' && url.split('?')[0] === metadataPath) {
      send(res, { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(metadata(options)) });
      return;
    }
    protect(guard, req, res, url, { ...options, resourceMetadata }).then((pass) => { if (pass) next(); }, next);
  };
}

async function protect(guard: Guard, req: Request, res: ServerResponse, url: string, options: Api.McpOptions & { resourceMetadata: string }): Promise<boolean> {
  unread(guard, req, url);
  const { decision, body, answer } = await enforce(guard, req, url, req, options);
  if (answer !== undefined) {
    send(res, decision === undefined || body === undefined || decision.status === 401 ? answer : {
      status: decision.status,
      headers: { ...fieldsOf(decision, options.resourceMetadata), 'content-type': 'application/json' },
      body: JSON.stringify(jsonRpcError(decision, body)),
    });
    return false;
  }
  req.actfor = decision;
  req.auth = authInfo(decision, req, options.resource);
  if (body !== undefined) keep(req, body);
  return true;
}

/** The JSON-RPC answer to a message that was refused; the id is that of the request, where it has one. */
function jsonRpcError(decision: Decision, body: Buffer): object {
  let id: unknown;
  try {
    id = (JSON.parse(body.toString('utf8')) as { id?: unknown } | null)?.id;
  } catch {
    // Then it has none.
  }
  const code = decision.status >= 500 ? -32603 : decision.stage === 'mapping' ? -32602 : -32001;
  return {
    jsonrpc: '2.0',
    id: typeof id === 'string' || typeof id === 'number' ? id : null,
    error: { code, message: decision.reasonUser, data: { code: decision.told, id: decision.id } },
  };
}

/** What the SDK hands on to tools. The token was verified; an opaque one says nothing by itself. */
function authInfo(decision: Decision, req: Request, resource: string): Api.AuthInfo {
  const token = (req.headers.authorization ?? '').split(' ').at(-1) ?? '';
  const claims = payload(token);
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

function payload(token: string): Record<string, unknown> {
  const parts = token.split('.');
  return parts.length === 3 ? JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString('utf8')) as Record<string, unknown> : {};
}

/** RFC 9728 §2. */
function metadata({ resource, authorizationServers, scopes, resourceName }: Api.McpOptions): object {
  return {
    resource,
    authorization_servers: authorizationServers,
    bearer_methods_supported: ['header'],
    ...(scopes && { scopes_supported: scopes }),
    ...(resourceName !== undefined && { resource_name: resourceName }),
  };
}

export { guardLists, guardTool } from './tools.js';

/** See `types/mcp.d.ts`. */
export function filterTools<T extends { readonly name: string }>(guard: Guard, auth: Api.AuthInfo | undefined, tools: readonly T[]): T[] {
  const decision = decisionOf(auth);
  return decision === undefined ? [] : guard.filter(decision, 'tools', tools);
}
