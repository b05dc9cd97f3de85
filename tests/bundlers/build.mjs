// Each bundler with nothing set that it does not need: its input, a folder for its output.

import resolve from '@rollup/plugin-node-resolve';
import url from '@rollup/plugin-url';
import { build as esbuild } from 'esbuild';
import { join } from 'node:path';
import { rollup } from 'rollup';
import { build as vite } from 'vite';
import webpack from 'webpack';

/** Where the tarball is installed. */
export const place = process.env.ACTFOR_PLACE;
const at = (name) => join(place, name);

export const withVite = (input, out) => vite({
  root: place, configFile: false, logLevel: 'error', worker: { format: 'es' },
  build: { outDir: out, rollupOptions: { input: at(input), output: { entryFileNames: 'main.js' } } },
});

export const withWebpack = (input, out) => new Promise((done, failed) => {
  const config = { mode: 'production', context: place, entry: at(input), output: { path: out }, performance: false };
  webpack(config, (error, stats) => {
    if (error ?? stats.hasErrors()) failed(error ?? new Error(stats.toString({ all: false, errors: true })));
    else done();
  });
});

export const withEsbuild = (input, out, options) => esbuild({
  entryPoints: [at(input)], absWorkingDir: place, bundle: true, format: 'esm', outfile: join(out, 'main.js'),
  logLevel: 'silent', ...options,
});

export async function withRollup(input, out, plugins = []) {
  const refuse = (warning) => { throw new Error(warning.message); };
  const bundle = await rollup({ input: at(input), plugins: [resolve({ browser: true }), ...plugins], onwarn: refuse });
  await bundle.write({ dir: out, format: 'es', entryFileNames: 'main.js' });
  await bundle.close();
}

/** The official plugin that copies what is imported and gives its address. */
export const asFile = url({ include: ['**/*.wasm'], limit: 0 });
