// node bundle.mjs FROM TO MODULE…: each module with what only it needs; what several share goes to `shared/`.

import { build } from 'esbuild';
import { join } from 'node:path';

const [from, to, ...modules] = process.argv.slice(2);

await build({
  entryPoints: modules.map((name) => join(from, `${name}.js`)),
  outbase: from,
  outdir: to,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'neutral',
  target: 'es2022',
  packages: 'external',
  external: ['../actfor.wasm', '../actfor_base64.js'],
  chunkNames: 'shared/[hash]',
  logLevel: 'warning',
});
