// The same as `mcp.ts` for the web's own `Request` and `Response`: `createMcpHandler` of the SDK 2.x in workers, Deno and Bun.

import type { Guard } from '../../types/index.js';
import type * as Api from '../../types/mcp-fetch.js';
import { enforce, toResponse } from './fetch.js';
import { authInfo, jsonRpcError, metadata, metadataUrl } from './mcp_common.js';

export { filterTools, metadataUrl } from './mcp_common.js';
export { guardLists, guardTool } from './tools.js';

/** See `types/mcp-fetch.d.ts`. */
export function mcpFetch(guard: Guard, handler: Api.McpHandler, options: Api.McpFetchOptions): (request: Request) => Promise<Response> {
  const resourceMetadata = metadataUrl(options.resource);
  const { pathname } = new URL(resourceMetadata);
  return async (request) => {
    if (request.method === 'GET' && new URL(request.url).pathname === pathname) return toResponse(metadata(options));
    const { decision, request: next, body, answer } = await enforce(guard, request, { ...options, resourceMetadata });
    if (answer === undefined) {
      return handler(next, { authInfo: authInfo(decision, request.headers.get('authorization') ?? '', options.resource) });
    }
    return toResponse(body === undefined || decision.status === 401 ? answer : jsonRpcError(decision, body, resourceMetadata));
  };
}
