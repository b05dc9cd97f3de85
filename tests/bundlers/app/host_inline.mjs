// A program on a server that may have no file beside it.

import { readFileSync } from 'node:fs';
import { createGuard } from 'actfor/inline';
import { run } from './vectors.mjs';

const { files, kinds } = JSON.parse(readFileSync('vectors.json', 'utf8'));
console.log(JSON.stringify(run(createGuard, files, kinds)));
