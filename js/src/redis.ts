// Remembering used proofs for all processes of a service in Redis: one atomic `SET … NX` for each.

import type { ReplayStore } from '../types/index.js';
import type { RedisClient, RedisReplayStoreOptions } from '../types/redis.js';

/** See `types/redis.d.ts`. */
export function redisReplayStore(client: RedisClient, { prefix = 'actfor:' }: RedisReplayStoreOptions = {}): ReplayStore {
  return {
    async remember(key, until, now) {
      // One second more than it could be used, so that two clocks that round differently leave no gap.
      const seconds = String(Math.max(1, Math.ceil(until - now) + 1));
      const words = ['SET', `${prefix}${key}`, '1', 'EX', seconds, 'NX'] as const;
      const said = 'call' in client ? await client.call(...words) : await client.sendCommand([...words]);
      // Whatever else came back would be no answer to this.
      if (said === 'OK') return 'first';
      if (said === null) return 'again';
      throw new Error('Redis answered neither OK nor nil');
    },
  };
}
