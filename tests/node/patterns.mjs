// The running examples: one set of files for every host.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(process.env.ACTFOR_ROOT, 'tests/vectors/patterns');
const read = (name) => JSON.parse(readFileSync(join(folder, name), 'utf8'));

export const config = {};
