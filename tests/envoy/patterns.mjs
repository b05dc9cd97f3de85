// The running examples, from the files that every host reads, as Envoy's configuration and requests.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { root } from './harness.mjs';

const folder = join(root, 'tests/vectors/patterns');
const text = (name) => readFileSync(join(folder, name), 'utf8');
const read = (name) => JSON.parse(text(name));

/** The second at which the examples' tokens are valid. */
export const NOW = 1795000060;
export const cases = read('cases.json');
export const tokens = read('tokens.json');
export const keys = read('keys.json');

/** The examples' configuration without some tuples, and with what a test adds to it. */
export function configuration(more = {}, removed = []) {
  const gone = new Set(removed.map((tuple) => JSON.stringify(tuple)));
  return {
    ...read('config.json'),
    policy: text('acme.actfor'),
    files: { 'acme.fga': text('acme.fga') },
    tuples: read('tuples.json').filter((tuple) => !gone.has(JSON.stringify(tuple))),
    ...more,
  };
}

/** Envoy's part of the configuration that hands the decision document to the access log. */
export const documents = { envoy: { document: 'filter_state' } };

/** At an edge Envoy makes the request id itself; the examples bring theirs. */
export const keepRequestId = (text) => text.replace(/^( +)use_remote_address: true$/m, '$1use_remote_address: true\n$1preserve_external_request_id: true');

/** Asks one case and gives the answer and the document from the access log. */
export async function ask(envoy, ask, { request, id, now }, until) {
  const before = envoy.log().length;
  envoy.setTime(now ?? 0);
  const headers = [['x-request-id', id], ...request.headers];
  const answer = await ask(envoy.port, { method: request.method, path: request.url, headers });
  const line = await until(`a line of the log for ${id}`, () => envoy.log()[before]);
  return { answer, line };
}
