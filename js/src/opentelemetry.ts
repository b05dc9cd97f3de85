// Spans and metrics through `@opentelemetry/api`: the attributes of `actfor audit export --to otel`.

import { type Attributes, type Histogram, metrics, type Counter, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';

import type { Decision, DecisionDocument, EvaluationResult, EvaluationsResult, Guard } from '../types/index.js';
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
  const decide = telemetry.around('actfor.decide', (...given: Parameters<Guard['decide']>) => guard.decide(...given));
  const calls: Partial<Guard> = {
    decide,
    authorize: telemetry.around('actfor.authorize', (...given: Parameters<Guard['authorize']>) => guard.authorize(...given)),
    authorizeCall: telemetry.around('actfor.authorize', (...given: Parameters<Guard['authorizeCall']>) => guard.authorizeCall(...given)),
    evaluate: telemetry.around('actfor.evaluate', (...given: Parameters<Guard['evaluate']>) => guard.evaluate(...given)),
    evaluations: telemetry.around('actfor.evaluate', (...given: Parameters<Guard['evaluations']>) => guard.evaluations(...given)),
    explain: (...given) => decide(...given).toJSON(),
  };
  return new Proxy(guard, {
    get(target, name) {
      if (Object.hasOwn(calls, name)) return calls[name as keyof Guard];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

type Decided = Decision | EvaluationResult | EvaluationsResult;
type Outcome = { readonly verdict: string; readonly code: string | null; readonly status: number };

function outcomeOf({ decision, context }: EvaluationResult): Outcome {
  return { verdict: decision ? 'allow' : 'deny', code: context?.code ?? null, status: context?.error?.status ?? (decision ? 200 : 403) };
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
  around<Arguments extends unknown[], Made extends Decided | Promise<Decided>>(name: string, call: (...given: Arguments) => Made): (...given: Arguments) => Made {
    return (...given) => {
      const start = performance.now();
      // Asked for each time: a provider that is registered later is found too.
      const tracer = this.#options.tracer ?? trace.getTracer(NAME);
      return tracer.startActiveSpan(name, { kind: SpanKind.INTERNAL }, (span): Made => {
        try {
          const made = call(...given);
          if (made instanceof Promise) {
            return made.then((done) => this.#done(span, start, done), (error: unknown) => this.#failed(span, error)) as Made;
          }
          this.#done(span, start, made as Decided);
          return made;
        } catch (error) {
          return this.#failed(span, error);
        }
      });
    };
  }

  #done<Made extends Decided>(span: Span, start: number, made: Made): Made {
    const seconds = (performance.now() - start) / 1000;
    if ('evaluations' in made) for (const one of made.evaluations) this.#count(span, seconds, outcomeOf(one));
    else this.#count(span, seconds, 'verdict' in made ? { verdict: made.verdict, code: made.code, status: made.status } : outcomeOf(made));
    if ('verdict' in made && span.isRecording()) span.setAttributes(attributes(made.toJSON()));
    span.end();
    return made;
  }

  #count(span: Span, seconds: number, { verdict, code, status }: Outcome): void {
    const outcome: Attributes = { 'actfor.decision': verdict };
    if (code !== null) outcome['error.type'] = code;
    this.#decisions.add(1, outcome);
    this.#duration.record(seconds, outcome);
    span.setAttributes(outcome);
    // A refusal is the guard at work; not to have come to one is an error (OpenTelemetry, "Set Status").
    if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR, message: code ?? '' });
  }

  #failed(span: Span, error: unknown): never {
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.setAttribute('error.type', error instanceof Error ? error.name : 'error');
    span.end();
    throw error;
  }
}
