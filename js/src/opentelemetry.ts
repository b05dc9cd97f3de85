// Spans and metrics through `@opentelemetry/api`: the attributes of `actfor audit export --to otel`.

import { type Attributes, type Histogram, metrics, type Counter, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';

import type { Decision, DecisionDocument, Guard } from '../types/index.js';
import type * as Api from '../types/opentelemetry.js';

const NAME = 'actfor';

/** Each attribute and the path of its value in the decision document. */
const ATTRIBUTES: readonly (readonly [attribute: string, path: string])[] = [
  ['actfor.request.id', 'id'],
  ['actfor.decision', 'decision'],
  ['actfor.stage', 'stage'],
  ['error.type', 'code'],
  ['actfor.action', 'action'],
  ['actfor.object', 'object'],
  ['actfor.rule', 'rule'],
  ['actfor.policy', 'policy'],
  ['user.id', 'who.user.sub'],
  ['actfor.user.issuer', 'who.user.iss'],
  ['actfor.user.role', 'who.user.role'],
  ['gen_ai.agent.id', 'who.agent.sub'],
  ['actfor.agent.issuer', 'who.agent.iss'],
  ['actfor.instance.id', 'who.instance.id'],
  ['actfor.instance.kind', 'who.instance.kind'],
  ['actfor.instance.parent.id', 'who.instance.parent.id'],
  ['actfor.relationship.kind', 'who.relationship.kind'],
  ['actfor.relationship.mode', 'who.relationship.mode'],
  ['actfor.relationship.task', 'who.relationship.task'],
  ['actfor.binding', 'who.binding'],
  ['http.response.status_code', 'status'],
];

/** See `types/opentelemetry.d.ts`. */
export function attributes(document: DecisionDocument): Attributes {
  const found: Attributes = {};
  for (const [attribute, path] of ATTRIBUTES) {
    const value = member(document, path);
    if (typeof value === 'string' || typeof value === 'number') found[attribute] = value;
  }
  const { who } = document;
  found['actfor.chain.depth'] = who?.chain.hops.length ?? 0;
  if (who?.instance.kind === 'session' && who.instance.id !== undefined) found['gen_ai.conversation.id'] = who.instance.id;
  return found;
}

function member(document: object, path: string): unknown {
  let value: unknown = document;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** See `types/opentelemetry.d.ts`. */
export function instrument(guard: Guard, options: Api.TelemetryOptions = {}): Guard {
  const telemetry = new Telemetry(options);
  const calls: Partial<Record<keyof Guard, unknown>> = {
    decide: telemetry.around('actfor.decide', guard.decide.bind(guard)),
    authorize: telemetry.around('actfor.authorize', guard.authorize.bind(guard)),
    authorizeCall: telemetry.around('actfor.authorize', guard.authorizeCall.bind(guard)),
  };
  return new Proxy(guard, {
    get(target, name) {
      if (Object.hasOwn(calls, name)) return calls[name as keyof Guard];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

class Telemetry {
  readonly #options: Api.TelemetryOptions;
  readonly #decisions: Counter;
  readonly #duration: Histogram;

  constructor(options: Api.TelemetryOptions) {
    this.#options = options;
    const meter = options.meter ?? metrics.getMeter(NAME);
    this.#decisions = meter.createCounter('actfor.decisions', { unit: '{decision}', description: 'Decisions by their outcome.' });
    this.#duration = meter.createHistogram('actfor.decision.duration', {
      unit: 's', description: 'How long a decision took.',
      advice: { explicitBucketBoundaries: [0.000005, 0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5] },
    });
  }

  /** The same call, in a span of its own. */
  around<Arguments extends unknown[]>(name: string, call: (...given: Arguments) => Decision | Promise<Decision>) {
    return (...given: Arguments): Decision | Promise<Decision> => {
      const start = performance.now();
      // Asked for each time: a provider that is registered later is found too.
      const tracer = this.#options.tracer ?? trace.getTracer(NAME);
      return tracer.startActiveSpan(name, { kind: SpanKind.INTERNAL }, (span) => {
        try {
          const made = call(...given);
          if (!(made instanceof Promise)) return this.#done(span, start, made);
          return made.then((decision) => this.#done(span, start, decision), (error: unknown) => this.#failed(span, error));
        } catch (error) {
          return this.#failed(span, error);
        }
      });
    };
  }

  #done(span: Span, start: number, decision: Decision): Decision {
    const outcome: Attributes = { 'actfor.decision': decision.verdict };
    if (decision.code !== null) outcome['error.type'] = decision.code;
    this.#decisions.add(1, outcome);
    this.#duration.record((performance.now() - start) / 1000, outcome);
    if (span.isRecording()) {
      span.setAttributes(attributes(decision.toJSON()));
      // A refusal is the guard at work; not to have come to one is an error (OpenTelemetry, "Set Status").
      if (decision.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR, message: decision.code ?? '' });
    }
    span.end();
    return decision;
  }

  #failed(span: Span, error: unknown): never {
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.setAttribute('error.type', error instanceof Error ? error.name : 'error');
    span.end();
    throw error;
  }
}
