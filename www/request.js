// A request as a person reads and writes it: method and target on the first line, then one header field a line.

/** Writes a request. */
export function writeRequest({ method, url, headers }) {
  return [`${method} ${url}`, ...headers.map(([name, value]) => `${name}: ${value}`)].join('\n');
}

/** Reads one. What is not there stays empty: the guard says what is wrong with it. */
export function readRequest(text) {
  const [first = '', ...rest] = text.split('\n');
  const space = first.indexOf(' ');
  const [method, url] = space < 0 ? [first, ''] : [first.slice(0, space), first.slice(space + 1)];
  const headers = rest.filter((row) => row.trim() !== '').map((row) => {
    const colon = row.indexOf(':');
    return colon < 0 ? [row.trim(), ''] : [row.slice(0, colon).trim(), row.slice(colon + 1).trim()];
  });
  return { method, url: url.trim(), headers };
}

/** The token of the first `Authorization` field. */
export const tokenOf = ({ headers }) => header(headers, 'authorization')?.replace(/^\S+\s+/, '');

/** The records in `Agent-Chain`, the first agent first. */
export const recordsOf = ({ headers }) => header(headers, 'agent-chain')?.split(',').map((part) => part.trim()) ?? [];

const header = (headers, wanted) => headers.find(([name]) => name.toLowerCase() === wanted)?.[1];

/** The request with another token. */
export function withToken(request, token) {
  const rest = request.headers.filter(([name]) => name.toLowerCase() !== 'authorization');
  return { ...request, headers: [['authorization', `Bearer ${token}`], ...rest] };
}

/**
 * The claims of a token as they stand there, nobody having checked anything; `null` if there are none. For showing
 * beside a decision that has.
 */
export function unverifiedClaims(token) {
  try {
    const base64 = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === 'object' ? claims : null;
  } catch {
    return null;
  }
}

/** What a token carries of rights, one entry each: scopes and authorization details. */
export function rightsOf(token) {
  const claims = unverifiedClaims(token ?? '');
  const scopes = typeof claims?.scope === 'string' ? claims.scope.split(' ').filter(Boolean) : [];
  const details = Array.isArray(claims?.authorization_details) ? claims.authorization_details : [];
  return [...scopes, ...details.map((detail) => `${detail?.type}: ${[detail?.identifier, ...(detail?.actions ?? [])].filter(Boolean).join(' ')}`)];
}
