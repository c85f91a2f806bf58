// Keys fetched from Clerk, and what happens while they cannot be had.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bearer,
  claims,
  env,
  header,
  id,
  key,
  keyServer,
  keySet,
  labApp,
  load,
  otherKey,
  send,
  serve,
  setEnvironment,
  sign,
  stderrOf,
  variants,
} from './lab.mjs';

const good = () => bearer(sign());

/** An app that fetches its keys from a server of the test. Each has a secret of its own, because the SDK keeps keys by it. */
async function remoteApp(t, answer) {
  const keys = await keyServer(t, answer);
  setEnvironment({ ...env, CLERK_SECRET_KEY: env.CLERK_SECRET_KEY + id('x'), CLERK_API_URL: keys.url });
  const port = await serve(t, labApp(await load(variants[0])).app);
  return { keys, port, me: (headers) => send(port, '/me', { headers }) };
}

test('a fetched key verifies, and is fetched once', async (t) => {
  const { keys, me } = await remoteApp(t, keySet(key.jwk));
  for (let round = 0; round < 5; round++) assert.equal((await me(good())).status, 200);
  assert.equal(keys.calls.length, 1);
  assert.equal((await me(bearer(sign(header(), claims(), { as: otherKey })))).json.reason, 'token-invalid-signature');
});

test('an unknown key id is refused, and a flood of them does not reach the key server', async (t) => {
  const { keys, me } = await remoteApp(t, keySet(key.jwk));
  assert.equal((await me(good())).status, 200);
  for (let round = 0; round < 30; round++) {
    const answer = await me(bearer(sign(header({ kid: id('ins') }), claims(), { as: otherKey })));
    assert.deepEqual([answer.status, answer.json.reason], [401, 'jwk-kid-mismatch']);
  }
  assert.ok(keys.calls.length <= 6, `${keys.calls.length} fetches`);
  assert.equal((await me(good())).status, 200);
});

test('a key that is rotated in is found', async (t) => {
  const { keys, me } = await remoteApp(t, keySet(key.jwk));
  assert.equal((await me(good())).status, 200);
  const next = () => bearer(sign(header({ kid: otherKey.kid }), claims(), { as: otherKey }));
  assert.equal((await me(next())).status, 401);
  keys.answer = keySet(key.jwk, otherKey.jwk);
  assert.equal((await me(next())).status, 200);
});

const opaque = ['ak_', 'mt_', 'oat_'].map((prefix) => prefix + 'a'.repeat(40));
test('tokens that are no sessions cause no call to Clerk at all', async (t) => {
  const { keys, me } = await remoteApp(t, keySet(key.jwk));
  for (const token of [...opaque, sign(header({ typ: 'at+jwt' })), sign(header({ alg: 'none' })), 'a.b.c']) {
    assert.equal((await me(bearer(token))).status, 401);
  }
  assert.equal(keys.calls.length, 0);
});

const outages = {
  'the key server answers garbage': (_req, res) => res.end('<html>'),
  'the key server answers 500': (_req, res) =>
    res.writeHead(500, { 'content-type': 'application/json' }).end('{"errors":[]}'),
  'the key server has no keys': keySet(),
  'the secret key is refused': (_req, res) =>
    res
      .writeHead(401, { 'content-type': 'application/json' })
      .end('{"errors":[{"code":"clerk_key_invalid","message":"x","long_message":"x"}]}'),
  'the key server hangs': () => {},
  'the key server hangs up': (req) => req.socket.destroy(),
};

for (const [name, answer] of Object.entries(outages)) {
  test(`${name}: 503 in time, public routes go on, and it recovers`, async (t) => {
    const { keys, port, me } = await remoteApp(t, answer);
    const said = await stderrOf(t, async () => {
      const start = performance.now();
      const [refused, optional] = await Promise.all([me(good()), send(port, '/maybe', { headers: good() })]);
      assert.ok(performance.now() - start < 3500);
      assert.equal(refused.status, 503);
      assert.deepEqual(refused.json, { error: 'auth_unavailable' });
      assert.equal(refused.headers['retry-after'], '5');
      assert.equal(optional.status, 503);
    });
    assert.match(said, /Clerk could not verify/);
    assert.equal((await me({})).status, 401);
    assert.equal((await send(port, '/health')).status, 200);
    keys.answer = keySet(key.jwk);
    assert.equal((await me(good())).status, 200);
  });
}

test('with the key server down, a forged token is not let in', async (t) => {
  const { me } = await remoteApp(t, (req) => req.socket.destroy());
  await stderrOf(t, async () => {
    assert.equal((await me(bearer(sign(header(), claims(), { as: otherKey })))).status, 503);
    assert.equal((await me(bearer(sign(header({ alg: 'none' }))))).status, 401);
  });
});

test('a known key goes on verifying while the key server is down', async (t) => {
  const { keys, me } = await remoteApp(t, keySet(key.jwk));
  assert.equal((await me(good())).status, 200);
  keys.answer = (req) => req.socket.destroy();
  assert.equal((await me(good())).status, 200);
});
