// A page whose bundler gives the address of a file that is imported.

import { createGuard, init } from 'actfor';
import address from 'actfor/actfor.wasm';
import { answer } from './answer.js';

await init(address);
globalThis.report = await answer(createGuard);
