import type * as Api from '../types/index.js';
import { wasm } from './bindings.js';
import { ActforError, reporting } from './error.js';

/** Compiles rules into a pack; see `types/index.d.ts`. */
export function compile(policy: string, options: Api.CompileOptions = {}): Api.Compilation {
  const { complete, expires, files, issued, serial, tuples, ...unknown } = options;
  for (const name of Object.keys(unknown)) {
    const message = 'there is no such option; there are `complete`, `expires`, `files`, `issued`, `serial`, `tuples`';
    throw new ActforError({ code: 'config_invalid', path: `options.${name}`, message, position: null });
  }
  const source = JSON.stringify({ policy, complete, expires, files, issued, serial, tuples });
  const { Compilation } = wasm().glue;
  try {
    const compiled = reporting(() => new Compilation(new TextEncoder().encode(source)));
    const circular = compiled.circular().split('\n').filter((name) => name !== '');
    const done = { ok: true, pack: compiled.pack(), policy: `sha256:${compiled.policy()}`, diagnostics: circular.map(warning) } as const;
    compiled.free();
    return done;
  } catch (error) {
    if (!(error instanceof ActforError)) throw error;
    const { code, path, message, position } = error;
    return { ok: false, pack: null, policy: null, diagnostics: [{ severity: 'error', code, path, message, position }] };
  }
}

function warning(relation: string): Api.Diagnostic {
  const message = `\`${relation}\` depends on itself through \`and\` or \`but not\`: where tuples close the circle it is unknown, and nobody is let through`;
  return { severity: 'warning', code: 'model_invalid', path: '', message, position: null };
}

/** A pack as it stands in a configuration. */
export function packed(pack: Uint8Array): { pack: string } {
  let text = '';
  for (let at = 0; at < pack.length; at += 0x8000) text += String.fromCharCode(...pack.subarray(at, at + 0x8000));
  return { pack: btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '') };
}
