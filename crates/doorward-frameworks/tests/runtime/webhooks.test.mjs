import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  bearer,
  deliver,
  env,
  id,
  labApp,
  load,
  now,
  send,
  serve,
  setEnvironment,
  sign,
  stderrOf,
  variants,
  withKey,
} from './lab.mjs';

setEnvironment(withKey);

const event = (data = {}) =>
  JSON.stringify({ data: { id: id('user'), ...data }, object: 'event', type: 'user.created' });
// Not how JSON.stringify would write it: only the exact bytes carry the signature.
const spaced = '{ "type": "user.created",\n "object": "event", "data": {"name": "Zo\\u00eb ë", "n": 1.0} }';

for (const variant of variants) {
  test(`webhooks: ${variant.name}`, async (t) => {
    const { app, deliveries } = labApp(await load(variant));
    const port = await serve(t, app);
    const post = (headers, body, path = '/webhooks/clerk') => send(port, path, { method: 'POST', headers, body });
    const refused = (answer) => assert.deepEqual([answer.status, answer.json], [400, { error: 'invalid_webhook' }]);

    await t.test('a signed delivery reaches the handler as parsed JSON', async () => {
      for (const body of [event(), spaced]) {
        assert.equal((await post(deliver(body), body)).status, 204);
        assert.deepEqual(deliveries.at(-1), JSON.parse(body));
      }
    });

    await t.test('any media type may carry it', async () => {
      const body = event();
      assert.equal((await post({ ...deliver(body), 'content-type': 'text/plain' }, body)).status, 204);
    });

    await t.test('one good signature among others is enough', async () => {
      const body = event();
      const headers = deliver(body);
      const wrong = `v1,${randomBytes(32).toString('base64')}`;
      const list = `v1a,abc ${wrong} ${headers['svix-signature']}`;
      assert.equal((await post({ ...headers, 'svix-signature': list }, body)).status, 204);
      refused(await post({ ...deliver(body), 'svix-signature': wrong }, body));
    });

    const tampered = {
      'an unsigned body': (body) => [{ 'content-type': 'application/json' }, body],
      'a session instead of a signature': (body) => [{ ...bearer(sign()), 'content-type': 'application/json' }, body],
      'a changed body': (body) => [deliver(body), body.replace('created', 'deleted')],
      'the same JSON in other bytes': () => [deliver(spaced), JSON.stringify(JSON.parse(spaced))],
      'another secret': (body) => [deliver(body, { secret: `whsec_${randomBytes(24).toString('base64')}` }), body],
      'another id': (body) => [{ ...deliver(body), 'svix-id': id('msg') }, body],
      'another time': (body) => [{ ...deliver(body), 'svix-timestamp': String(now() + 1) }, body],
      'a delivery of six minutes ago': (body) => [deliver(body, { at: now() - 360 }), body],
      'a delivery from the future': (body) => [deliver(body, { at: now() + 360 }), body],
      'no id': (body) => [{ ...deliver(body), 'svix-id': ' ' }, body],
      'no body': () => [deliver(''), ''],
      'broken UTF-8': (body) => [deliver(`${body}\uFFFD`), Buffer.concat([Buffer.from(body), Buffer.from([0xff])])],
      'a byte-order mark': (body) => [deliver(body), `\uFEFF${body}`],
    };
    for (const [name, make] of Object.entries(tampered)) {
      await t.test(`${name} is refused`, async () => {
        const before = deliveries.length;
        refused(await post(...make(event())));
        assert.equal(deliveries.length, before);
      });
    }

    await t.test('a compressed body is refused', async () => {
      const body = event();
      const answer = await post({ ...deliver(body), 'content-encoding': 'gzip' }, gzipSync(body));
      assert.deepEqual([answer.status, answer.json], [415, { error: 'unsupported_media_type' }]);
    });

    await t.test('a body over one megabyte is refused', async () => {
      const body = event({ filler: 'x'.repeat(1_100_000) });
      assert.equal((await post(deliver(body), body)).status, 413);
    });

    await t.test('a delivery is handled once', async () => {
      const body = event();
      const headers = deliver(body, { as: id('msg') });
      assert.equal((await post(headers, body)).status, 204);
      const before = deliveries.length;
      const again = await post(headers, body);
      assert.deepEqual([again.status, again.json], [200, { received: true, duplicate: true }]);
      assert.equal(deliveries.length, before);
    });

    await t.test('a delivery whose handler failed is handled again', async () => {
      const body = event({ fail: true });
      const as = id('msg');
      assert.equal((await post(deliver(body, { as }), body)).status, 500);
      assert.equal((await post(deliver(body, { as }), body)).status, 500);
    });

    await t.test('a body that was parsed before is never signed again', async () => {
      const body = event();
      const said = await stderrOf(t, async () => {
        const answer = await post(deliver(body), body, '/webhooks/parsed');
        assert.deepEqual([answer.status, answer.json], [500, { error: 'webhook_body_already_parsed' }]);
      });
      assert.match(said, /put app.use\(path, rawBody\) before express.json\(\)/);
    });
  });
}

test('without a parser in front the guard reads the body itself', async (t) => {
  const { express, runtime } = await load(variants[0]);
  const app = express().post('/hook', runtime.guard('webhook'), (req, res) => res.json(req.body));
  const port = await serve(t, app);
  const body = event();
  const answer = await send(port, '/hook', { method: 'POST', headers: deliver(body), body });
  assert.deepEqual([answer.status, answer.json], [200, JSON.parse(body)]);
  assert.equal((await send(port, '/hook', { method: 'POST', headers: deliver(body), body: `${body} ` })).status, 400);
});

test('without a signing secret every delivery is refused', async (t) => {
  const port = await serve(t, labApp(await load(variants[0])).app);
  const body = event();
  for (const secret of [undefined, '', 'your_clerk_key_here']) {
    setEnvironment({ ...withKey, CLERK_WEBHOOK_SIGNING_SECRET: secret });
    assert.equal((await send(port, '/webhooks/clerk', { method: 'POST', headers: deliver(body), body })).status, 503);
  }
  setEnvironment(withKey);
  assert.equal(env.CLERK_WEBHOOK_SIGNING_SECRET, process.env.CLERK_WEBHOOK_SIGNING_SECRET);
  assert.equal((await send(port, '/webhooks/clerk', { method: 'POST', headers: deliver(body), body })).status, 204);
});
