// What the filter asks of its host, read from the module itself.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { root, wasm } from './harness.mjs';

const bytes = readFileSync(wasm);
const module = new WebAssembly.Module(bytes);

// Everything that proxy-wasm 0.2.5 links in. The list is closed: a new name means that something else came along,
// such as a random source or a clock that Envoy does not have.
const KNOWN = `add_header_map_value call_foreign_function close_stream continue_stream define_metric
  dequeue_shared_queue done enqueue_shared_queue get_buffer_bytes get_current_time_nanoseconds get_header_map_pairs
  get_header_map_value get_property get_shared_data get_status grpc_call grpc_cancel grpc_close grpc_send grpc_stream
  http_call increment_metric log register_shared_queue remove_header_map_value replace_header_map_value
  resolve_shared_queue send_local_response set_buffer_bytes set_effective_context set_header_map_pairs set_property
  set_shared_data set_tick_period_milliseconds`.split(/\s+/);

test('imports only functions of proxy-wasm', () => {
  const imports = WebAssembly.Module.imports(module);
  assert.ok(imports.length > 0);
  for (const { module, name, kind } of imports) {
    assert.deepEqual([module, kind], ['env', 'function'], name);
    assert.ok(KNOWN.includes(name.replace(/^proxy_/, '')), `imports ${name}`);
  }
});

test('exports what Envoy starts it with', () => {
  const exports = new Set(WebAssembly.Module.exports(module).map(({ name }) => name));
  for (const name of ['_initialize', 'malloc', 'memory', 'proxy_abi_version_0_2_1', 'proxy_on_request_headers']) {
    assert.ok(exports.has(name), name);
  }
});

test('every capability of the template is one that the filter has', () => {
  const template = readFileSync(`${root}/pkg-templates/envoy/envoy.yaml`, 'utf8');
  const allowed = [...template.matchAll(/^ +(proxy_\w+): \{\}$/gm)].map((match) => match[1]);
  const has = [...WebAssembly.Module.imports(module), ...WebAssembly.Module.exports(module)].map(({ name }) => name);
  assert.ok(allowed.length > 10);
  for (const name of allowed) assert.ok(has.includes(name), name);
});

test('holds no path of the machine that built it', () => {
  const text = bytes.toString('latin1');
  for (const path of [root, process.env.HOME ?? '/root', '/.cargo/registry']) assert.ok(!text.includes(path), path);
});
