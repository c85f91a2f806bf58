// Starting without keys, with placeholders, with broken keys.

import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import {
  PARTY,
  bearer,
  claims,
  header,
  labApp,
  load,
  send,
  serve,
  setEnvironment,
  sign,
  stderrOf,
  variants,
  withKey,
} from './lab.mjs';

const publishable = (host) => `pk_test_${Buffer.from(host).toString('base64')}`;

const broken = [
  [
    'nothing set',
    {},
    /CLERK_PUBLISHABLE_KEY is missing[^]*CLERK_SECRET_KEY is missing[^]*CLERK_WEBHOOK_SIGNING_SECRET is missing/,
  ],
  [
    'placeholders',
    { CLERK_PUBLISHABLE_KEY: 'your_clerk_key_here', CLERK_SECRET_KEY: 'your_clerk_key_here' },
    /CLERK_PUBLISHABLE_KEY is missing[^]*CLERK_SECRET_KEY/,
  ],
  [
    'no secret key',
    { ...withKey, CLERK_SECRET_KEY: undefined },
    /^doorward: CLERK_SECRET_KEY is missing[^\n]*dashboard\.clerk\.com[^\n]*$/,
  ],
  ['a blank secret key', { ...withKey, CLERK_SECRET_KEY: '  ' }, /CLERK_SECRET_KEY is missing/],
  ['no publishable key', { ...withKey, CLERK_PUBLISHABLE_KEY: undefined }, /CLERK_PUBLISHABLE_KEY is missing/],
  ['a publishable key of nothing', { ...withKey, CLERK_PUBLISHABLE_KEY: publishable('no dollar') }, /not a Clerk key/],
  [
    'a publishable key with a path',
    { ...withKey, CLERK_PUBLISHABLE_KEY: publishable('clerk.example/x$') },
    /not a Clerk key/,
  ],
];

for (const [name, variables, message] of broken) {
  for (const variant of variants) {
    test(`${name}: it says so, serves what is public and refuses the rest, ${variant.name}`, async (t) => {
      setEnvironment(variables);
      const lab = {};
      const said = await stderrOf(t, async () => {
        Object.assign(lab, labApp(await load(variant)));
        await turn();
        await turn();
      });
      assert.match(said, message);
      const port = await serve(t, lab.app);
      assert.equal((await send(port, '/health')).status, 200);
      assert.equal((await send(port, '/maybe')).status, 200);
      for (const headers of [{}, bearer(sign())]) {
        const answer = await send(port, '/me', { headers });
        assert.deepEqual([answer.status, answer.json], [503, { error: 'auth_unavailable' }]);
        assert.equal(answer.headers['retry-after'], '5');
      }
      assert.equal((await send(port, '/maybe', { headers: bearer(sign()) })).status, 503);
    });
  }
}

test('with everything set it starts without a word', async (t) => {
  setEnvironment(withKey);
  const said = await stderrOf(t, async () => {
    labApp(await load(variants[0]));
    await turn();
    await turn();
  });
  assert.equal(said, '');
});

test('keys that arrive after the start are used', async (t) => {
  setEnvironment({});
  let port;
  await stderrOf(t, async () => {
    port = await serve(t, labApp(await load(variants[0])).app);
    await turn();
    assert.equal((await send(port, '/me', { headers: bearer(sign()) })).status, 503);
  });
  setEnvironment(withKey);
  assert.equal((await send(port, '/me', { headers: bearer(sign()) })).status, 200);
});

const PARTIES = `authorizedParties: ['${PARTY}']`;

for (const [name, inPolicy, inEnvironment] of [
  ['an empty list', 'authorizedParties: []', undefined],
  ['an empty list and an empty variable', 'authorizedParties: []', ''],
  ['an empty list and a variable of commas', 'authorizedParties: []', ' , ,'],
  ['a list of blanks', "authorizedParties: ['', ' ']", undefined],
]) {
  for (const variant of variants) {
    test(`no authorized parties, ${name}: no token is accepted, and it says what to set, ${variant.name}`, async (t) => {
      setEnvironment({ ...withKey, CLERK_AUTHORIZED_PARTIES: inEnvironment });
      const lab = {};
      const said = await stderrOf(t, async () => {
        Object.assign(lab, labApp(await load(variant, { [PARTIES]: inPolicy })));
        await turn();
        await turn();
      });
      assert.match(
        said,
        /^doorward: CLERK_AUTHORIZED_PARTIES is missing[^\n]*503[^\n]*origins of your front ends[^\n]*$/,
      );
      const port = await serve(t, lab.app);
      const azps = [PARTY, 'https://evil.example', '', ' ', undefined];
      for (const headers of [{}, ...azps.map((azp) => bearer(sign(header(), claims({ azp }))))]) {
        const answer = await send(port, '/me', { headers });
        assert.deepEqual([answer.status, answer.json], [503, { error: 'auth_unavailable' }]);
        assert.equal(answer.headers['retry-after'], '5');
      }
      assert.equal((await send(port, '/maybe', { headers: bearer(sign()) })).status, 503);
      assert.equal((await send(port, '/maybe')).status, 200);
      assert.equal((await send(port, '/health')).status, 200);
      assert.deepEqual((await send(port, '/unguarded', { headers: bearer(sign()) })).json, { sdk: null });

      // The neighbour: one variable, and the same app accepts its own origin and no other.
      setEnvironment({ ...withKey, CLERK_AUTHORIZED_PARTIES: PARTY });
      const from = async (azp) =>
        (await send(port, '/me', { headers: bearer(sign(header(), claims({ azp }))) })).status;
      assert.deepEqual([await from(PARTY), await from('https://evil.example'), await from(undefined)], [200, 401, 401]);
    });
  }
}
