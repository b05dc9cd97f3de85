// With the code in WebAssembly alone, as in a browser.

import { createGuard } from 'actfor/inline';
import { run } from './vectors.mjs';

run(createGuard);
