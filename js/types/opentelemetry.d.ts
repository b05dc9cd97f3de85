/**
 * Spans and metrics through `@opentelemetry/api`, which is an optional peer: install it to use this.
 *
 * @module
 */

import type { Attributes, Meter, Tracer } from '@opentelemetry/api';

import type { DecisionDocument, Guard } from './index.js';

/**
 * The same guard, with a span around every decision (`actfor.decide`, `actfor.authorize`, `actfor.evaluate`) and two metrics:
 * `actfor.decisions` (by `actfor.decision` and `error.type`) and `actfor.decision.duration` in seconds. A span that is
 * recorded reads the whole document. Nothing of it holds a token; `user.id` and the names of objects are in it.
 *
 * @example
 * ```ts
 * import { createGuard } from 'actfor';
 * import { instrument } from 'actfor/opentelemetry';
 * const guard = instrument(createGuard(config));
 * ```
 */
export function instrument(guard: Guard, options?: TelemetryOptions): Guard;

/** The attributes of a decision: those of `actfor audit export --to otel`. */
export function attributes(document: DecisionDocument): Attributes;

export interface TelemetryOptions {
  /** Default: the global tracer `actfor`. */
  readonly tracer?: Tracer;
  /** Default: the global meter `actfor`. */
  readonly meter?: Meter;
}
