// As in a browser: with the code in WebAssembly alone, and in `authorize` with Web Crypto.

import { createGuard } from 'actfor/inline';
import { testVectors } from './vectors_here.mjs';

await testVectors(createGuard);
