// Against the real OpenFGA and the real Redis, where the machine has them; in CI it must.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { connect, createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';

import { createGuard, openfga } from 'actfor';
import { redisReplayStore } from 'actfor/redis';
import { config, NOW, tokens } from './patterns.mjs';

function find(name) {
  const folders = [join(process.env.ACTFOR_ROOT, 'target/tools/bin'), ...process.env.PATH.split(delimiter)];
  const found = folders.map((folder) => join(folder, name)).find((file) => {
    try { accessSync(file, constants.X_OK); return true; } catch { return false; }
  });
  assert.ok(found !== undefined || process.env.CI !== 'true', `${name} is missing`);
  return found;
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a server and waits until `ready` says so. */
async function start(t, program, args, ready) {
  const child = spawn(program, args, { stdio: 'ignore' });
  t.after(() => child.kill());
  for (let i = 0; i < 200; i += 1) {
    try { if (await ready()) return; } catch { /* not yet */ }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${program} did not start`);
}

const fga = find('openfga');
test('relationships on a real OpenFGA', { skip: fga ? false : 'no openfga: go install github.com/openfga/openfga/cmd/openfga@latest' }, async (t) => {
  const [http, grpc] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${http}`;
  const flags = ['--http-addr', `127.0.0.1:${http}`, '--grpc-addr', `127.0.0.1:${grpc}`, '--playground-enabled=false', '--metrics-enabled=false', '--log-level', 'none'];
  await start(t, fga, ['run', ...flags], async () => (await fetch(`${url}/healthz`)).ok);
  const post = async (path, body) => {
    const response = await fetch(`${url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    const answer = await response.json();
    assert.ok(response.ok, JSON.stringify(answer));
    return answer;
  };
  const relation = (type) => ({ directly_related_user_types: [{ type }] });
  const own = { this: {} };
  const model = {
    schema_version: '1.1',
    type_definitions: [
      { type: 'user' }, { type: 'agent' },
      { type: 'repo', relations: { writer: own, reader: { union: { child: [own, { computedUserset: { relation: 'writer' } }] } } },
        metadata: { relations: { writer: relation('user'), reader: relation('user') } } },
      { type: 'org', relations: { hr_reader: own }, metadata: { relations: { hr_reader: relation('agent') } } },
      { type: 'case', relations: { worker: own, employee: own }, metadata: { relations: { worker: relation('agent'), employee: relation('user') } } },
      { type: 'salary_record', relations: { employee: own }, metadata: { relations: { employee: relation('user') } } },
    ],
  };
  const { id: storeId } = await post('/stores', { name: 'actfor' });
  const { authorization_model_id: modelId } = await post(`/stores/${storeId}/authorization-models`, model);
  await post(`/stores/${storeId}/write`, { authorization_model_id: modelId, writes: { tuple_keys: config.tuples } });
  const errors = [];
  const host = { clock: () => NOW, onError: (error) => errors.push(error.message) };
  const remote = { ...config, tuples: [], relationships: {} };
  const guard = createGuard(remote, { ...host, relationships: openfga({ url, storeId, modelId }) });
  const ask = async (method, target, token, of = guard) => (await of.authorize({ method, url: target, headers: { authorization: `Bearer ${tokens[token].token}` } })).code;
  assert.equal(await ask('PATCH', '/repos/web/git/refs/heads/fix', 'T1'), null);
  assert.equal(await ask('GET', '/repos/web/x', 'T2'), null);
  assert.equal(await ask('GET', '/salaries/ana', 'T3'), null);
  assert.equal(await ask('GET', '/salaries/bo', 'T3'), 'not_the_persons_record');
  await post(`/stores/${storeId}/write`, { authorization_model_id: modelId, deletes: { tuple_keys: [{ user: 'user:ana', relation: 'writer', object: 'repo:web' }] } });
  assert.equal(await ask('PATCH', '/repos/web/git/refs/heads/fix', 'T1'), 'user_lacks_relation');
  assert.deepEqual(errors, []);
  const elsewhere = createGuard(remote, { ...host, relationships: openfga({ url, storeId, modelId: '01ARZ3NDEKTSV4RRFFQ69G5FAV' }) });
  assert.equal(await ask('GET', '/repos/infra/x', 'T2', elsewhere), 'not_covered');
  assert.equal(await ask('GET', '/repos/web/x', 'T2', elsewhere), 'relations_unavailable');
  assert.equal(errors.length, 1);
});

const redis = find('redis-server');
test('used proofs in a real Redis', { skip: redis ? false : 'no redis-server: apt-get install redis-server' }, async (t) => {
  const port = await freePort();
  const client = { async sendCommand(words) {
    const socket = connect(port, '127.0.0.1');
    socket.end(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`);
    let text = '';
    for await (const part of socket) text += part;
    if (text.startsWith('-')) throw new Error(text);
    return text.startsWith('$-1') ? null : text.startsWith('$') ? text.split('\r\n')[1] : text.slice(1).trim();
  } };
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  await start(t, redis, flags, async () => (await client.sendCommand(['PING'])) === 'PONG');
  const store = redisReplayStore(client, { prefix: 'test:' });
  const said = await Promise.all(Array.from({ length: 50 }, () => store.remember('dpop:a:b', NOW + 60, NOW)));
  assert.deepEqual(said.filter((one) => one === 'first').length, 1);
  assert.equal(await store.remember('dpop:a:c', NOW + 60, NOW), 'first');
  const left = Number(await client.sendCommand(['TTL', 'test:dpop:a:b']));
  assert.ok(left >= 60 && left <= 61, String(left));
  await client.sendCommand(['DEL', 'test:dpop:a:b']);
  await client.sendCommand(['CONFIG', 'SET', 'maxmemory', '1']);
  await assert.rejects(async () => store.remember('dpop:a:d', NOW + 60, NOW), /OOM/);
});
