// Hosts that cannot ship a file beside the script: ready on import, from base64.

import * as glue from '../actfor_bindings.js';
import base64 from '../actfor_base64.js';
import { isProvided, provide } from '../bindings.js';
import { webCrypto } from '../web_crypto.js';

export * from '../index.js';

if (!isProvided()) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  provide(glue, glue.initSync({ module: new WebAssembly.Module(bytes) }).memory, webCrypto);
}

/** Nothing to do here; it is here so that the same code runs with the other entries. */
export async function init(): Promise<void> {}
