// The filter in the real Envoy with the shipped template: what passes, what is refused, and what nobody may smuggle in.
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { after, before, test } from 'node:test';

import { h2, http1, rawHttp1, startEnvoy, startUpstream, until } from './harness.mjs';
import { NOW, configuration } from './patterns.mjs';

const protocols = { 'HTTP/1.1': http1, 'HTTP/2': h2 };

let upstream;
before(async () => (upstream = await startUpstream()));
after(() => upstream.stop());

/** Starts Envoy, runs `body`, and stops it whatever happens. */
async function withEnvoy(options, body) {
  const envoy = await startEnvoy({ now: NOW, upstreamPort: upstream.port, configuration: configuration(), ...options });
  try {
    await body(envoy);
  } catch (error) {
    error.message += `\nEnvoy said:\n${envoy.said()}`;
    throw error;
  } finally {
    await envoy.stop();
  }
}

test('a request without a token is refused, with the same code for client, log and counter', async () => {
  await withEnvoy({}, async (envoy) => {
    for (const [name, ask] of Object.entries(protocols)) {
      const answer = await ask(envoy.port, { path: '/repos/web/x' });
      assert.equal(answer.status, 401, name);
      assert.equal(answer.headers['content-type'], 'application/problem+json');
      assert.equal(answer.headers['www-authenticate'], 'Bearer');
      const { id, ...problem } = answer.body;
      assert.deepEqual(problem, { title: 'Unauthorized', status: 401, code: 'token_missing', detail: 'An access token is needed.' });
      const line = await until('the line of the log', () => envoy.log().find((line) => line.id === id));
      assert.deepEqual([line.verdict, line.code, line.status], ['deny', 'token_missing', 401]);
    }
    assert.deepEqual(await envoy.counters(), { 'actfor.refused.token_missing': 2 });
  });
  assert.equal(upstream.asked, 0);
});

test('shadow passes refused requests on, without a single identity header', async () => {
  await withEnvoy({ configuration: configuration({ envoy: { mode: 'shadow' } }) }, async (envoy) => {
    const forged = [
      ['x-actfor-user', 'user:mallory'],
      ['x-actfor-user', 'user:mallory2'],
      ['X-Actfor-Agent', 'agent:mallory'],
      ['x_actfor_user', 'user:mallory'],
      ['x-actfor_rule', 'mallory'],
      ['x-actfor-made-up', 'mallory'],
      ['x-other', 'stays'],
    ];
    for (const [name, ask] of Object.entries(protocols)) {
      const headers = ask === h2 ? forged.map(([n, v]) => [n.toLowerCase(), v]) : forged;
      const answer = await ask(envoy.port, { path: '/repos/web/x', headers });
      assert.equal(answer.status, 200, name);
      const names = answer.body.headers.map(([n]) => n);
      assert.ok(names.includes('x-other'));
      assert.deepEqual(names.filter((n) => /actfor/i.test(n)), [], name);
    }
    await until('two lines', () => envoy.log().length === 2);
    for (const line of envoy.log()) assert.deepEqual([line.verdict, line.code, line.status], ['deny', 'token_missing', 200]);
    assert.deepEqual(await envoy.counters(), { 'actfor.shadow.token_missing': 2 });
  });
});

test('trailers cannot carry an identity either', async () => {
  let trailers;
  const server = http2.createServer((request, response) => {
    request.resume().on('end', () => {
      trailers = request.trailers;
      response.end('{}');
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const speakHttp2 = `      type: STRICT_DNS
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: { http2_protocol_options: {} }`;
  const options = {
    configuration: configuration({ envoy: { mode: 'shadow' } }),
    upstreamPort: server.address().port,
    change: (text) => text.replace(/ {6}type: STRICT_DNS/, speakHttp2),
  };
  await withEnvoy(options, async (envoy) => {
    await h2(envoy.port, { method: 'POST', trailers: { 'x-actfor-user': 'user:mallory', x_actfor_agent: 'a', 'x-sum': '1' } });
    assert.deepEqual(Object.entries(trailers), [['x-sum', '1']]);
  });
  server.close();
});

test('nothing odd on the wire passes', async () => {
  await withEnvoy({}, async (envoy) => {
    const asked = upstream.asked;
    const odd = {
      'two tokens': 'GET /repos/web/x HTTP/1.1\r\nhost: a\r\nauthorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n',
      'a byte beyond ASCII in the path': 'GET /repos/web/\xff HTTP/1.1\r\nhost: a\r\n\r\n',
      'a byte beyond ASCII in the token': 'GET /repos/web/x HTTP/1.1\r\nhost: a\r\nauthorization: Bearer \xe9\r\n\r\n',
      'dot segments': 'GET /repos/web/../infra/x HTTP/1.1\r\nhost: a\r\n\r\n',
      'an escaped slash': 'GET /repos/web%2f..%2finfra/x HTTP/1.1\r\nhost: a\r\n\r\n',
      'an absolute target': 'GET http://a/repos/web/x HTTP/1.1\r\nhost: a\r\n\r\n',
      'an asterisk': 'OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n',
      'a tunnel': 'CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n',
      'an upgrade': 'GET /repos/web/x HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
      'another method in a header': 'GET /repos/web/x HTTP/1.1\r\nhost: a\r\nx-http-method-override: PATCH\r\n\r\n',
    };
    for (const [what, bytes] of Object.entries(odd)) {
      const { status } = await rawHttp1(envoy.port, bytes);
      assert.ok(status >= 400 && status < 600, `${what}: ${status}`);
    }
    assert.equal(upstream.asked, asked);
  });
});

test('a configuration written as YAML and one written as a JSON string are the same', async () => {
  const asText = (text) =>
    text.replace('protobuf.Struct', 'protobuf.StringValue').replace(/^( +value: )(\{"issuers".*)$/m, (_, start, json) => start + JSON.stringify(json));
  for (const change of [(text) => text, asText]) {
    await withEnvoy({ change }, async (envoy) => {
      assert.equal((await http1(envoy.port)).status, 401);
      assert.match(envoy.said(), /actfor: configured, mode Enforce/);
    });
  }
});

test('a bad configuration refuses to load, and the log says which field and why', async () => {
  const good = configuration();
  const bad = {
    'envoy.modus: is not known here': { ...good, envoy: { modus: 'shadow' } },
    'envoy.mode: write `enforce` or `shadow` instead of `off`': { ...good, envoy: { mode: 'off' } },
    'envoy.jwks[`https://nobody.example`]: no issuer of this name has a `jwks_uri`': {
      ...good,
      envoy: { jwks: { 'https://nobody.example': { cluster: 'keys' } } },
    },
  };
  for (const [expected, document] of Object.entries(bad)) {
    const { code, said } = await startEnvoy({ configuration: document, upstreamPort: upstream.port, expectFailure: true });
    assert.equal(code, 1, said);
    assert.ok(said.includes(`actfor: configuration refused: ${expected}`), said);
  }
});

test('a trap refuses the request, every time', async () => {
  // Without this capability the filter traps at its first look at a request.
  const trap = (text) => text.replace(/^ +proxy_get_header_map_pairs: \{\}\n/m, '');
  const asked = upstream.asked;
  await withEnvoy({ change: trap }, async (envoy) => {
    for (const ask of [http1, h2, http1]) {
      assert.equal((await ask(envoy.port, { path: '/repos/web/x' })).status, 503);
    }
    assert.match(envoy.said(), /panicked|trap|unreachable/i);
  });
  assert.equal(upstream.asked, asked);

  // It is the policy that refuses: under the other one, what comes after the trap passes.
  const open = (text) => trap(text).replace('FAIL_RELOAD', 'FAIL_OPEN');
  await withEnvoy({ change: open, workers: 1 }, async (envoy) => {
    assert.deepEqual([(await http1(envoy.port)).status, (await http1(envoy.port)).status], [503, 200]);
  });
});
