// Roles, permissions, ownership, cross-origin answers, errors, and wiring that is wrong.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ORG,
  PARTY,
  USER,
  bearer,
  claims,
  header,
  labApp,
  load,
  member,
  send,
  serve,
  setEnvironment,
  sign,
  stderrOf,
  variants,
  withKey,
} from './lab.mjs';

setEnvironment(withKey);

const as = (extra) => bearer(sign(header(), claims(extra)));
const admin = as(member());
const plain = as(member({ rol: 'member', per: 'read', fpm: '0,1' }));
const nobody = as({});
const v1 = as({
  v: undefined,
  org_id: ORG,
  org_slug: 'acme',
  org_role: 'org:admin',
  org_permissions: ['org:billing:manage'],
});

/** Path, status for an admin, a member without rights and a user without organization. */
const table = [
  ['/admin', 200, 403, 403],
  ['/hidden', 200, 404, 404],
  ['/permission', 200, 403, 403],
  ['/feature', 200, 200, 403],
  ['/plan', 200, 200, 403],
  ['/any', 200, 200, 403],
  ['/all', 200, 403, 403],
  ['/both', 200, 403, 403],
  [`/orgs/${ORG}/bills`, 200, 403, 403],
  ['/orgs/org_other/bills', 403, 403, 403],
  [`/orgs/${ORG.toUpperCase()}/bills`, 403, 403, 403],
  [`/orgs/${ORG}%20/bills`, 403, 403, 403],
  ['/orgs/undefined/bills', 403, 403, 403],
  ['/orgs/null/bills', 403, 403, 403],
  ['/teams/acme', 200, 200, 403],
  ['/teams/Acme', 403, 403, 403],
  ['/teams/undefined', 403, 403, 403],
  [`/users/${USER}`, 200, 200, 200],
  ['/users/user_other', 404, 404, 404],
  ['/typo', 403, 403, 403],
];

for (const variant of variants) {
  test(`routes: ${variant.name}`, async (t) => {
    const port = await serve(t, labApp(await load(variant)).app);
    for (const [path, ...expected] of table) {
      await t.test(path.replace(ORG, '{own}').replace(USER, '{own}'), async () => {
        const statuses = [];
        for (const headers of [admin, plain, nobody]) {
          const { status, json } = await send(port, path, { headers });
          statuses.push(status);
          if (status !== 200) assert.deepEqual(json, { error: status === 404 ? 'not_found' : 'forbidden' });
        }
        assert.deepEqual(statuses, expected);
        assert.equal((await send(port, path)).status, 401);
      });
    }

    await t.test('first-version tokens carry roles and permissions too', async () => {
      for (const path of ['/admin', '/permission', `/orgs/${ORG}/bills`])
        assert.equal((await send(port, path, { headers: v1 })).status, 200);
    });

    await t.test('claims of the first version inside one of the second count for nothing', async () => {
      const mixed = as({ org_id: ORG, org_role: 'org:admin', org_permissions: ['org:billing:manage'] });
      for (const path of ['/admin', '/permission', `/orgs/${ORG}/bills`])
        assert.equal((await send(port, path, { headers: mixed })).status, 403);
    });

    await t.test('a permission counts where every reading of the token grants it', async () => {
      const readings = [
        // The features, and the masks; `manage` is bit 0 of each.
        [{ fea: 'o:billing,o:reports' }, '1,0', 200],
        [{ fea: 'o:reports,o:billing' }, '0,1', 200],
        [{ fea: 'o:billing,u:theme' }, '1,0', 200],
        [{ fea: 'uo:billing' }, '1', 200],
        [{ fea: 'o:billing' }, '18446744073709551617', 200],
        [{ fea: 'u:theme,o:reports,o:billing' }, '0,1,0', 403],
        [{ fea: 'u:theme,o:billing' }, '1,0', 403],
        [{ fea: 'u:theme,o:billing' }, '0,1', 403],
        [{ fea: 'u:billing' }, '1', 403],
        [{ fea: 'o:billing' }, '-1', 403],
        [{ fea: 'o:billing' }, '2', 403],
        [{ fea: 'o:billing' }, '', 403],
      ];
      for (const [features, fpm, expected] of readings) {
        const headers = as({ ...member({ rol: 'member', fpm }), ...features });
        assert.equal((await send(port, '/permission', { headers })).status, expected, `${features.fea} ${fpm}`);
        const { json } = await send(port, '/me', { headers });
        assert.equal(json.orgPermissions.includes('org:billing:manage'), expected === 200);
      }
    });

    await t.test('the caller of a handler', async () => {
      const { json } = await send(port, '/me', { headers: admin });
      const { claims: _, sessionId, ...rest } = json;
      assert.match(sessionId, /^sess_/);
      assert.deepEqual(rest, {
        userId: USER,
        orgId: ORG,
        orgSlug: 'acme',
        orgRole: 'org:admin',
        orgPermissions: ['org:billing:manage', 'org:billing:read', 'org:reports:read'],
        sdk: USER,
      });
      assert.deepEqual((await send(port, '/maybe', { headers: admin })).json, { userId: USER });
      assert.deepEqual((await send(port, '/maybe')).json, { userId: null });
    });

    await t.test('a handler that forgot its guard gets an error, not a caller', async () => {
      const said = await stderrOf(t, async () => {
        const { status, json } = await send(port, '/careless', { headers: admin });
        assert.deepEqual([status, json], [500, { error: 'internal_error' }]);
      });
      assert.match(said, /caller\(req\) at GET \/careless needs a guard/);
    });

    await t.test('a known origin may read everything, refusals included', async () => {
      const refused = await send(port, '/me', { headers: { origin: PARTY } });
      assert.equal(refused.status, 401);
      assert.equal(refused.headers['access-control-allow-origin'], PARTY);
      assert.equal(refused.headers['access-control-expose-headers'], 'WWW-Authenticate, Retry-After');
      assert.equal(refused.headers['access-control-allow-credentials'], undefined);
      assert.match(refused.headers.vary, /Origin/);
      const preflight = await send(port, '/orders', {
        method: 'OPTIONS',
        headers: {
          origin: PARTY,
          'access-control-request-method': 'DELETE',
          'access-control-request-headers': 'authorization',
        },
      });
      assert.equal(preflight.status, 204);
      assert.equal(preflight.headers['access-control-allow-origin'], PARTY);
      assert.match(preflight.headers['access-control-allow-methods'], /DELETE/);
      assert.equal(preflight.headers['access-control-allow-headers'], 'Authorization, Content-Type');
      assert.equal(preflight.headers['access-control-max-age'], '600');
    });

    await t.test('another origin may read nothing', async () => {
      for (const origin of [
        'https://evil.example',
        'null',
        `${PARTY}/`,
        `${PARTY}.evil.example`,
        'http://LOCALHOST:5173',
      ]) {
        const preflight = await send(port, '/orders', {
          method: 'OPTIONS',
          headers: { origin, 'access-control-request-method': 'POST' },
        });
        assert.equal(preflight.status, 204);
        const answer = await send(port, '/health', { headers: { origin } });
        for (const { headers } of [preflight, answer]) {
          assert.deepEqual(
            Object.keys(headers).filter((name) => name.startsWith('access-control')),
            [],
          );
          assert.match(headers.vary, /Origin/);
        }
      }
    });

    await t.test('errors are JSON, and other errors are left to the app', async () => {
      const json = { 'content-type': 'application/json' };
      const malformed = await send(port, '/orders', { method: 'POST', headers: { ...json, ...admin }, body: '{' });
      assert.deepEqual([malformed.status, malformed.json], [400, { error: 'bad_request' }]);
      const huge = await send(port, '/orders', {
        method: 'POST',
        headers: { ...json, ...admin },
        body: `"${'x'.repeat(200_000)}"`,
      });
      assert.deepEqual([huge.status, huge.json], [413, { error: 'payload_too_large' }]);
      const created = await send(port, '/orders', { method: 'POST', headers: { ...json, ...admin }, body: '{"a":1}' });
      assert.deepEqual([created.status, created.json], [201, { a: 1 }]);
      assert.equal((await send(port, '/orgs/%ff/bills', { headers: admin })).status, 400);
      assert.deepEqual((await send(port, '/own-error')).json, { error: 'mine' });
      const said = await stderrOf(t, async () => assert.equal((await send(port, '/clerk-error')).status, 503));
      assert.match(said, /made up/);
      assert.deepEqual((await send(port, '/clerk-404')).json, { error: 'no such user' });
    });
  });
}

test('a demand that makes no sense stops the start', async () => {
  const { guard } = (await load(variants[0])).runtime;
  const nonsense = [
    'public',
    'signed_in',
    {},
    { rol: 'org:admin' },
    { role: '' },
    { role: ['org:admin'] },
    { any: [] },
    { all: [] },
    { signedIn: false },
    { bind: { orgId: 'org_id' } },
    { signedIn: true, bind: { orgId: 'orgId' } },
    { signedIn: true, bind: {} },
    { signedIn: true, bind: undefined },
    { signedIn: true, bind: null },
    { signedIn: true, bind: 'org_id' },
    { signedIn: true, bind: ['org_id'] },
    { signedIn: true, bind: { __proto__: 'org_id' } },
    { signedIn: true, bind: { __proto__: null } },
    { signedIn: true, bind: { __proto__: { orgId: 'org_id' } } },
    { signedIn: true, bind: { orgId: 'org_id', __proto__: { slug: 'org_slug' } } },
    { signedIn: true, bind: { ['__proto__']: 'org_id' } },
    { signedIn: true, bind: { orgId: 'org_id', ['__proto__']: 'org_id' } },
    { signedIn: true, bind: { constructor: 'org_id' } },
    { signedIn: true, bind: { prototype: 'org_id' } },
    { signedIn: true, __proto__: { bind: {} } },
    { all: [{}] },
    { any: ['signed-in'] },
  ];
  for (const demand of nonsense) assert.throws(() => guard(demand), TypeError, JSON.stringify(demand));
  for (const bind of [{ orgId: 'org_id' }, { __proto__: null, orgId: 'org_id' }, { toString: 'org_id' }])
    assert.equal(typeof guard({ signedIn: true, bind }), 'function');
});

test('a parameter that a request only inherits is equal to nothing', async (t) => {
  const { express, clerk, runtime } = await load(variants[0]);
  const app = express().use(clerk.clerkMiddleware(runtime.clerkOptions));
  const own = runtime.guard({ signedIn: true, bind: { orgId: 'org_id' } });
  const ok = (_req, res) => res.json({ ok: true });
  const swap = (params) => (req, _res, next) => {
    req.params = params;
    next();
  };
  app.get('/inherited', swap(Object.create({ orgId: ORG })), own, ok);
  app.get('/own', swap({ orgId: ORG }), own, ok);
  const port = await serve(t, app);
  assert.equal((await send(port, '/inherited', { headers: admin })).status, 403);
  assert.equal((await send(port, '/own', { headers: admin })).status, 200);
});

test('what a policy without other origins lets browsers read: nothing', async (t) => {
  const cors = `origins: ['${PARTY}']`;
  t.after(() => setEnvironment(withKey));
  setEnvironment({ ...withKey, CLERK_AUTHORIZED_PARTIES: 'https://a.example' });
  const allowed = async (changes, origin) => {
    const port = await serve(t, labApp(await load(variants[0], changes)).app);
    const preflight = { origin, 'access-control-request-method': 'POST' };
    const answers = [
      await send(port, '/health', { headers: { origin } }),
      await send(port, '/me', { headers: { origin } }),
      await send(port, '/orders', { method: 'OPTIONS', headers: preflight }),
    ];
    return answers.map(({ headers }) => Object.keys(headers).some((name) => name.startsWith('access-control')));
  };
  for (const origin of ['https://a.example', PARTY])
    assert.deepEqual(await allowed({ [cors]: 'origins: []' }, origin), [false, false, false], origin);
  // The neighbours: with an origin named, those of the parties are added to it.
  for (const origin of ['https://a.example', PARTY]) assert.deepEqual(await allowed({}, origin), [true, true, true]);
  assert.deepEqual(await allowed({}, 'https://b.example'), [false, false, false]);
});

test('what a request says cannot forge a line of the log, or make it long', async (t) => {
  const { express, clerk, runtime } = await load(variants[0]);
  const app = express();
  // As an app does that rewrites URLs, after decoding them.
  app.use((req, _res, next) => {
    req.url = decodeURIComponent(req.url);
    next();
  });
  app.use('/unattached', express.Router().get('/{*any}', runtime.guard('signed-in')));
  app.use(clerk.clerkMiddleware(runtime.clerkOptions));
  app.get('/clerk', () => {
    throw Object.assign(new Error(`no\ndoorward: all is well\u2028${'long'.repeat(2000)}`), { clerkError: true });
  });
  app.get('/{*any}', (req, res) => res.json(runtime.caller(req)));
  app.use(runtime.authErrors);
  const port = await serve(t, app);
  const forged = '%1B[2Kall-is-well%C2%9B%E2%80%AE';
  const said = await stderrOf(t, async () => {
    assert.equal((await send(port, `/unattached/x${forged}`)).status, 503);
    assert.equal((await send(port, `/careless${forged}`)).status, 500);
    assert.equal((await send(port, `/${'long'.repeat(2000)}`)).status, 500);
    assert.equal((await send(port, '/clerk')).status, 503);
  });
  const lines = said.split('\n');
  assert.equal(lines.length, 4, said);
  for (const line of lines) {
    assert.doesNotMatch(line, /[\p{C}\p{Zl}\p{Zp}]/u);
    assert.match(line, /^doorward: /);
    assert.ok(line.length < 1100, `${line.length} characters`);
  }
  assert.match(lines[0], /a guard ran before .* \(GET \/x\\u\{1b\}\[2Kall-is-well\\u\{9b\}\\u\{202e\}\)$/);
  assert.match(lines[1], /caller\(req\) at GET \/careless\\u\{1b\}\[2Kall-is-well\\u\{9b\}\\u\{202e\} needs a guard/);
  assert.match(lines[2], /^.{200,260}on… needs a guard/);
  assert.match(lines[3], /no\\u\{a\}doorward: all is well\\u\{2028\}long/);
  // What is thrown is logged by the app as well.
  assert.throws(() => runtime.caller({ method: 'GET', path: '/x\r\ny\ud800' }), {
    message: /caller\(req\) at GET \/x\\u\{d\}\\u\{a\}y\\u\{d800\} needs a guard/,
  });
  assert.throws(() => runtime.caller({ method: 'GET', path: '/zürich/東京' }), { message: /GET \/zürich\/東京 needs/ });
});

test('a guard that was reached without the attach point lets nobody in', async (t) => {
  const { express, clerk, runtime } = await load(variants[0]);
  const ok = (_req, res) => res.json({ ok: true });
  const unattached = express().get('/me', runtime.guard('signed-in'), ok).get('/maybe', runtime.guard('optional'), ok);
  // The first clerkMiddleware wins, so a bare one in front takes cookies and checks no parties.
  const shadowed = express()
    .use(clerk.clerkMiddleware(), clerk.clerkMiddleware(runtime.clerkOptions))
    .get('/me', runtime.guard('signed-in'), ok);
  const said = await stderrOf(t, async () => {
    const port = await serve(t, unattached);
    assert.equal((await send(port, '/me', { headers: admin })).status, 503);
    assert.equal((await send(port, '/maybe')).status, 503);
    assert.equal((await send(await serve(t, shadowed), '/me', { headers: admin })).status, 503);
  });
  assert.match(
    said,
    /ran before clerkMiddleware\(clerkOptions\), or another clerkMiddleware ran first, so it answers 503 \(GET \/me\)/,
  );
});

test('another library may already use req.auth', async (t) => {
  const { express, clerk, runtime } = await load(variants[0]);
  const app = express();
  app.use((req, _res, next) => {
    req.auth = { userId: 'user_forged' };
    next();
  });
  app.use(clerk.clerkMiddleware(runtime.clerkOptions));
  app.get('/me', runtime.guard('signed-in'), (req, res) => res.json({ userId: runtime.caller(req).userId }));
  const port = await serve(t, app);
  assert.equal((await send(port, '/me')).status, 401);
  assert.deepEqual((await send(port, '/me', { headers: admin })).json, { userId: USER });
});

test('a guard on a whole router asks before the routes inside do', async (t) => {
  const { express, clerk, runtime } = await load(variants[0]);
  const app = express().use(clerk.clerkMiddleware(runtime.clerkOptions));
  const router = express.Router({ mergeParams: true });
  router.get('/', (req, res) => res.json({ userId: runtime.caller(req).userId }));
  app.use('/orgs/:orgId/members', runtime.guard({ signedIn: true, bind: { orgId: 'org_id' } }), router);
  const port = await serve(t, app);
  assert.equal((await send(port, `/orgs/${ORG}/members`, { headers: plain })).status, 200);
  assert.equal((await send(port, '/orgs/org_other/members', { headers: plain })).status, 403);
  assert.equal((await send(port, `/orgs/${ORG}/members`)).status, 401);
});
