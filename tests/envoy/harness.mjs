// Starts the real Envoy with the shipped template, an upstream that echoes, and a key server that obeys the test.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const wasm = process.env.ACTFOR_WASM ?? join(root, 'dist/envoy/actfor.wasm');
const template = readFileSync(join(root, 'pkg-templates/envoy/envoy.yaml'), 'utf8');
const clock = join(root, 'target/envoy/libclock.so');

/** The Envoy to test: `ENVOY_BIN`, the project's own environment, or the one on the path. */
export function envoyBinary() {
  if (process.env.ENVOY_BIN) return process.env.ENVOY_BIN;
  const lib = join(root, 'target/venv/lib');
  const own = existsSync(lib)
    ? readdirSync(lib).map((python) => join(lib, python, 'site-packages/envoy/_bin/envoy'))
    : [];
  const onPath = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'envoy'));
  const found = [...own, ...onPath].find((path) => existsSync(path));
  if (!found) throw new Error('no Envoy: run `cargo xtask setup`, or set ENVOY_BIN');
  return found;
}

/** Waits until `probe` gives something; fails with `what` after some seconds. */
export async function until(what, probe, seconds = 15) {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (performance.now() > end) throw new Error(`waited ${seconds} s in vain: ${what}`);
    await pause(20);
  }
}

function listen(server, port = 0) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server.address().port));
  });
}

/** An upstream that answers with what reached it. */
export async function startUpstream() {
  const upstream = { asked: 0 };
  const server = http.createServer((request, response) => {
    upstream.asked += 1;
    request.resume().on('end', () => {
      const { method, url, rawHeaders, rawTrailers } = request;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ method, url, headers: pairs(rawHeaders), trailers: pairs(rawTrailers) }));
    });
  });
  upstream.port = await listen(server);
  upstream.stop = () => close(server);
  return upstream;
}

/** A key server: `answer` is `(request, response) => …` and may be replaced at any time. */
export async function startKeyServer(answer, port) {
  const keys = { asked: 0, answer };
  const server = http.createServer((request, response) => {
    keys.asked += 1;
    keys.answer(request, response);
  });
  keys.port = await listen(server, port);
  keys.stop = () => close(server);
  return keys;
}

function close(server) {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
}

/** `[name, value, name, value]` as a list of pairs with names in lower case. */
function pairs(raw) {
  return raw.flatMap((name, i) => (i % 2 ? [] : [[name.toLowerCase(), raw[i + 1]]]));
}

/** The template with its placeholders filled; none may stay empty-handed. */
export function render(values) {
  const text = template.replace(/\{\{(\w+)\}\}/g, (_, name) => {
    if (!(name in values)) throw new Error(`the template has a placeholder that nobody fills: ${name}`);
    return values[name];
  });
  for (const name of Object.keys(values)) {
    if (!template.includes(`{{${name}}}`)) throw new Error(`the template has no placeholder ${name}`);
  }
  return text;
}

/**
 * Starts Envoy with the shipped template.
 *
 * - `configuration`: the document, as an object or as JSON text.
 * - `now`: the second at which the wall clock stands still; without it the clock runs.
 * - `keysPort`: where the cluster `keys` leads.
 * - `module`: another filter than the built one.
 * - `pin`: the core to run on.
 * - `change`: a last change to the rendered template.
 * - `expectFailure`: Envoy is to refuse its configuration; gives what it said.
 */
export async function startEnvoy({ configuration, now, upstreamPort, keysPort = 1, workers = 2, module = wasm, pin, change = (text) => text, expectFailure = false }) {
  const folder = mkdtempSync(join(tmpdir(), 'actfor-envoy-'));
  const files = {
    config: join(folder, 'envoy.yaml'),
    access: join(folder, 'access.log'),
    admin: join(folder, 'admin'),
    clock: join(folder, 'clock'),
  };
  const document = typeof configuration === 'string' ? configuration : JSON.stringify(configuration);
  const text = render({
    envoy_version: '1.40',
    version: 'test',
    admin_port: '0',
    listen_address: '127.0.0.1',
    listen_port: '0',
    access_log: JSON.stringify(files.access),
    wasm: JSON.stringify(module),
    configuration: document,
    service_host: '127.0.0.1',
    service_port: String(upstreamPort),
    keys_host: '127.0.0.1',
    keys_port: String(keysPort),
    keys_transport_socket: '{ name: envoy.transport_sockets.raw_buffer, typed_config: { "@type": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer } }',
  });
  writeFileSync(files.config, change(text));
  const setTime = (seconds) => writeFileSync(files.clock, String(seconds));
  const env = { ...process.env };
  if (now !== undefined) {
    if (!existsSync(clock)) throw new Error(`${clock} is missing: cargo xtask test builds it`);
    setTime(now);
    Object.assign(env, { LD_PRELOAD: clock, ACTFOR_TEST_CLOCK: files.clock });
  }
  const args = ['-c', files.config, '--concurrency', String(workers), '--use-dynamic-base-id', '--log-level', 'warn',
    '--component-log-level', 'wasm:info', '--file-flush-interval-msec', '20', '--admin-address-path', files.admin];
  const command = pin === undefined ? [envoyBinary()] : ['taskset', '-c', pin, envoyBinary()];
  const child = spawn(command[0], [...command.slice(1), ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk) => (said += chunk));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let running = true;
  ended.then(() => (running = false));

  const stop = async () => {
    if (running) child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  if (expectFailure) {
    const code = await Promise.race([ended, pause(15_000).then(() => 'still running')]);
    await stop();
    return { code, said };
  }
  try {
    const admin = await until('the address of the admin interface', () => {
      if (!running) throw new Error(`Envoy ended:\n${said}`);
      return existsSync(files.admin) && readFileSync(files.admin, 'utf8').trim();
    });
    const ask = async (path) => (await fetch(`http://${admin}${path}`)).text();
    await until('Envoy to be ready', async () => {
      if (!running) throw new Error(`Envoy ended:\n${said}`);
      return (await ask('/ready').catch(() => '')).startsWith('LIVE');
    });
    const listeners = JSON.parse(await ask('/listeners?format=json'));
    const port = listeners.listener_statuses[0].local_address.socket_address.port_value;
    return {
      port,
      pid: child.pid,
      setTime,
      stop,
      said: () => said,
      /** The lines of the access log so far. */
      log: () => (existsSync(files.access) ? readFileSync(files.access, 'utf8').trim().split('\n').filter(Boolean).map((line) => JSON.parse(line)) : []),
      /** The counters of the filter: `actfor.…` → number, zeros left out. */
      counters: async () => {
        const stats = JSON.parse(await ask('/stats?format=json&filter=actfor%5C.(decision|refused|shadow|keys|lists|introspection)')).stats;
        return Object.fromEntries(stats.filter((s) => s.value).map((s) => [s.name.slice(s.name.indexOf('actfor.')), s.value]));
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** One request over HTTP/1.1; `port` may be the path of a socket. `headers` is an object or a list of pairs; a list keeps repetitions. */
export function http1(port, { method = 'GET', path = '/', headers = [], trailers, body } = {}) {
  const list = Array.isArray(headers) ? headers : Object.entries(headers);
  return new Promise((resolve, reject) => {
    const raw = ['host', 'api.example', ...list.flat()];
    if (trailers) raw.push('transfer-encoding', 'chunked', 'trailer', Object.keys(trailers).join(', '));
    const where = typeof port === 'string' ? { socketPath: port } : { host: '127.0.0.1', port };
    const request = http.request({ ...where, method, path, headers: raw, agent: false });
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve(answer(response.statusCode, response.headers, text)));
    });
    if (trailers) {
      request.addTrailers(trailers);
      request.write('x');
    }
    request.end(body);
  });
}

/** One request over HTTP/2 with prior knowledge. */
export function h2(port, { method = 'GET', path = '/', headers = [], trailers } = {}) {
  const list = Array.isArray(headers) ? headers : Object.entries(headers);
  return new Promise((resolve, reject) => {
    const session = http2.connect('http://api.example', { createConnection: () => connect(port) });
    session.on('error', reject);
    const fields = { ':method': method, ':path': path };
    for (const [name, value] of list) fields[name] = name in fields ? [fields[name], value].flat() : value;
    const stream = session.request(fields, { endStream: !trailers, waitForTrailers: Boolean(trailers) });
    let seen;
    let text = '';
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.on('response', (fields) => (seen = fields));
    stream.setEncoding('utf8').on('data', (chunk) => (text += chunk));
    stream.on('error', reject);
    stream.on('end', () => {
      session.close();
      resolve(answer(seen[':status'], seen, text));
    });
    if (trailers) stream.end('x');
  });
}

/** Bytes as they are, for what no client library would send; gives the status. */
export function rawHttp1(port, text) {
  return new Promise((resolve, reject) => {
    const socket = connect(port);
    let seen = '';
    socket.setEncoding('latin1').on('data', (chunk) => {
      seen += chunk;
      if (seen.includes('\r\n\r\n')) socket.end();
    });
    socket.on('close', () => resolve({ status: Number(seen.split(' ')[1]) || 0, text: seen }));
    socket.on('error', reject);
    socket.write(Buffer.from(text, 'latin1'));
  });
}

function connect(port) {
  return net.connect(port, '127.0.0.1');
}

function answer(status, headers, text) {
  const json = /\bjson\b/.test(headers['content-type'] ?? '');
  return { status, headers, text, body: json ? JSON.parse(text) : undefined };
}

/** Starts Envoy beside a server that answers as `answer` says; both end whatever happens. */
export async function withServer(configuration, answer, body, options) {
  const server = await startKeyServer(answer);
  try {
    const envoy = await startEnvoy({ configuration, keysPort: server.port, ...options });
    try {
      await body(envoy, server);
      assert.doesNotMatch(envoy.said(), /panicked/);
    } catch (error) {
      error.message += `\nEnvoy said:\n${envoy.said()}`;
      throw error;
    } finally {
      await envoy.stop();
    }
  } finally {
    await server.stop();
  }
}
