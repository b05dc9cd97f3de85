import { createGuard, init } from 'actfor';
import { answer } from './answer.js';

await init();
postMessage(await answer(createGuard));
