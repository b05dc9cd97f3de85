// Who may be down while a request is decided, and what a host then says: for `authorize`, and for every middleware.

export const uri = 'https://as.example/status/1';

const policy = `actfor 1
model "m.fga"
on repo
  read needs reader
on tool
  tools/call needs reader
allow self to read on repo as read
allow self to tools/call on tool as call
scope "repo" covers read on repo
scope "tool" covers tools/call on tool
route GET /repos/{id} is read on repo:{id}
mcp /mcp
`;
const model = `model
  schema 1.1
type user
type repo
  relations
    define reader: [user]
type tool
  relations
    define reader: [user]
`;
const tuples = ['repo:web', 'tool:x'].map((object) => ({ user: 'user:ana', relation: 'reader', object }));
const down = async () => { throw new Error('down'); };

/** What the package gives: where it is installed, this file is not. */
export function setting({ openfga, createTestIssuer, createTestKey }) {
  const issuer = createTestIssuer();
  const base = { issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'], dialect: 'rfc9068', binding: 'optional', clients: { app: 'app' } };
  const mint = (more) => issuer.token({ dialect: 'rfc9068', scope: 'repo tool', ...more });
  const around = (one, rest) => ({ issuers: [one], policy, files: { 'm.fga': model }, tuples, ...rest });
  const configOf = (more, rest) => around({ ...base, jwks: issuer.jwks, ...more }, rest);
  const fetched = around({ ...base, jwks_uri: 'https://as.example/jwks' });
  const related = configOf({}, { tuples: [], relationships: {} });

  /** A configuration, what the host does about it, the code, and what the token has. */
  const DOWN = {
    'the key server': { config: fetched, host: () => ({ fetch: down }), code: 'keys_unavailable' },
    'the key server, since it gave other keys': {
      config: fetched, code: 'keys_unavailable',
      host: () => {
        const answers = [createTestIssuer().jwks];
        return { keys: { minInterval: 0 }, fetch: async () => (answers.length > 0 ? Response.json(answers.pop()) : down()) };
      },
    },
    'the introspection endpoint': {
      config: configOf({ introspection: { endpoint: 'https://as.example/i' } }), host: () => ({ fetch: down }), code: 'introspection_unavailable',
    },
    'the status list': {
      config: configOf({ status: { uris: [uri] } }), host: () => ({ fetch: down }), code: 'revocation_unavailable',
      more: { claims: { status: { status_list: { uri, idx: 3 } } } },
    },
    'the replay store': {
      config: configOf({}, { proof: { base_urls: [issuer.audience] } }), host: () => ({ replayStore: { remember: down } }),
      code: 'proof_store_unavailable', more: { key: createTestKey() },
    },
    'the relationship server': {
      config: related, code: 'relations_unavailable',
      host: () => ({ fetch: down, relationships: openfga({ url: 'https://fga.example', storeId: 'S', modelId: 'M' }) }),
    },
    'a relationship server of one\'s own': {
      config: related, code: 'relations_unavailable', host: () => ({ relationships: { ask: async () => [undefined] } }),
    },
  };
  return { issuer, mint, configOf, DOWN };
}
