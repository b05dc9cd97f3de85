// Prints `{ id, document }` for every case, one a line: what the demo compares.

import { createGuard } from 'actfor';
import { cases, configuration, options } from './patterns.mjs';

for (const one of cases) {
  const decision = createGuard(configuration(one.changes.removed)).decide(one.request, options(one));
  console.log(JSON.stringify({ id: one.id, document: String(decision) }));
}
