// The running examples as Envoy decides them: one `{ "id", "document" }` a line, for the table of the demo.
import { http1, startEnvoy, startUpstream, until } from './harness.mjs';
import { NOW, ask, cases, configuration, documents, groupBySet, keepRequestId } from './patterns.mjs';

const upstream = await startUpstream();
try {
  for (const [set, group] of groupBySet(cases)) {
    const options = { configuration: configuration(documents, JSON.parse(set)), now: NOW, upstreamPort: upstream.port };
    const envoy = await startEnvoy({ ...options, change: keepRequestId });
    try {
      for (const example of group) {
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
