// Every way to present a token that must be refused, each beside a neighbour that must be accepted.

import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import {
  ISSUER,
  PARTY,
  USER,
  bearer,
  claims,
  encode,
  header,
  id,
  key,
  labApp,
  load,
  member,
  now,
  otherKey,
  send,
  serve,
  setEnvironment,
  sign,
  signHmac,
  variants,
  withKey,
} from './lab.mjs';

const good = () => sign();
const without = (object, name) => Object.fromEntries(Object.entries(object).filter(([other]) => other !== name));
const head = (changes) => sign(header(changes));
const body = (changes) => sign(header(), claims(changes));
const twice = (object, first, second) => JSON.stringify(object).replace(first, `${first},${second}`);
const parts = (token) => token.split('.');

/** Headers to send, or a token to send as a bearer; and the reason for the refusal, or null where it is let in. */
const cases = [
  ['a fresh session token', good, null],
  ['a session with an organization', () => sign(header(), claims(member())), null],
  [
    'a first-version token',
    () => sign(header(), without(claims({ org_id: 'org_1', org_role: 'org:admin' }), 'v')),
    null,
  ],
  ['a first-version token without an organization', () => body({ v: undefined, org_id: null }), null],
  ['an impersonated session', () => body({ act: { sub: 'user_support' } }), null],
  ['a token of before the category tags', () => sign(without(header(), 'cat')), null],
  ['a token of an instance that tags every token alike', () => head({ cat: 'cl_I7d4PD111III' }), null],
  [
    'custom claims',
    () => body({ metadata: { plan: { plan: 1 } }, list: [{ a: 1 }, { a: 2 }], text: '{"a":1,"a":2}' }),
    null,
  ],
  ['an audience nobody asked about', () => body({ aud: 'convex' }), null],
  ['a lower-case scheme', () => ({ authorization: `bearer ${good()}` }), null],
  ['an upper-case scheme and three spaces', () => ({ authorization: `BEARER   ${good()}` }), null],
  ['expired within the leeway', () => body({ exp: now() - 3 }), null],
  ['issued ahead within the leeway', () => body({ iat: now() + 3, nbf: now() + 3 }), null],
  ['a token and a useless cookie', () => ({ ...bearer(good()), cookie: '__session=x; __client_uat=1' }), null],
  ['no session status, as on old instances', () => sign(header(), without(claims(), 'sts')), null],
  ['Clerk as its own proxy would forward it', () => ({ ...bearer(good()), 'x-clerk-auth-status': 'signed-out' }), null],

  ['no credentials', () => ({}), 'session-token-missing'],
  ['a session cookie', () => ({ cookie: `__session=${good()}; __client_uat=${now() - 60}` }), 'session-token-missing'],
  [
    'a session cookie of a browser',
    () => ({
      cookie: `__session=${good()}; __client_uat=1; __clerk_db_jwt=x`,
      accept: 'text/html',
      'sec-fetch-dest': 'document',
    }),
    'session-token-missing',
  ],
  ['a browser without anything', () => ({ accept: 'text/html' }), 'session-token-missing'],
  [
    'an internal header of the SDK',
    () => ({ 'x-clerk-auth-status': 'signed-in', 'x-clerk-auth-token': good() }),
    'session-token-missing',
  ],
  [
    'a good cookie behind a bad token',
    () => ({ ...bearer('x.y.z'), cookie: `__session=${good()}; __client_uat=1` }),
    'token-invalid',
  ],
  [
    'an expired token of a browser',
    () => ({ ...bearer(body({ exp: now() - 60 })), accept: 'text/html' }),
    'token-expired',
  ],
  ['a token without a scheme', () => ({ authorization: good() }), 'token-invalid'],
  ['another scheme', () => ({ authorization: `Basic ${good()}` }), 'token-invalid'],
  ['a scheme alone', () => ({ authorization: 'Bearer' }), 'token-invalid'],
  ['no space after the scheme', () => ({ authorization: `Bearer${good()}` }), 'token-invalid'],
  ['a tab after the scheme', () => ({ authorization: `Bearer\t${good()}` }), 'token-invalid'],
  ['something after the token', () => ({ authorization: `Bearer ${good()} admin` }), 'token-invalid'],
  ['two tokens joined by a comma', () => ({ authorization: `Bearer ${good()}, Bearer ${good()}` }), 'token-invalid'],
  ['two tokens joined without a space', () => ({ authorization: `Bearer ${good()},${good()}` }), 'token-invalid'],
  ['two Authorization headers', () => ({ authorization: [`Bearer ${good()}`, `Bearer ${good()}`] }), 'token-invalid'],
  ['a quoted token', () => ({ authorization: `Bearer "${good()}"` }), 'token-invalid'],
  ['the word undefined', () => 'undefined', 'token-invalid'],
  ['garbage', () => 'a.b.c', 'token-invalid'],
  ['an oversized token', () => body({ filler: 'x'.repeat(8000) }), 'token-invalid'],
  ['two parts', () => parts(good()).slice(0, 2).join('.'), 'token-invalid'],
  ['four parts', () => `${good()}.x`, 'token-invalid'],
  [
    'padded parts',
    () =>
      parts(good())
        .map((part) => `${part}=`)
        .join('.'),
    'token-invalid',
  ],
  ['a padded signature', () => `${good()}==`, 'token-invalid'],
  ['the plain base64 alphabet', () => good().replace(/-|_|$/, '+'), 'token-invalid'],
  ['an opaque API key', () => `ak_${'a'.repeat(40)}`, 'token-invalid'],
  ['an opaque machine token', () => `mt_${'a'.repeat(40)}`, 'token-invalid'],
  ['an opaque OAuth token', () => `oat_${'a'.repeat(40)}`, 'token-invalid'],
  ['a header that is a list', () => sign('[]'), 'token-invalid'],
  ['claims that are null', () => sign(header(), 'null'), 'token-invalid'],
  [
    'claims that are no UTF-8',
    () => `${encode(header())}.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.x`,
    'token-invalid',
  ],
  ['alg twice', () => sign(twice(header(), '"alg":"RS256"', '"alg":"none"')), 'token-invalid'],
  ['alg twice, once in escapes', () => sign(twice(header(), '"alg":"RS256"', '"\\u0061lg":"none"')), 'token-invalid'],
  ['sub twice', () => sign(header(), twice(claims(), `"sub":"${USER}"`, '"sub":"user_other"')), 'token-invalid'],
  [
    'a nested member twice',
    () => sign(header(), twice(claims(member()), '"rol":"admin"', '"rol":"owner"')),
    'token-invalid',
  ],
  ['alg none', () => `${encode(header({ alg: 'none' }))}.${encode(claims())}.`, 'token-invalid-algorithm'],
  ['alg nOnE with a signature', () => head({ alg: 'nOnE' }), 'token-invalid-algorithm'],
  ['alg in lower case', () => head({ alg: 'rs256' }), 'token-invalid-algorithm'],
  ['RS512', () => sign(header({ alg: 'RS512' }), claims(), { hash: 'RSA-SHA512' }), 'token-invalid-algorithm'],
  ['HS256 with the public key', () => signHmac(header({ alg: 'HS256' }), claims(), key.pem), 'token-invalid-algorithm'],
  ['HS256 called RS256', () => signHmac(header(), claims(), key.pem), 'token-invalid-signature'],
  ['no signature', () => `${parts(good()).slice(0, 2).join('.')}.`, 'token-invalid-signature'],
  [
    'the signature of another token',
    () => [...parts(good()).slice(0, 2), parts(body({ jti: '2' }))[2]].join('.'),
    'token-invalid-signature',
  ],
  [
    'swapped claims',
    () => [parts(good())[0], encode(claims({ sub: 'user_other' })), parts(good())[2]].join('.'),
    'token-invalid-signature',
  ],
  ['the key of somebody else', () => sign(header(), claims(), { as: otherKey }), 'token-invalid-signature'],
  [
    'a key in the header',
    () => sign(header({ jwk: otherKey.jwk }), claims(), { as: otherKey }),
    'token-invalid-signature',
  ],
  ['a critical extension', () => head({ crit: ['exp'] }), 'token-invalid'],
  ['an empty critical list', () => head({ crit: [] }), 'token-invalid'],
  ['b64', () => head({ b64: true }), 'token-invalid'],
  ['zip', () => head({ zip: 'DEF' }), 'token-invalid'],
  ['no typ', () => sign(without(header(), 'typ')), 'token-invalid'],
  ['another typ', () => head({ typ: 'logout+jwt' }), 'token-invalid'],
  ['no kid', () => sign(without(header(), 'kid')), 'jwk-kid-mismatch'],
  ['an empty kid', () => head({ kid: '' }), 'jwk-kid-mismatch'],
  ['a kid that is a list', () => head({ kid: [key.kid] }), 'jwk-kid-mismatch'],
  ['an OAuth token', () => head({ typ: 'at+jwt' }), 'token-type-mismatch'],
  ['a machine token', () => body({ sub: id('mch') }), 'token-type-mismatch'],
  ['a machine token by category', () => head({ cat: 'cl_B7d4PD333AAA' }), 'token-type-mismatch'],
  ['a template token', () => sign(header({ cat: 'cl_B7d4PD222AAA' }), without(claims(), 'sid')), 'token-type-mismatch'],
  [
    'a template token without category',
    () => sign(without(header(), 'cat'), without(claims(), 'sid')),
    'token-type-mismatch',
  ],
  ['a category that is null', () => head({ cat: null }), 'token-type-mismatch'],
  ['expired', () => body({ exp: now() - 6 }), 'token-expired'],
  ['no exp', () => sign(header(), without(claims(), 'exp')), 'token-verification-failed'],
  ['exp as text', () => body({ exp: String(now() + 60) }), 'token-verification-failed'],
  ['exp beyond all dates', () => body({ exp: 1e20 }), 'token-verification-failed'],
  ['nbf beyond all dates', () => body({ nbf: 1e20 }), 'token-verification-failed'],
  ['not valid yet', () => body({ nbf: now() + 30 }), 'token-not-active-yet'],
  ['issued in the future', () => body({ iat: now() + 30 }), 'token-iat-in-the-future'],
  ['another issuer', () => body({ iss: 'https://other.clerk.accounts.dev' }), 'token-invalid-issuer'],
  ['an issuer with a slash', () => body({ iss: `${ISSUER}/` }), 'token-invalid-issuer'],
  ['an issuer in capitals', () => body({ iss: ISSUER.toUpperCase() }), 'token-invalid-issuer'],
  ['no issuer', () => sign(header(), without(claims(), 'iss')), 'token-invalid-issuer'],
  ['another party', () => body({ azp: 'https://evil.example' }), 'token-invalid-authorized-parties'],
  ['a party with a slash', () => body({ azp: `${PARTY}/` }), 'token-invalid-authorized-parties'],
  ['no party', () => sign(header(), without(claims(), 'azp')), 'token-invalid-authorized-parties'],
  ['a party that is a list', () => body({ azp: [PARTY] }), 'token-invalid-authorized-parties'],
  ['no subject', () => sign(header(), without(claims(), 'sub')), 'token-verification-failed'],
  ['an empty subject', () => body({ sub: '' }), 'token-verification-failed'],
  ['a subject that is no user', () => body({ sub: 'admin' }), 'token-verification-failed'],
  ['a subject with a line break', () => body({ sub: `${USER}\n` }), 'token-verification-failed'],
  ['a session id that is none', () => body({ sid: 'x' }), 'token-type-mismatch'],
  ['an organization that is null', () => body({ o: null }), 'token-verification-failed'],
  [
    'an organization without an id',
    () => sign(header(), claims(member({ id: undefined }))),
    'token-verification-failed',
  ],
  ['an organization id with a line break', () => body(member({ id: 'org_1\r\n' })), 'token-verification-failed'],
  ['an organization id that is a list', () => body(member({ id: ['org_1'] })), 'token-verification-failed'],
  [
    'an older token with a nameless organization',
    () => body({ v: undefined, org_id: '' }),
    'token-verification-failed',
  ],
  ['a kid with a line break', () => head({ kid: `${key.kid}\n` }), 'jwk-kid-mismatch'],
  ['a pending session', () => body({ sts: 'pending' }), 'session-pending'],
  ['an unknown session status', () => body({ sts: 'revoked' }), 'token-verification-failed'],
  ['a version in quotes', () => body({ v: '2' }), 'token-verification-failed'],
  ['a version nobody knows', () => body({ v: 3, org_id: 'org_1', org_role: 'org:admin' }), 'token-verification-failed'],
  [
    'a feature list that cannot be read',
    () => sign(header(), claims({ ...member(), fea: 'billing' })),
    'token-verification-failed',
  ],
];

setEnvironment(withKey);

for (const variant of variants) {
  test(`tokens: ${variant.name}`, async (t) => {
    const { app } = labApp(await load(variant));
    const port = await serve(t, app);
    for (const [name, make, reason] of cases) {
      await t.test(`${reason === null ? 'accepts' : 'refuses'} ${name}`, async () => {
        const made = make();
        const headers = typeof made === 'string' ? bearer(made) : made;
        const answer = await send(port, '/me', { headers });
        assert.deepEqual(
          Object.keys(answer.headers).filter((header) => header.startsWith('x-clerk')),
          [],
        );
        if (reason === null) {
          assert.equal(answer.status, 200, answer.text);
          assert.equal(answer.json.userId, USER);
          assert.equal(answer.json.sdk, USER);
          return;
        }
        assert.equal(answer.status, 401);
        assert.deepEqual(answer.json, { error: 'unauthenticated', reason });
        const scheme = reason === 'session-token-missing' ? 'Bearer' : 'Bearer error="invalid_token"';
        assert.equal(answer.headers['www-authenticate'], scheme);
        assert.equal(answer.headers['cache-control'], 'no-store');
        // What the guard refuses, the SDK's own getAuth must not take either, and an optional route refuses too.
        assert.deepEqual((await send(port, '/unguarded', { headers })).json, { sdk: null });
        const optional = await send(port, '/maybe', { headers });
        assert.equal(optional.status, reason === 'session-token-missing' ? 200 : 401);
      });
    }
    for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND']) {
      await t.test(`refuses ${method} without credentials, and lets it in with them`, async () => {
        assert.equal((await send(port, '/me', { method })).status, 401);
        assert.equal((await send(port, '/me', { method, headers: bearer(good()) })).status, 200);
      });
    }
  });
}

test('a key with escaped line breaks verifies', async (t) => {
  setEnvironment({ ...withKey, CLERK_JWT_KEY: key.pem.replaceAll('\n', '\\n') });
  t.after(() => setEnvironment(withKey));
  const port = await serve(t, labApp(await load(variants[0])).app);
  assert.equal((await send(port, '/me', { headers: bearer(good()) })).status, 200);
  assert.equal((await send(port, '/me', { headers: bearer(sign(header(), claims(), { as: otherKey })) })).status, 401);
});

test('parties from the environment replace those of the policy, and an empty list does not mean any', async (t) => {
  t.after(() => setEnvironment(withKey));
  const port = await serve(t, labApp(await load(variants[0])).app);
  const from = async (azp) => (await send(port, '/me', { headers: bearer(body({ azp })) })).status;
  setEnvironment({ ...withKey, CLERK_AUTHORIZED_PARTIES: 'https://a.example, https://b.example' });
  assert.deepEqual([await from('https://b.example'), await from(PARTY), await from('')], [200, 401, 401]);
  setEnvironment({ ...withKey, CLERK_AUTHORIZED_PARTIES: ' , ' });
  assert.deepEqual([await from('https://b.example'), await from(PARTY), await from('')], [401, 200, 401]);
});

test('an app may put the token where the header would be, or take it away', async (t) => {
  const { express, clerk, runtime } = await load(variants[0]);
  const app = express();
  app.use((req, _res, next) => {
    if (req.query.strip) delete req.headers.authorization;
    if (req.query.token) req.headers.authorization = `Bearer ${req.query.token}`;
    next();
  });
  app.use(clerk.clerkMiddleware(runtime.clerkOptions));
  app.get('/me', runtime.guard('signed-in'), (_req, res) => res.json({ ok: true }));
  const port = await serve(t, app);
  assert.equal((await send(port, `/me?token=${good()}`)).status, 200);
  assert.equal((await send(port, '/me?strip=1', { headers: bearer(good()) })).status, 401);
});

test('an elliptic key cannot stand in for the instance key', async (t) => {
  const port = await serve(t, labApp(await load(variants[0])).app);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const forged = sign(header({ alg: 'ES256' }), claims(), { as: { privateKey } });
  assert.equal((await send(port, '/me', { headers: bearer(forged) })).status, 401);
  const psychic = `${encode(header({ alg: 'ES256' }))}.${encode(claims())}.${Buffer.alloc(64).toString('base64url')}`;
  assert.equal((await send(port, '/me', { headers: bearer(psychic) })).status, 401);
  assert.equal((await send(port, '/me', { headers: bearer(randomBytes(32).toString('base64url')) })).status, 401);
  assert.equal((await send(port, '/me', { headers: bearer(good()) })).status, 200);
});
