// `actfor/opentelemetry` with OpenTelemetry's own SDK: one span and one count for each decision, no token in either, and
// the attributes that `actfor audit export --to otel` writes.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { SpanStatusCode } from '@opentelemetry/api';
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { AlwaysOffSampler, BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { createGuard } from 'actfor';
import { attributes, instrument } from 'actfor/opentelemetry';
import { createTestIssuer } from 'actfor/testing';

const issuer = createTestIssuer();
const config = {
  issuers: [{
    issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'], dialect: 'actfor', binding: 'optional',
    jwks: issuer.jwks, clients: { helper: 'agent' },
  }],
  policy: 'actfor 1\non repo\n  read needs scope\nallow delegated to read on repo as read\nscope "repo:read" covers read on repo\n'
    + 'route GET /repos/{id} is read on repo:{id}\n',
};
const token = issuer.token({ user: 'ana', agent: 'helper', scope: 'repo:read' });

function setUp(options = {}) {
  const spans = new InMemorySpanExporter();
  const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)], ...options }).getTracer('test');
  const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 1_000_000 });
  const meter = new MeterProvider({ readers: [reader] }).getMeter('test');
  const read = async () => {
    await reader.forceFlush();
    return Object.fromEntries(metrics.getMetrics().at(-1).scopeMetrics[0].metrics.map((one) => [one.descriptor.name, one.dataPoints]));
  };
  return { spans, tracer, meter, read };
}

test('every decision is a span and counts', async () => {
  const { spans, tracer, meter, read } = setUp();
  const guard = instrument(createGuard(config), { tracer, meter });
  const allowed = guard.decide(token.request('GET', '/repos/web'), { id: 'r-1' });
  assert.equal((await guard.authorize(token.request('GET', '/other'))).code, 'unmapped');
  guard.decide(token.request('GET', '/repos/web'), { now: 0 });
  const [one, two, three] = spans.getFinishedSpans();
  assert.deepEqual([one.name, two.name, three.name], ['actfor.decide', 'actfor.authorize', 'actfor.decide']);
  assert.deepEqual(one.attributes, attributes(allowed.toJSON()));
  const { 'actfor.policy': policy, 'actfor.instance.id': instance, ...rest } = one.attributes;
  assert.match(policy, /^sha256:/);
  assert.deepEqual(rest, {
    'actfor.request.id': 'r-1', 'actfor.decision': 'allow', 'actfor.action': 'read', 'actfor.object': 'repo:web', 'actfor.rule': 'read',
    'user.id': 'ana', 'actfor.user.issuer': issuer.issuer, 'actfor.user.role': 'delegator', 'gen_ai.agent.id': 'helper',
    'actfor.agent.issuer': issuer.issuer, 'actfor.instance.kind': 'session', 'gen_ai.conversation.id': instance,
    'actfor.relationship.kind': 'delegated', 'actfor.relationship.mode': 'interactive', 'actfor.binding': 'bearer',
    'http.response.status_code': 200, 'actfor.chain.depth': 0,
  });
  assert.deepEqual([one.status.code, two.status.code, three.status.code], [SpanStatusCode.UNSET, SpanStatusCode.UNSET, SpanStatusCode.ERROR]);
  assert.equal(two.attributes['error.type'], 'unmapped');
  assert.ok(!JSON.stringify(spans.getFinishedSpans().map((span) => span.attributes)).includes(token.token.split('.')[2]));
  const { 'actfor.decisions': counts, 'actfor.decision.duration': durations } = await read();
  assert.deepEqual(counts.map(({ value, attributes }) => [attributes, value]), [
    [{ 'actfor.decision': 'allow' }, 1],
    [{ 'actfor.decision': 'deny', 'error.type': 'unmapped' }, 1],
    [{ 'actfor.decision': 'deny', 'error.type': 'clock_invalid' }, 1],
  ]);
  assert.deepEqual(durations.map(({ value }) => value.count), [1, 1, 1]);
});

test('questions and explanations count too', async () => {
  const { spans, tracer, meter, read } = setUp();
  const guard = instrument(createGuard(config), { tracer, meter });
  guard.explain(token.request('GET', '/repos/web'));
  const question = { subject: { type: 'user', id: 'ana' }, action: { name: 'read' }, resource: { type: 'repo', id: 'web' } };
  const request = token.request('GET', '/repos/web');
  assert.equal((await guard.evaluate(question, { request })).decision, true);
  await guard.evaluations({ evaluations: [question, {}, { ...question, resource: { type: 'repo', id: '' } }, question] }, { request });
  assert.deepEqual(spans.getFinishedSpans().map(({ name }) => name), ['actfor.decide', 'actfor.evaluate', 'actfor.evaluate']);
  assert.equal(spans.getFinishedSpans()[1].attributes['actfor.decision'], 'allow');
  const { 'actfor.decisions': counts } = await read();
  assert.deepEqual(counts.map(({ value, attributes }) => [attributes['error.type'], value]), [[undefined, 4], ['request_invalid', 2]]);
});

test('it is the same guard', async () => {
  const { tracer, meter, spans } = setUp();
  const guard = instrument(createGuard(config), { tracer, meter });
  const decision = guard.decide(token.request('GET', '/repos/web'));
  assert.deepEqual(guard.filter(decision, 'tools', [{ name: 'x' }]), []);
  assert.equal(guard.verify(token.token).sub, 'ana');
  guard.revoke({ version: 1, revoked: [{ user: { iss: issuer.issuer, sub: 'ana' }, until: 4_000_000_000 }] });
  assert.equal(guard.decide(token.request('GET', '/repos/web')).code, 'revoked');
  await assert.rejects(guard.authorize(token.request('GET', '/repos/web'), { signal: AbortSignal.abort(new Error('gone')) }), /gone/);
  assert.equal(spans.getFinishedSpans().at(-1).status.code, SpanStatusCode.ERROR);
});

test('a span that nobody records costs no document, and without an SDK nothing happens', () => {
  const { tracer, meter, spans } = setUp({ sampler: new AlwaysOffSampler() });
  const guard = createGuard(config);
  const decide = (request) => Object.defineProperty(guard.decide(request), 'toJSON', { value: () => assert.fail() });
  const unread = { ...guard, decide, authorize: async () => assert.fail(), authorizeCall: async () => assert.fail() };
  assert.equal(instrument(unread, { tracer, meter }).decide(token.request('GET', '/repos/web')).allowed, true);
  assert.equal(spans.getFinishedSpans().length, 0);
  assert.equal(instrument(createGuard(config)).decide(token.request('GET', '/repos/web')).allowed, true);
});

test('the attributes are those of the command line', () => {
  const exported = readFileSync(join(import.meta.dirname, '../../src/adapters/cli/src/export.rs'), 'utf8');
  const known = new Set([...exported.matchAll(/"((?:actfor|user|gen_ai|error|http)\.[\w.]+)"/g)].map(([, name]) => name));
  const document = createGuard(config).explain(token.request('GET', '/repos/web'), { id: 'x' });
  const full = attributes({ ...document, code: 'x', stage: 'x', who: { ...document.who, relationship: { ...document.who.relationship, task: 't' }, instance: { ...document.who.instance, parent: { iss: 'i', id: 'p' } } } });
  const here = new Set(Object.keys(full));
  // Only the log has a place in a chain of records, and the event's own name.
  const elsewhere = ['actfor.audit.chain_id', 'actfor.audit.seq', 'actfor.decision'];
  assert.deepEqual([...here].filter((name) => !known.has(name)), []);
  assert.deepEqual([...known].filter((name) => !here.has(name) && !elsewhere.includes(name)), []);
});
