// In Node the testing entry is ready on import, too.

import './node.js';

export * from '../testing.js';
