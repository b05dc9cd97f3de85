// A program on a server that may have no file beside it.

import { readFileSync } from 'node:fs';
import process from 'node:process';
import { createGuard } from 'actfor/inline';
import { run } from './vectors.mjs';

const { files, kinds } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
console.log(JSON.stringify(await run(createGuard, files, kinds)));
