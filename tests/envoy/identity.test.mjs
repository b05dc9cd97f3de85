// Who is it, in every dialect: the cases of tests/vectors/requests/identity.json through the real Envoy. One Envoy has a
// listener for each configuration; what a case learns beside its request comes from a server that obeys the test.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { http1, root, startEnvoy, startKeyServer, startUpstream, until } from './harness.mjs';
import { keepRequestId } from './patterns.mjs';

const file = JSON.parse(readFileSync(join(root, 'tests/vectors/requests/identity.json'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'actfor-identity-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Why a case cannot be told to Envoy; nothing where it can. */
function leftOut({ now, introspection, learned = [], request, room }) {
  const tokens = request.headers.map(([, value]) => value.split(' ').at(-1));
  const kill = learned.filter((list) => list.status_list_of === undefined);
  if (request.headers.some(([name]) => name === 'x-forwarded-client-cert')) return 'Envoy takes the header away from clients';
  if (room !== undefined) return 'the shared memory has the size that it has';
  if (introspection !== undefined && !tokens.includes(introspection.token)) return 'an answer is always about the token that was asked about';
  if (learned.some(({ at }) => at !== now)) return 'a list is fetched when it is needed, not before or after';
  if (learned.length > kill.length + 1) return 'a list is fetched again only when it has grown old';
  if (kill.length > 0 && kill.every(({ refused }) => refused !== undefined)) return 'until a first list is taken, everything is refused';
  return undefined;
}

/** What a case needs a listener of its own for: it learns something, or the memory of instances must be empty. */
const isAlone = ({ learned, before }) => learned !== undefined || before !== undefined;

/** The configuration of a case, with what leads Envoy to the server. */
function configuration(example, index) {
  const own = { policy: file.policy, files: file.files, ...file.configs[example.config] };
  const envoy = { document: 'filter_state', introspection: {}, status: {} };
  for (const { issuer, introspection, status } of own.issuers) {
    if (introspection !== undefined) envoy.introspection[issuer] = { cluster: 'keys', cache_seconds: 0 };
    if (status !== undefined && status.danger_ignore !== true) envoy.status[issuer] = { cluster: 'keys' };
  }
  const kill = (example.learned ?? []).filter((list) => list.status_list_of === undefined);
  if (kill.length > 0) {
    own.revocation ??= { max_age: 86_400 };
    envoy.revocation = { uri: `https://ops.example/revoked/${index}`, cluster: 'keys', refresh_seconds: 1 };
  }
  return { ...own, envoy };
}

test('every case of identity turns out in Envoy as it does natively', async (t) => {
  const left = {};
  const listeners = new Map();
  const runs = [];
  for (const [index, example] of file.cases.entries()) {
    const why = leftOut(example);
    if (why !== undefined) {
      left[why] = (left[why] ?? 0) + 1;
      continue;
    }
    const name = isAlone(example) ? `case-${index}` : `config-${example.config}`;
    if (!listeners.has(name)) {
      // Whose an instance is, is remembered by all who share a `vm_id`.
      const vm = example.before === undefined ? 'actfor' : name;
      listeners.set(name, { socket: join(folder, name), vm, configuration: configuration(example, index) });
    }
    runs.push({ index, example, socket: listeners.get(name).socket });
  }

  let current;
  const fetched = new Map();
  const server = await startKeyServer((request, response) => {
    const [, what, index] = request.url.split('/');
    request.resume();
    if (what === 'revoked') {
      const lists = file.cases[index].learned;
      const count = fetched.get(Number(index)) ?? 0;
      fetched.set(Number(index), count + 1);
      // The main thread and the worker both ask: each list is there for two fetches of both.
      return response.end(lists[Math.min(Math.floor(count / 4), lists.length - 1)].list);
    }
    const list = current.learned?.find(({ status_list_of: issuer }) => issuer !== undefined)?.list;
    const text = what === 'status' ? list : current.introspection?.response;
    if (text === undefined) response.statusCode = 404;
    return response.end(text);
  });
  const upstream = await startUpstream();
  const started = performance.now();
  const envoy = await startEnvoy({
    configuration: [...listeners.values()][0].configuration,
    now: file.cases[0].now,
    upstreamPort: upstream.port,
    keysPort: server.port,
    workers: 1,
    change: (text) => withListeners(keepRequestId(text), [...listeners.values()]),
  });
  try {
    const ready = performance.now();
    const killed = runs.filter(({ example }) => example.learned?.some((list) => list.status_list_of === undefined));
    await until('the lists of what is revoked', () => killed.every(({ index, example }) => fetched.get(index) >= rounds(example)));
    const failed = [];
    for (const { index, example, socket } of runs) {
      current = example;
      const { now, request, before = [], expect, name } = example;
      const ask = (asked, at, id) => {
        envoy.setTime(at);
        return http1(socket, { method: asked.method, path: asked.url, headers: [['x-request-id', id], ...asked.headers] });
      };
      for (const { now: at, ...asked } of before) assert.equal((await ask(asked, at, `before-${index}`)).status, 200, `${name}: before`);
      const passed = upstream.asked;
      const { status, body } = await ask(request, now, `case-${index}`);
      // A client may be told less than the document says.
      const wanted = [expect.decision === 'allow', expect.status, expect.decision === 'allow' ? 1 : 0];
      const found = [body?.code === undefined, status, upstream.asked - passed];
      if (JSON.stringify(found) !== JSON.stringify(wanted)) failed.push(`${name}: ${found}, expected ${wanted}`);
    }
    const asked = performance.now();
    const lines = await until('every line of the log', () => {
      const all = new Map(envoy.log().map((line) => [line.id, line]));
      return runs.every(({ index }) => all.has(`case-${index}`)) && all;
    });
    for (const { index, example } of runs) {
      const { who, code } = JSON.parse(lines.get(`case-${index}`).document);
      if ((code ?? 'allow') !== example.expect.decision) failed.push(`${example.name}: ${code}, expected ${example.expect.decision}`);
      if (JSON.stringify(who) !== JSON.stringify(example.expect.who)) failed.push(`${example.name}: who is ${JSON.stringify(who)}`);
    }
    assert.deepEqual(failed, []);
    t.diagnostic(`${runs.length} of ${file.cases.length} cases, ${listeners.size} listeners; start ${Math.round(ready - started)} ms, requests ${Math.round(asked - ready)} ms`);
    for (const [why, count] of Object.entries(left)) t.diagnostic(`left out, ${count}: ${why}`);
    assert.ok(runs.length > 390);
  } catch (error) {
    error.message += `\nEnvoy said:\n${envoy.said().slice(-4000)}`;
    throw error;
  } finally {
    await envoy.stop();
    await upstream.stop();
    await server.stop();
  }
});

/** How often the lists of a case are fetched until the last of them has come to everybody. */
const rounds = ({ learned }) => 4 * learned.length;

/** The template's listener once more for each of these, at a socket. */
function withListeners(text, listeners) {
  const start = text.indexOf('    - name: actfor\n');
  const end = text.indexOf('\n  clusters:');
  const one = text.slice(start, end);
  const copies = listeners.map(({ socket, vm, configuration }, index) => one
    .replace('- name: actfor', `- name: actfor-${index}`)
    .replace(/address: \{ socket_address: .*\}$/m, `address: { pipe: { path: ${JSON.stringify(socket)} } }`)
    .replace('vm_id: actfor', `vm_id: ${vm}`)
    .replace(/^( +value: ).*$/m, (_, before) => before + JSON.stringify(configuration)));
  return `${text.slice(0, end)}\n${copies.join('')}${text.slice(end)}`;
}
