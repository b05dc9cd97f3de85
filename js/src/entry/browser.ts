// Browsers and web workers: `await init()` once. The bytes come from beside this script, or from wherever a
// bundler or a content security policy wants them to come from.

import type { WasmSource } from '../../types/index.js';
import * as glue from '../actfor_bindings.js';
import { isProvided, provide } from '../bindings.js';
import { webCrypto } from '../web_crypto.js';

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
  const given = await source;
  const { memory } = await (given === undefined ? fromBeside() : glue.default({ module_or_path: given }));
  provide(glue, memory, webCrypto);
}

/** Where a bundler has moved this script and not the module, there is nothing to be found. */
async function fromBeside(): Promise<glue.InitOutput> {
  const address = new URL('../actfor.wasm', import.meta.url);
  try {
    return await glue.default({ module_or_path: address });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`actfor: no WebAssembly module from ${address.href} (${reason}). Hand init() the address, a Response, `
      + "the bytes or a WebAssembly.Module, or import 'actfor/inline'; with Vite 7 or older, set "
      + "optimizeDeps: { exclude: ['actfor'] }", { cause });
  }
}
