/**
 * Servers of the Model Context Protocol on the web's own `Request` and `Response`: workers, Deno, Bun, Hono.
 *
 * @module
 */

import type { FetchOptions } from './fetch.js';
import type { Guard } from './index.js';
import type { AuthInfo, McpOptions } from './mcp.js';

export { filterTools, guardLists, guardTool, metadataUrl } from './mcp.js';
export type { AnyHandler, AuthInfo, Connectable, Extra } from './mcp.js';

/**
 * A handler that checks the token with its proof, decides what the message asks for, serves the metadata of RFC 9728, and
 * hands on what is allowed, with `authInfo`. What is refused is answered with HTTP's own challenge (401) or as a JSON-RPC
 * error.
 *
 * @example
 * ```ts
 * import { createGuard } from 'actfor';
 * import { mcpFetch, type McpHandler } from 'actfor/mcp-fetch';
 * declare const handler: { fetch: McpHandler }; // createMcpHandler(…) of the SDK 2.x
 * export default {
 *   fetch: mcpFetch(createGuard(config), handler.fetch, { resource: 'https://api.example/mcp', authorizationServers: ['https://as.example'] }),
 * };
 * ```
 */
export function mcpFetch(guard: Guard, handler: McpHandler, options: McpFetchOptions): (request: Request) => Promise<Response>;

export type McpHandler = (request: Request, options: { authInfo: AuthInfo }) => Response | Promise<Response>;

export interface McpFetchOptions
  extends Omit<FetchOptions, 'resourceMetadata'>, Pick<McpOptions, 'resource' | 'authorizationServers' | 'scopes' | 'resourceName'> {}
