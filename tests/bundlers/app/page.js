// A page, as its author would write it.

import { createGuard, init } from 'actfor';
import { answer } from './answer.js';

await init();
globalThis.report = await answer(createGuard);
