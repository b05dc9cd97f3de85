// With the code in WebAssembly alone, as in a browser.

import { createGuard } from 'actfor/inline';
import { testVectors } from './vectors_here.mjs';

testVectors(createGuard);
