// What tools and lists of an MCP server do with the decision that `mcpAuth` made of the HTTP request.

import type { Decision, Guard } from '../../types/index.js';
import type * as Api from '../../types/mcp.js';

/** What a handler of the SDK gets beside the arguments: 1.x has `authInfo`, 2.x `http.authInfo`. */
type Extra = { readonly authInfo?: Api.AuthInfo; readonly http?: { readonly authInfo?: Api.AuthInfo }; readonly signal?: AbortSignal };

/** The decision that let a message in; none where it did not come through the guard. */
export function decisionOf(auth: Api.AuthInfo | undefined): Decision | undefined {
  return auth?.extra?.actfor as Decision | undefined;
}

/** See `types/mcp.d.ts`. */
export function guardTool<Handler extends Api.AnyHandler>(guard: Guard, name: string, handler: Handler): Handler {
  async function guarded(...given: unknown[]): Promise<unknown> {
    // A tool without a schema has no arguments, and its handler gets only what goes along.
    const extra = given.at(-1) as Extra | undefined;
    const named = given.length > 1 ? given[0] as Readonly<Record<string, unknown>> : undefined;
    const before = decisionOf(extra?.authInfo ?? extra?.http?.authInfo);
    if (before === undefined) return refused('token_missing', '', 'An access token is needed.');
    const decision = await guard.authorizeCall(before, { name, arguments: named }, { signal: extra?.signal, id: before.id });
    if (!decision.allowed) return refused(decision.told, decision.id, decision.reasonUser);
    return handler(...given as never[]);
  }
  return guarded as unknown as Handler;
}

/** A result that the model behind the client can read. */
function refused(code: string, id: string, reason: string): object {
  return { isError: true, content: [{ type: 'text', text: reason }], _meta: { 'actfor/code': code, 'actfor/id': id } };
}

/** The lists of a server, the member of their result, and what they are lists of. */
const LISTS = {
  'prompts/list': ['prompts', 'prompts'],
  'resources/list': ['resources', 'resources'],
  'tools/list': ['tools', 'tools'],
} as const;

type Message = {
  readonly id?: string | number;
  readonly method?: string;
  readonly result?: Readonly<Record<string, unknown>>;
};
type Receive = (message: Message, extra?: Extra) => void;
type Send = (message: Message, ...rest: unknown[]) => Promise<void>;
type Transport = { onmessage?: Receive; send: Send };

/** See `types/mcp.d.ts`. */
export function guardLists<Server extends Api.Connectable>(guard: Guard, server: Server): Server {
  const connect = server.connect.bind(server);
  server.connect = (transport: object) => connect(filtered(guard, transport as Transport) as never);
  return server;
}

/** A transport whose lists hold what may be called. What it is apart from that, it stays. */
function filtered(guard: Guard, transport: Transport): Transport {
  const asked = new Map<string | number, readonly [keyof typeof LISTS, Api.AuthInfo | undefined]>();

  function receive(onmessage: Receive): Receive {
    return (message, extra) => {
      const { id, method = '' } = message;
      if (id !== undefined && Object.hasOwn(LISTS, method)) asked.set(id, [method as keyof typeof LISTS, extra?.authInfo]);
      onmessage(message, extra);
    };
  }

  function filter(message: Message): Message {
    const { id, method, result } = message;
    const list = id === undefined || method !== undefined ? undefined : asked.get(id);
    if (list === undefined || id === undefined) return message;
    asked.delete(id);
    const [member, kind] = LISTS[list[0]];
    const items = result?.[member];
    if (!Array.isArray(items)) return message;
    const decision = decisionOf(list[1]);
    // What one may see, another may not: nobody is to share it.
    const scope = result !== undefined && 'cacheScope' in result ? { cacheScope: 'private' } : {};
    return { ...message, result: { ...result, ...scope, [member]: decision === undefined ? [] : guard.filter(decision, kind, items) } };
  }

  return new Proxy(transport, {
    get(target, name) {
      if (name === 'send') return (message: Message, ...rest: unknown[]) => target.send(filter(message), ...rest);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' && name !== 'constructor' && !HANDLERS.has(name) ? value.bind(target) : value;
    },
    set(target, name, value: unknown) {
      return Reflect.set(target, name, name === 'onmessage' && typeof value === 'function' ? receive(value as Receive) : value, target);
    },
  });
}

const HANDLERS: ReadonlySet<string | symbol> = new Set(['onclose', 'onerror', 'onmessage']);
