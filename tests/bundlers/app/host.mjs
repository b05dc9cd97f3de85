// A program on a server, as an ES module. Prints what the vectors gave.

import { readFileSync } from 'node:fs';
import { createGuard } from 'actfor';
import { run } from './vectors.mjs';

const { files, kinds } = JSON.parse(readFileSync('vectors.json', 'utf8'));
console.log(JSON.stringify(await run(createGuard, files, kinds)));
