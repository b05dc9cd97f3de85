// Prints a token for development, signed with `dev-key.json`:
//   node token.mjs ana repo:read                            the user ana, in an application
//   node token.mjs ana "repo:web:write" code-helper         ana, who is steering the agent code-helper
//   node token.mjs ana "repo:web:write" code-helper offline the agent, after ana has left

import { readFileSync } from 'node:fs';

import { createTestIssuer } from 'actfor/testing';

const [user = 'ana', scope = 'repo:read', agent, mode] = process.argv.slice(2);
const issuer = createTestIssuer({ key: JSON.parse(readFileSync('dev-key.json', 'utf8')) });
console.log(issuer.token({
  user, scope, client: agent ?? 'web-app',
  ...(agent && { agent }),
  ...(mode && { mode: /** @type {import('actfor/testing').Mode} */ (mode) }),
}).token);
