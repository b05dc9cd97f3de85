// Relationships that are kept on an OpenFGA server (or whatever speaks its HTTP API): one `BatchCheck` for everything
// that is missing, against one store and one model. Only a literal boolean for exactly the question that was asked is
// an answer; whatever else comes back is none, and the request is refused.

import type * as Api from '../../types/index.js';
import { ActforError } from '../error.js';
import { fetchText } from './fetching.js';

/** The most checks of one batch that a server takes by default. */
const BATCH = 50;
const MOST = 1_048_576;
const MODEL_HEADER = 'openfga-authorization-model-id';

export function openfga(options: Api.OpenFgaOptions): Api.RelationshipServer {
  const { url, storeId, modelId, headers, consistency } = options;
  for (const [name, value] of Object.entries({ url, storeId, modelId })) {
    if (typeof value === 'string' && value !== '') continue;
    const message = `is missing: a server is asked about one store and one model`;
    throw new ActforError({ code: 'config_invalid', path: `openfga.${name}`, message: `openfga.${name}: ${message}`, position: null });
  }
  const endpoint = `${url.replace(/\/$/, '')}/stores/${encodeURIComponent(storeId)}/batch-check`;

  async function batch(questions: readonly Api.TupleKey[], { tuples, now, signal, fetch }: Api.RelationshipContext): Promise<Reply[]> {
    const context = { current_time: new Date(now * 1000).toISOString() };
    const checks = questions.map(({ user, relation, object }, index) => ({
      tuple_key: { user, relation, object },
      correlation_id: String(index),
      context,
      ...(tuples.length > 0 && { contextual_tuples: { tuple_keys: tuples } }),
    }));
    const body = JSON.stringify({ authorization_model_id: modelId, checks, ...(consistency && { consistency }) });
    const more = typeof headers === 'function' ? await headers() : headers;
    const ask = { url: endpoint, headers: { 'content-type': 'application/json', ...more }, body, most: MOST, signal };
    const answer = await fetchText(fetch, ask);
    const model = answer.headers.get(MODEL_HEADER);
    if (model !== null && model !== modelId) throw new Error(`the relationship server answered with the model ${model}`);
    return replies(JSON.parse(answer.text), questions.length);
  }

  return {
    async ask(questions, context) {
      const batches = [];
      for (let at = 0; at < questions.length; at += BATCH) batches.push(batch(questions.slice(at, at + BATCH), context));
      return (await Promise.all(batches)).flat();
    },
  };
}

type Reply = boolean | undefined;

/** The answers by their questions. One that nobody asked for makes all of them worthless: it is another's answer. */
function replies(answer: unknown, count: number): Reply[] {
  const result = isObject(answer) && isObject(answer.result) ? answer.result : undefined;
  if (result === undefined) throw new Error('the relationship server gave no result');
  const known = Array.from({ length: count }, (_, index) => String(index));
  const strange = Object.keys(result).find((id) => !known.includes(id));
  if (strange !== undefined) throw new Error('the relationship server answered what it was not asked');
  return known.map((id) => {
    const one = Object.hasOwn(result, id) ? result[id] : undefined;
    return isObject(one) && !Object.hasOwn(one, 'error') && typeof one.allowed === 'boolean' ? one.allowed : undefined;
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
