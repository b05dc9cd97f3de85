// Starts the examples of the package as their reader would: in a folder with `actfor.json` and `dev-key.json`.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { createTestIssuer } from 'actfor/testing';

export const examples = join(dirname(fileURLToPath(import.meta.resolve('actfor/package.json'))), 'examples');

/** A folder of its own with the configuration of the examples, and the issuer whose key is in it. */
export function setUp(t) {
  const folder = mkdtempSync(join(tmpdir(), 'actfor-'));
  t.after(() => rmSync(folder, { recursive: true }));
  execFileSync(process.execPath, [join(examples, 'setup.mjs')], { cwd: folder });
  const issuer = createTestIssuer({ key: JSON.parse(readFileSync(join(folder, 'dev-key.json'), 'utf8')) });
  return { folder, issuer };
}

/** Starts a script and gives its address, once it says that it listens. */
export async function start(t, script, folder) {
  const child = spawn(process.execPath, [script], { cwd: folder, env: { ...process.env, PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  child.stdout.setEncoding('utf8');
  let said = '';
  for await (const part of child.stdout) {
    said += part;
    const address = /listening on (http:\S+)/.exec(said)?.[1];
    if (address !== undefined) return address;
  }
  throw new Error(`${script} ended: ${said}`);
}
