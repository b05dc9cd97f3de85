// One token as each dialect writes it: the same person, agent and client in eleven shapes. The same as
// src/mint/src/dialects.rs, in JavaScript, so that nobody loads it who does not test.

import type * as Api from '../../types/testing.js';

/** Who acts for whom, and what goes into every token. */
export type Told = {
  readonly iss: string;
  readonly aud: string;
  readonly iat: number;
  readonly exp: number;
  readonly id: string;
  readonly instance: string;
  readonly user: string | undefined;
  readonly agent: string | undefined;
  readonly client: string;
  readonly scope: string;
  readonly mode: Api.Mode;
  readonly jkt: string | undefined;
};

export type Claims = Record<string, unknown>;

type Row = { readonly typ: string | undefined; readonly write: (told: Told) => Claims };

function common({ iss, aud, iat, exp, jkt }: Told): Claims {
  return { iss, aud, iat, exp, ...(jkt !== undefined && { cnf: { jkt } }) };
}

/** Whether an agent acts for a user. */
const acts = ({ user, agent }: Told): boolean => user !== undefined && agent !== undefined;

function actor(agent: string | undefined, iss?: string): Claims {
  return { ...(iss !== undefined && { iss }), sub: agent, sub_profile: 'ai_agent' };
}

function subject({ user, agent, client }: Told): Claims {
  if (user === undefined) return { sub: agent ?? client, sub_profile: 'ai_agent' };
  return { sub: user, ...(agent !== undefined && { sub_profile: 'user' }) };
}

function rfc9068(told: Told): Claims {
  const { id, user, client, scope } = told;
  return { ...common(told), jti: id, sub: user ?? client, client_id: client, scope };
}

function actorProfile(told: Told): Claims {
  const { id, agent, client, iss, scope } = told;
  return {
    ...common(told), jti: id, ...subject(told), client_id: client,
    ...(agent !== undefined && { client_profile: 'ai_agent' }),
    scope,
    ...(acts(told) && { act: actor(agent, iss) }),
  };
}

function actfor(told: Told): Claims {
  const { agent, iss, iat, instance, mode, user } = told;
  if (agent === undefined) return actorProfile(told);
  return {
    ...actorProfile(told),
    agent_instance: { iss, id: instance, kind: mode === 'interactive' ? 'session' : 'task' },
    agent_rel: {
      mode, authority: user === undefined ? 'agent' : 'user', hops: 0,
      ...(mode === 'interactive' && { present_until: Math.min(iat + 180, told.exp) }),
      ...(user === undefined && { user: null }),
    },
  };
}

function auth0(told: Told): Claims {
  const { id, agent, client, scope } = told;
  return {
    ...common(told), jti: id, ...subject(told), client_id: client, scope,
    ...(acts(told) && { client_profile: 'ai_agent', act: { ...actor(agent), client_id: client } }),
  };
}

function okta(told: Told): Claims {
  const { id, agent, client, scope, user } = told;
  return {
    ...common(told), jti: `AT.${id}`, ver: 1, cid: client, sub: user ?? client, scp: scope.split(' '),
    ...(acts(told) && { sub_profile: 'user', act: actor(agent) }),
  };
}

function keycloak(told: Told): Claims {
  const { id, agent, client, jkt, scope, user } = told;
  const service = `service-account-${client}`;
  return {
    ...common(told), jti: `onrtac:${id}`, typ: jkt === undefined ? 'Bearer' : 'DPoP', azp: client, scope,
    ...(user === undefined ? { sub: service, preferred_username: service } : { sub: user }),
    ...(acts(told) && { act: { sub: agent, client_id: client } }),
  };
}

function entra(told: Told): Claims {
  const { id, agent, client, scope, user } = told;
  const oid = user ?? client;
  return {
    ...common(told), uti: id, tid: '00000000-0000-4000-8000-000000000001', ver: '2.0', azp: agent ?? client,
    idtyp: user === undefined ? 'app' : 'user', oid, sub: `pairwise-${oid}`, scp: scope,
    ...(agent !== undefined && { xms_act_fct: '3 9 11', xms_sub_fct: user === undefined ? '3 9 11' : '3' }),
  };
}

function wso2(told: Told): Claims {
  const { agent, client, user } = told;
  return {
    ...rfc9068(told), azp: client, aut: user === undefined ? 'APPLICATION' : 'APPLICATION_USER',
    ...(acts(told) && { act: { sub: agent, azp: client } }),
  };
}

function txnToken(told: Told): Claims {
  const { id, agent, client, iss, scope, user } = told;
  return {
    ...common(told), txn: id, sub: user, req_wl: client, scope,
    ...(agent !== undefined && { act: actor(agent, iss) }),
  };
}

/** Members in the order of RFC 8785, as the draft wants them. */
function delegationChain({ aud, agent, exp, iat, id, iss, jkt, scope, user }: Told): Claims {
  return {
    aud,
    authorization_details: [{ constraints: [], scopes: scope.split(' '), type: 'agent_delegation' }],
    client_id: agent,
    ...(jkt !== undefined && { cnf: { jkt } }),
    del_depth: 0, del_max_depth: 8, exp, iat, iss, jti: id, sub: user,
  };
}

export const DIALECTS: Readonly<Record<Api.Dialect, Row>> = {
  actfor: { typ: 'at+jwt', write: actfor },
  'actor-profile': { typ: 'at+jwt', write: actorProfile },
  auth0: { typ: 'at+jwt', write: auth0 },
  'delegation-chain': { typ: 'at+jwt', write: delegationChain },
  entra: { typ: 'JWT', write: entra },
  keycloak: { typ: 'JWT', write: keycloak },
  okta: { typ: undefined, write: okta },
  rfc8693: { typ: 'at+jwt', write: (told) => ({ ...rfc9068(told), ...(acts(told) && { act: { iss: told.iss, sub: told.agent } }) }) },
  rfc9068: { typ: 'at+jwt', write: rfc9068 },
  'txn-token': { typ: 'txntoken+jwt', write: txnToken },
  wso2: { typ: 'at+jwt', write: wso2 },
};
