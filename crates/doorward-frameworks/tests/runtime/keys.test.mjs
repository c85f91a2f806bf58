// Keys fetched from Clerk, and what happens while they cannot be had.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
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

const bogus = (kid = id('ins')) => bearer(sign(header({ kid }), claims(), { as: otherKey }));
const rotated = () => bogus(otherKey.kid);

/** Status and reason, or the seconds to wait. */
const verdict = ({ status, json, headers }) => [status, json.reason ?? headers['retry-after']];

test('an unknown key id is refused, and a flood of them does not reach the key server', async (t) => {
  const { keys, me } = await remoteApp(t, keySet(key.jwk));
  assert.equal((await me(good())).status, 200);
  const first = id('ins');
  for (const kid of [first, ...Array.from({ length: 4 }, () => id('ins'))])
    assert.deepEqual(verdict(await me(bogus(kid))), [401, 'jwk-kid-mismatch']);
  assert.equal(keys.calls.length, 6);
  // From here on nobody is told that an id is wrong which nobody has asked Clerk about.
  for (let round = 0; round < 30; round++) {
    const answer = await me(bogus());
    assert.deepEqual(verdict(answer), [503, '5']);
    assert.deepEqual(answer.json, { error: 'auth_unavailable' });
  }
  assert.deepEqual(verdict(await me(bogus(first))), [401, 'jwk-kid-mismatch']);
  for (const kid of ['other', 'INS_x', 'xins_'])
    assert.deepEqual(verdict(await me(bogus(kid))), [401, 'jwk-kid-mismatch']);
  assert.ok(keys.calls.length <= 8, `${keys.calls.length} fetches`);
  assert.equal((await me(good())).status, 200);
  assert.equal((await me({})).status, 401);
});

test('many unknown key ids at once do not reach the key server either', async (t) => {
  const { keys, me } = await remoteApp(t, keySet(key.jwk));
  assert.equal((await me(good())).status, 200);
  const same = id('ins');
  const answers = await Promise.all(Array.from({ length: 60 }, (_, at) => me(bogus(at % 2 ? same : id('ins')))));
  for (const answer of answers) assert.ok([401, 503].includes(answer.status));
  assert.ok(keys.calls.length <= 7, `${keys.calls.length} fetches`);
  assert.equal((await me(good())).status, 200);
});

test('a key that is rotated in during a flood verifies at once', async (t) => {
  const { keys, me } = await remoteApp(t, keySet(key.jwk));
  assert.equal((await me(good())).status, 200);
  for (let round = 0; round < 5; round++) assert.equal((await me(bogus())).status, 401);
  keys.answer = keySet(key.jwk, otherKey.jwk);
  const answers = await Promise.all([rotated(), rotated(), good(), rotated()].map(me));
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200, 200],
  );
  assert.ok(keys.calls.length <= 8, `${keys.calls.length} fetches`);
  const forged = bearer(sign(header({ kid: otherKey.kid })));
  assert.deepEqual(verdict(await me(forged)), [401, 'token-invalid-signature']);
});

test('a key that is rotated in during a flood that goes on verifies after two seconds, and is 503 until then', async (t) => {
  const { keys, me } = await remoteApp(t, keySet(key.jwk));
  assert.equal((await me(good())).status, 200);
  for (let round = 0; round < 5; round++) assert.equal((await me(bogus())).status, 401);
  assert.deepEqual(verdict(await me(bogus())), [503, '5']);
  keys.answer = keySet(key.jwk, otherKey.jwk);
  assert.deepEqual(verdict(await me(rotated())), [503, '5']);
  const end = performance.now() + 2200;
  while (performance.now() < end) {
    assert.equal((await me(bogus())).status, 503);
    await sleep(100);
  }
  assert.equal((await me(rotated())).status, 200);
  assert.ok(keys.calls.length <= 10, `${keys.calls.length} fetches`);
});

test('in a flood with the key server down unknown key ids are 503, and known keys go on', async (t) => {
  const { keys, me } = await remoteApp(t, keySet(key.jwk));
  assert.equal((await me(good())).status, 200);
  for (let round = 0; round < 5; round++) assert.equal((await me(bogus())).status, 401);
  for (const answer of [outages['the key server answers 500'], outages['the key server answers garbage']]) {
    keys.answer = answer;
    assert.deepEqual(verdict(await me(rotated())), [503, '5']);
  }
  assert.equal((await me(good())).status, 200);
});

test('a key that is rotated in is found', async (t) => {
  const { keys, me } = await remoteApp(t, keySet(key.jwk));
  assert.equal((await me(good())).status, 200);
  assert.equal((await me(rotated())).status, 401);
  keys.answer = keySet(key.jwk, otherKey.jwk);
  assert.equal((await me(rotated())).status, 200);
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
