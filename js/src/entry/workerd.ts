// Workers that give a `.wasm` import as a compiled module (workerd): ready on import.

import * as glue from '../actfor_bindings.js';
import { isProvided, provide } from '../bindings.js';
import { webCrypto } from '../web_crypto.js';
// @ts-expect-error The host's own loader resolves this to a `WebAssembly.Module`.
import module from '../actfor.wasm';

export * from '../index.js';

if (!isProvided()) {
  provide(glue, glue.initSync({ module: module as WebAssembly.Module }).memory, webCrypto);
}

/** Nothing to do here; it is here so that the same code runs in browsers. */
export async function init(): Promise<void> {}
