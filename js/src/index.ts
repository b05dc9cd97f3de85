// What every entry exports; described in `types/index.d.ts`.

export { openfga } from './authorize/openfga.js';
export { compile } from './compile.js';
export { ActforError } from './error.js';
export { createGuard, inspect } from './guard.js';
export { parseModel } from './model.js';
