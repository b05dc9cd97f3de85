// Servers of the Model Context Protocol, in place of the SDK's `requireBearerAuth`: that hook sees a bearer string
// only, so it can neither check a proof of possession nor see what is called.

import type { IncomingMessage, ServerResponse } from 'node:http';

import type * as Api from '../../types/mcp.js';
import type { Decision, Guard } from '../../types/index.js';
import { keep, send, unread } from './express.js';
import { authInfo, jsonRpcError, metadata, metadataUrl } from './mcp_common.js';
import { enforce } from './node.js';

export { filterTools, metadataUrl } from './mcp_common.js';
export { guardLists, guardTool } from './tools.js';

type Request = IncomingMessage & { originalUrl?: string; body?: unknown; auth?: Api.AuthInfo; actfor?: Decision; rawBody?: Buffer };

/** See `types/mcp.d.ts`. */
export function mcpAuth(guard: Guard, options: Api.McpOptions): Api.Middleware {
  const resourceMetadata = metadataUrl(options.resource);
  const metadataPath = new URL(resourceMetadata).pathname;
  return (incoming, res, next) => {
    const req = incoming as Request;
    const url = req.originalUrl ?? req.url ?? '';
    if (req.method === 'GET' && url.split('?')[0] === metadataPath) {
      send(res, metadata(options));
      return;
    }
    protect(guard, req, res, url, { ...options, resourceMetadata }).then((pass) => { if (pass) next(); }, next);
  };
}

async function protect(guard: Guard, req: Request, res: ServerResponse, url: string, options: Api.McpOptions & { resourceMetadata: string }): Promise<boolean> {
  unread(guard, req, url);
  const { decision, body, answer } = await enforce(guard, req, url, req, options);
  if (answer !== undefined) {
    send(res, body === undefined || decision.status === 401 ? answer : jsonRpcError(decision, body, options.resourceMetadata));
    return false;
  }
  req.actfor = decision;
  req.auth = authInfo(decision, req.headers.authorization ?? '', options.resource);
  if (body !== undefined) keep(req, body);
  return true;
}
