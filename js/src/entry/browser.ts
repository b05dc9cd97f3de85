// Browsers and web workers: `await init()` once. The bytes come from beside this script, or from wherever a
// bundler or a content security policy wants them to come from.

import type { WasmSource } from '../../types/index.js';
import * as glue from '../actfor_bindings.js';
import { isProvided, provide } from '../bindings.js';

export * from '../index.js';

let starting: Promise<void> | undefined;

/** Gets the module ready; further calls wait for the first one. After a failure it may be called again. */
export function init(source?: WasmSource | Promise<WasmSource>): Promise<void> {
  starting ??= start(source).catch((error: unknown) => {
    starting = undefined;
    throw error;
  });
  return starting;
}

async function start(source?: WasmSource | Promise<WasmSource>): Promise<void> {
  if (isProvided()) return;
  const from = (await source) ?? new URL('../actfor.wasm', import.meta.url);
  const exports = await glue.default({ module_or_path: from });
  provide(glue, exports.memory);
}
