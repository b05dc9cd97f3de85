// Every runtime and bundler: what it is called, its version, what its user has to write, and what the vectors give in it.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';

import { Miniflare } from 'miniflare';
import { chromium } from 'playwright-core';
import { createServer } from 'vite';
import { createServer as createServer7 } from 'vite7';

import { FILES } from '../node/vectors.mjs';
import { asFile, place, withEsbuild, withRollup, withVite, withWebpack } from './build.mjs';
import { serve } from './serve.mjs';

const run = promisify(execFile);
const tools = join(import.meta.dirname, 'node_modules');
const version = (name) => JSON.parse(readFileSync(join(tools, name, 'package.json'), 'utf8')).version.replace(/^v/, '');

/** All vectors, or the running examples: a bundle changes how the module is loaded, not what it says. */
const ALL = undefined;
const EXAMPLES = ['example'];
const files = Object.fromEntries(FILES.map((name) => [name, readFileSync(join(import.meta.dirname, '../vectors', name), 'utf8')]));
const vectors = (kinds) => JSON.stringify({ files, kinds });
writeFileSync(join(place, 'vectors.json'), vectors(ALL));
writeFileSync(join(place, 'examples.json'), vectors(EXAMPLES));

// ---- programs

async function program(command, ...args) {
  const { stdout } = await run(command, args, { cwd: place, maxBuffer: 1 << 26 });
  return { report: JSON.parse(stdout) };
}

/** The code in WebAssembly alone takes its time: one of them asks everything. */
const inline = (command, ...args) => program(command, ...args, 'host_inline.mjs', command === process.execPath ? 'vectors.json' : 'examples.json');

const bin = (name) => join(tools, '.bin', name);

/** Node in another version; the package that has it exists for Linux on x64 only. */
const nodes = [
  { version: process.versions.node, command: process.execPath },
  ...['node22', 'node24', 'node26'].flatMap((name) => {
    const command = join(tools, name, 'bin/node');
    return existsSync(command) ? [{ version: version(name), command }] : [];
  }),
];

const programs = [
  ...nodes.flatMap(({ command, version }) => [
    { name: 'Node', version, how: '`import`', run: () => program(command, 'host.mjs') },
    { name: 'Node', version, how: '`require`', run: () => program(command, 'host.cjs') },
    { name: 'Node', version, how: 'worker thread', run: () => program(command, 'host_thread.mjs') },
    { name: 'Node', version, how: '`actfor/inline`', run: () => inline(command) },
  ]),
  { name: 'Deno', version: version('deno'), how: '`import`, `--allow-read`', run: () => program(bin('deno'), 'run', '--allow-read', 'host.mjs') },
  { name: 'Deno', version: version('deno'), how: '`actfor/inline`', run: () => inline(bin('deno'), 'run', '--allow-read=examples.json') },
  { name: 'Bun', version: version('bun'), how: '`import`', run: () => program(bin('bun'), 'host.mjs') },
  { name: 'Bun', version: version('bun'), how: '`require`', run: () => program(bin('bun'), 'host.cjs') },
  { name: 'Bun', version: version('bun'), how: '`actfor/inline`', run: () => inline(bin('bun')) },
];

// ---- workerd, bundled as wrangler does

async function workerd() {
  const out = folder('workerd');
  await withEsbuild('workerd.js', out, { conditions: ['workerd', 'worker', 'browser'], loader: { '.wasm': 'copy' }, assetNames: 'actfor' });
  const modules = [['ESModule', 'main.js'], ['CompiledWasm', 'actfor.wasm']].map(([type, name]) => (
    { type, path: join(out, name), contents: readFileSync(join(out, name)) }
  ));
  const worker = new Miniflare({ modulesRoot: out, modules, compatibilityDate: '2026-07-01' });
  try {
    const answer = await worker.dispatchFetch('http://localhost/', { method: 'POST', body: vectors(ALL) });
    if (!answer.ok) throw new Error(await answer.text());
    return { report: await answer.json(), files: filesOf(out) };
  } finally {
    await worker.dispose();
  }
}

// ---- pages in Chromium

async function chromiumVersion() {
  const { stdout } = await run(process.env.ACTFOR_CHROMIUM, ['--version']);
  return /\d+/.exec(stdout)[0];
}

const HTML = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="./main.js"></script>';
let browser;

/** What a page reports; whatever the browser complains about is an error. */
async function visit(address) {
  browser ??= await chromium.launch({ executablePath: process.env.ACTFOR_CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
  const page = await browser.newPage();
  try {
    const troubles = [];
    page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) troubles.push(message.text()); });
    page.on('response', (response) => { if (!response.ok()) troubles.push(`${response.status()}: ${response.url()}`); });
    const failure = new Promise((_, failed) => { page.on('pageerror', failed); });
    const success = page.goto(address).then(() => page.waitForFunction(() => globalThis.report !== undefined, undefined, { timeout: 100_000 }));
    await Promise.race([failure, success]);
    if (troubles.length > 0) throw new Error(troubles.join('\n'));
    return await page.evaluate(() => globalThis.report);
  } finally {
    await page.close();
  }
}

export async function close() {
  await browser?.close();
}

/** A folder of its own for what a bundler writes. */
function folder(name) {
  const out = join(place, 'out', name);
  mkdirSync(out, { recursive: true });
  return out;
}

/** Every file with its size. */
const filesOf = (out) => readdirSync(out, { recursive: true }).map((name) => join(out, name))
  .filter((file) => statSync(file).isFile()).map((file) => ({ ending: extname(file), bytes: statSync(file).size }));

/** Builds, serves with the strict policy, and looks. */
const bundle = (name, build, kinds = EXAMPLES) => async () => {
  const out = folder(name);
  await build(out);
  const { address, close } = await serve(out, { '/index.html': HTML, '/vectors.json': vectors(kinds) });
  try {
    return { report: await visit(`${address}/index.html`), files: filesOf(out) };
  } finally {
    close();
  }
};

/** The package as it is, without a bundler. */
const plain = (input) => async () => {
  const named = (name) => readFileSync(join(place, name), 'utf8').replaceAll("'actfor'", "'./node_modules/actfor/entry/browser.js'");
  const { address, close } = await serve(place, {
    '/index.html': HTML, '/main.js': named(input), '/worker.js': named('worker.js'), '/vectors.json': vectors(ALL),
  });
  try {
    return { report: await visit(`${address}/index.html`) };
  } finally {
    close();
  }
};

/** Vite's server for development, which gets dependencies ready in its own way. */
export const viteServer = (create, optimizeDeps = {}) => async () => {
  const server = await create({
    root: place, configFile: false, logLevel: 'error', cacheDir: folder(`vite-${create === createServer}`), optimizeDeps,
    server: { port: 0, host: '127.0.0.1', ws: false },
    plugins: [{
      name: 'vectors',
      configureServer: ({ middlewares }) => void middlewares.use((req, res, next) => {
        if (req.url === '/vectors.json') res.end(vectors(EXAMPLES));
        else if (req.url === '/index.html') res.end(HTML.replace('main.js', 'page.js'));
        else next();
      }),
    }],
  });
  try {
    await server.listen();
    return { report: await visit(`${server.resolvedUrls.local[0]}index.html`) };
  } finally {
    await server.close();
  }
};

/** As Vite 7 starts when nothing is set: its own copy of the entry looks in the wrong place. */
export const vite7AsItIs = viteServer(createServer7);

const in_ = (name, how, build) => ({ name, version: version(name.toLowerCase()), how, run: bundle(`${name}-${how}`.replaceAll(/\W+/g, '-'), build) });

const pages = [
  { name: 'Chromium', version: await chromiumVersion(), how: 'no bundler', run: plain('page.js') },
  { name: 'Chromium', version: await chromiumVersion(), how: 'web worker, no bundler', run: plain('thread.js') },
  { name: 'Vite', version: version('vite'), how: 'development server', run: viteServer(createServer) },
  { name: 'Vite 7', version: version('vite7'), how: "development server, `optimizeDeps: { exclude: ['actfor'] }`", run: viteServer(createServer7, { exclude: ['actfor'] }) },
  in_('Vite', 'build', (out) => withVite('page.js', out)),
  in_('Vite', 'build, web worker', (out) => withVite('thread.js', out)),
  in_('webpack', 'build', (out) => withWebpack('page.js', out)),
  in_('webpack', 'build, web worker', (out) => withWebpack('thread.js', out)),
  in_('esbuild', "`loader: { '.wasm': 'file' }`, `init(address)`", (out) => withEsbuild('url.js', out, { loader: { '.wasm': 'file' } })),
  in_('esbuild', '`actfor/inline`', (out) => withEsbuild('inline.js', out)),
  in_('Rollup', '`@rollup/plugin-url`, `init(address)`', (out) => withRollup('url.js', out, [asFile])),
  in_('Rollup', '`actfor/inline`', (out) => withRollup('inline.js', out)),
];

export const hosts = [
  ...programs,
  { name: 'workerd', version: version('workerd'), how: 'as wrangler bundles', run: workerd },
  ...pages,
];
