// Prints `{ id, document }` for every running example as Envoy decides it, one a line: what the demo compares.
import { http1, startEnvoy, startUpstream, until } from './harness.mjs';
import { NOW, ask, cases, configuration, documents, keepRequestId } from './patterns.mjs';

const bySet = new Map();
for (const example of cases) {
  const set = JSON.stringify(example.changes.removed);
  bySet.set(set, [...(bySet.get(set) ?? []), example]);
}
const upstream = await startUpstream();
try {
  for (const [set, examples] of bySet) {
    const envoy = await startEnvoy({
      configuration: configuration(documents, JSON.parse(set)),
      now: NOW,
      upstreamPort: upstream.port,
      change: keepRequestId,
    });
    try {
      for (const example of examples) {
        const { line } = await ask(envoy, http1, example, until);
        console.log(JSON.stringify({ id: example.id, document: line.document }));
      }
    } finally {
      await envoy.stop();
    }
  }
} finally {
  await upstream.stop();
}
