// What every entry exports; described in `types/index.d.ts`.

export { ActforError } from './error.js';
export { createGuard } from './guard.js';
