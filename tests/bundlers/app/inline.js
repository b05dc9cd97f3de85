// A page whose bundler does not know what to do with a `.wasm`.

import { createGuard } from 'actfor/inline';
import { answer } from './answer.js';

globalThis.report = await answer(createGuard);
