// Node: ready on import, from the file beside this one. No top-level await, so that `require` works too.

import { readFileSync } from 'node:fs';

import * as glue from '../actfor_bindings.js';
import { isProvided, provide } from '../bindings.js';
import { nodeCrypto } from '../node_crypto.js';

export * from '../index.js';

if (!isProvided()) {
  const module = new WebAssembly.Module(readFileSync(new URL('../actfor.wasm', import.meta.url)));
  provide(glue, glue.initSync({ module }).memory, nodeCrypto);
}

/** Nothing to do in Node; it is here so that the same code runs in browsers. */
export async function init(): Promise<void> {}
