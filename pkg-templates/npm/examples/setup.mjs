// Writes `actfor.json`, the configuration of the examples, and `dev-key.json`, the key of an issuer for development, into
// this folder:   node setup.mjs
// In production the issuer is your own: `jwks_uri` in the place of `jwks`, and no `dev-key.json`.

import { writeFileSync } from 'node:fs';

import { createTestIssuer } from 'actfor/testing';

const policy = `actfor 1

on repo
  read, push  needs scope
on mcp_server
  initialize, server/discover, tools/list  needs scope

allow self, delegated        to read on repo  as read
allow delegated interactive  to push on repo  as push
allow delegated  to initialize, server/discover, tools/list on mcp_server  as connect

agent code-helper  at most read, push on repo
agent *            at most initialize, server/discover, tools/list on mcp_server

scope "repo:read"         covers read on repo
scope "repo:{name}:write" covers read, push on repo:{name}
scope "*"                 covers initialize, server/discover, tools/list on mcp_server

route GET  /repos/{repo}/readme  is read on repo:{repo}
route POST /repos/{repo}/notes   is push on repo:{repo}  with text: string from body.text
public GET /healthz

mcp  /mcp
tool read_readme  is read on repo:{repo}
tool push_note    is push on repo:{repo}
`;

const issuer = createTestIssuer();
const config = {
  issuers: [{
    issuer: issuer.issuer,
    audience: issuer.audience,
    algorithms: ['ES256'],
    dialect: 'actfor',
    binding: 'optional', // 'required': tokens that anybody can use are not accepted (DPoP, mTLS)
    jwks: issuer.jwks,
    clients: { 'web-*': 'app', 'code-helper': 'agent' },
  }],
  policy,
};
writeFileSync('actfor.json', `${JSON.stringify(config, null, 2)}\n`);
writeFileSync('dev-key.json', `${JSON.stringify(issuer.privateKey)}\n`, { mode: 0o600 });
console.log('wrote actfor.json and dev-key.json');
