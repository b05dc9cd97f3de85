// The tables of the package's README: where it was tried, and what is in the tarball.

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const START = '<!-- matrix: written by `cargo xtask matrix` -->';
const END = '<!-- /matrix -->';

/** What a table of runtimes must name: a row for each name, with its ways of loading. */
export function grouped(rows) {
  const groups = new Map();
  for (const { name, version, how } of rows) {
    const group = groups.get(name) ?? { versions: new Set(), ways: new Set() };
    groups.set(name, { versions: group.versions.add(version), ways: group.ways.add(how) });
  }
  return [...groups].map(([name, { versions, ways }]) => ({ name, versions: [...versions], ways: [...ways] }));
}

/** The files of the package: the large ones, and the others by kind. */
export function contents(folder) {
  const found = new Map();
  for (const name of readdirSync(folder, { recursive: true }).sort()) {
    if (!statSync(join(folder, name)).isFile()) continue;
    const kind = /\.d\.c?ts$/.test(name) ? 'types' : ['.js', '.cjs'].includes(extname(name)) ? 'scripts' : 'texts';
    const own = name === 'actfor.wasm' || name === 'actfor_base64.js';
    const key = own ? `\`${name}\`` : kind;
    found.set(key, [...(found.get(key) ?? []), readFileSync(join(folder, name))]);
  }
  return found;
}

const number = (value) => value.toLocaleString('en');

function table(rows, folder) {
  const lines = ['| where | tried | how |', '|---|---|---|'];
  for (const { name, versions, ways } of grouped(rows)) lines.push(`| ${name} | ${versions.join(', ')} | ${ways.join('; ')} |`);
  lines.push('', '| in the tarball | files | bytes | gzip | brotli |', '|---|---|---|---|---|');
  for (const [name, files] of contents(folder)) {
    const sum = (size) => number(files.reduce((total, bytes) => total + size(bytes), 0));
    const sizes = [(bytes) => bytes.length, (bytes) => gzipSync(bytes, { level: 9 }).length, (bytes) => brotliCompressSync(bytes).length].map(sum);
    lines.push(`| ${[name, files.length, ...sizes].join(' | ')} |`);
  }
  return lines.join('\n');
}

/** What stands between the marks. */
export function between(readme) {
  const [from, to] = [readme.indexOf(START), readme.indexOf(END)];
  if (from < 0 || to < from) throw new Error('the README has no marks for the table');
  return { from: from + START.length, to };
}

/** Writes the tables. */
export function write(readme, rows, folder) {
  const text = readFileSync(readme, 'utf8');
  const { from, to } = between(text);
  writeFileSync(readme, `${text.slice(0, from)}\n${table(rows, folder)}\n${text.slice(to)}`);
}
