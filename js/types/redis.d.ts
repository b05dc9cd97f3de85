/**
 * Remembers used proofs of possession and approvals in Redis, for all processes of a service.
 *
 * Redis must keep what it is told until it expires: run it with `maxmemory-policy noeviction`.
 *
 * @module
 */

import type { ReplayStore } from './index.js';

/**
 * A replay store in Redis, with one atomic `SET … EX … NX` a request.
 *
 * @param client a connected client of the packages `ioredis` or `redis`.
 *
 * @example
 * ```ts
 * import { createGuard } from 'actfor';
 * import { redisReplayStore, type RedisClient } from 'actfor/redis';
 * declare const client: RedisClient; // new Redis(url), or await createClient({ url }).connect()
 * const guard = createGuard(config, { replayStore: redisReplayStore(client) });
 * ```
 */
export function redisReplayStore(client: RedisClient, options?: RedisReplayStoreOptions): ReplayStore;

/** What is used of a client: `call` of `ioredis`, or `sendCommand` of `redis`. */
export type RedisClient =
  | { call(command: string, ...args: string[]): Promise<unknown> }
  | { sendCommand(args: string[]): Promise<unknown> };

export interface RedisReplayStoreOptions {
  /** What every key begins with; default `actfor:`. */
  readonly prefix?: string;
}
