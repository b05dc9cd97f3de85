/**
 * Servers of the Model Context Protocol (the TypeScript SDK on Express or plain Node).
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http';

import type { MiddlewareOptions } from './express.js';
import type { Guard } from './index.js';

/**
 * In place of the SDK's `requireBearerAuth`: checks the token with its proof, decides what the message asks for (the
 * rules have a line `mcp PATH`), sets `req.auth`, `req.actfor` and `req.body`, and serves the metadata of RFC 9728.
 * What is refused is answered with HTTP's own challenge (401) or as a JSON-RPC error.
 *
 * @example
 * ```ts
 * import { createGuard } from 'actfor';
 * import { mcpAuth, type Middleware } from 'actfor/mcp';
 * declare const app: { use(handler: Middleware): void };
 * app.use(mcpAuth(createGuard(config), { resource: 'https://api.example/mcp', authorizationServers: ['https://as.example'] }));
 * ```
 */
export function mcpAuth(guard: Guard, options: McpOptions): Middleware;

export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

export interface McpOptions extends Omit<MiddlewareOptions, 'resourceMetadata'> {
  /** What this server is called by clients: its address, without a fragment. */
  readonly resource: string;
  /** Issuers from which a client can get a token. */
  readonly authorizationServers: readonly string[];
  readonly scopes?: readonly string[];
  readonly resourceName?: string;
}

/**
 * A tool's handler that decides once more, with the arguments that it really gets (after the SDK has filled in defaults),
 * with the token and the proof of the request that called it. A refusal is a result with `isError`, which the model can
 * read. For `registerTool` of the SDK, 1.x and 2.x.
 *
 * @example
 * ```ts
 * import type { Guard } from 'actfor';
 * import { guardTool, type Extra } from 'actfor/mcp';
 * declare const guard: Guard;
 * declare const server: { registerTool(name: string, options: object, handler: (args: { repo: string }, extra: Extra) => Promise<object>): void };
 * server.registerTool('push', { description: 'Pushes.' }, guardTool(guard, 'push', async ({ repo }) => (
 *   { content: [{ type: 'text', text: `pushed to ${repo}` }] }
 * )));
 * ```
 */
export function guardTool<Handler extends AnyHandler>(guard: Guard, name: string, handler: Handler): Handler;

/**
 * Has a server answer `tools/list`, `resources/list` and `prompts/list` with what the agent that asks may call: an item
 * is in the list unless its call would be refused whatever its arguments. For servers of the SDK, 1.x and 2.x; call it
 * before `connect`.
 *
 * @example
 * ```ts
 * import type { Guard } from 'actfor';
 * import { guardLists, type Connectable } from 'actfor/mcp';
 * declare const guard: Guard;
 * declare const server: Connectable; // new McpServer(…)
 * guardLists(guard, server);
 * ```
 */
export function guardLists<Server extends Connectable>(guard: Guard, server: Server): Server;

/** A handler of a tool: arguments, if the tool has a schema, and what goes along. */
export type AnyHandler = (...given: never[]) => unknown;

/** What a handler gets beside its arguments: 1.x has `authInfo`, 2.x `http.authInfo`. */
export interface Extra {
  readonly authInfo?: AuthInfo;
  readonly http?: { readonly authInfo?: AuthInfo };
}

/** A server of the SDK. */
export interface Connectable {
  connect(transport: never): Promise<void>;
}

/** What the SDK hands on to tools as `authInfo`; `extra.actfor` is the decision. */
export interface AuthInfo {
  token: string;
  clientId: string;
  scopes: string[];
  expiresAt?: number;
  resource?: URL;
  extra?: Record<string, unknown>;
}

/** Where the metadata of a resource stands (RFC 9728 §3.1). */
export function metadataUrl(resource: string): string;

/** The tools that who is asking may call: what is not in the list would be refused, whatever the arguments. */
export function filterTools<T extends { readonly name: string }>(guard: Guard, auth: AuthInfo | undefined, tools: readonly T[]): T[];
