// A static server for one folder and a few files more, with the strictest content security policy that lets
// WebAssembly run.

import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src data:";
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.json': 'application/json', '.wasm': 'application/wasm' };

/** Serves `folder`, and `more` by path; gives the address and what stops it. */
export async function serve(folder, more = {}) {
  const server = createServer((req, res) => {
    const path = new URL(req.url, 'http://localhost').pathname;
    const file = join(folder, normalize(path));
    const there = path in more || statSync(file, { throwIfNoEntry: false })?.isFile();
    res.writeHead(there ? 200 : 404, { 'content-type': TYPES[extname(path)] ?? 'text/html', 'content-security-policy': POLICY });
    res.end(there ? more[path] ?? readFileSync(file) : 'not found');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
