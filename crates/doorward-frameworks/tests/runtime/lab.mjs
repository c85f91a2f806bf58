// A laboratory: keys, tokens, key servers and apps, all made when the tests run.

import { createHmac, createSign, generateKeyPairSync, randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { source } from './build.mjs';

export const here = fileURLToPath(new URL('.', import.meta.url));
// Inside node_modules, so that the copies find their packages and git does not find them.
export const scratch = `${here}node_modules/.doorward/`;

export const PARTY = 'http://localhost:5173';
export const HOST = 'lab.clerk.accounts.dev';
export const ISSUER = `https://${HOST}`;

export const id = (prefix) => `${prefix}_${randomBytes(20).toString('hex').slice(0, 27)}`;

function makeKey() {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kid = id('ins');
  return {
    kid,
    privateKey,
    pem: publicKey.export({ type: 'spki', format: 'pem' }),
    jwk: { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' },
  };
}

export const key = makeKey();
export const otherKey = makeKey();

export const env = {
  CLERK_PUBLISHABLE_KEY: `pk_test_${Buffer.from(`${HOST}$`).toString('base64')}`,
  CLERK_SECRET_KEY: `sk_test_${randomBytes(21).toString('hex')}`,
  CLERK_WEBHOOK_SIGNING_SECRET: `whsec_${randomBytes(24).toString('base64')}`,
};

export const withKey = { ...env, CLERK_JWT_KEY: key.pem };

/** Replaces everything Clerk reads from the environment. */
export function setEnvironment(variables) {
  for (const name of Object.keys(process.env)) if (name.startsWith('CLERK_')) delete process.env[name];
  for (const [name, value] of Object.entries(variables)) if (value !== undefined) process.env[name] = value;
}

export const now = () => Math.floor(Date.now() / 1000);
export const encode = (value) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

export const USER = id('user');
export const ORG = id('org');

export const header = (changes = {}) => ({
  alg: 'RS256',
  cat: 'cl_B7d4PD111AAA',
  kid: key.kid,
  typ: 'JWT',
  ...changes,
});

export const claims = (changes = {}) => ({
  azp: PARTY,
  exp: now() + 60,
  fva: [0, -1],
  iat: now(),
  iss: ISSUER,
  nbf: now() - 10,
  sid: id('sess'),
  sts: 'active',
  sub: USER,
  v: 2,
  ...changes,
});

/** The claims of an organization's admin; `changes` are to the organization. */
export const member = (changes = {}) => ({
  fea: 'o:billing,o:reports',
  pla: 'o:pro',
  o: { id: ORG, slg: 'acme', rol: 'admin', per: 'manage,read', fpm: '3,2', ...changes },
});

/** Signs what it is given; a string is taken as the JSON text itself. */
export function sign(head = header(), body = claims(), { as = key, hash = 'RSA-SHA256' } = {}) {
  const input = `${encode(head)}.${encode(body)}`;
  return `${input}.${createSign(hash).update(input).sign(as.privateKey).toString('base64url')}`;
}

export function signHmac(head, body, secret) {
  const input = `${encode(head)}.${encode(body)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

/** The headers of a delivery of this body. */
export function deliver(body, { as = id('msg'), at = now(), secret = env.CLERK_WEBHOOK_SIGNING_SECRET } = {}) {
  const mac = createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'));
  mac.update(`${as}.${at}.`).update(body);
  return {
    'content-type': 'application/json',
    'svix-id': as,
    'svix-timestamp': String(at),
    'svix-signature': `v1,${mac.digest('base64')}`,
  };
}

/** The forms in which the runtime is shipped, on each Express it has to work with. */
export const variants = [
  { name: 'ESM on Express 5', form: 'esm', express: 'express' },
  { name: 'ESM on Express 4', form: 'esm', express: 'express4' },
  { name: 'CommonJS on Express 5', form: 'cjs', express: 'express' },
  { name: 'CommonJS on Express 4', form: 'cjs', express: 'express4' },
];

let copies = 0;

process.once('exit', () => rmSync(`${scratch}${process.pid}/`, { recursive: true, force: true }));

/**
 * A fresh copy of the runtime next to the Express of that variant, as it would lie in a user's project. Each of
 * `changes` replaces one text in the policy by another.
 */
export async function load({ form, express }, changes = {}) {
  const folder = `${scratch}${process.pid}/${copies++}/`;
  mkdirSync(`${folder}node_modules`, { recursive: true });
  cpSync(`${source}${form}`, `${folder}doorward`, { recursive: true });
  for (const [from, to] of Object.entries(changes)) {
    const file = `${folder}doorward/policy.js`;
    const text = readFileSync(file, 'utf8');
    if (!text.includes(from)) throw new Error(`the policy does not say ${from}`);
    writeFileSync(file, text.replace(from, to));
  }
  writeFileSync(`${folder}package.json`, JSON.stringify({ type: form === 'esm' ? 'module' : 'commonjs' }));
  symlinkSync(`${here}node_modules/${express}`, `${folder}node_modules/express`);
  const require = createRequire(`${folder}package.json`);
  const isEsm = form === 'esm';
  const runtime = isEsm ? await import(pathToFileURL(`${folder}doorward/index.js`)) : require('./doorward/index.js');
  const clerk = isEsm ? await import('@clerk/express') : require('@clerk/express');
  return { express: require('express'), clerk, runtime };
}

/** An app with a route of every kind, wired as doorward wires one. */
export function labApp({ express, clerk, runtime }) {
  const { authErrors, caller, clerkOptions, crossOrigin, guard, maybeCaller, rawBody } = runtime;
  const app = express();
  const deliveries = [];
  const ok = (_req, res) => res.json({ ok: true });
  app.use(crossOrigin);
  app.use('/webhooks/clerk', rawBody);
  app.use(clerk.clerkMiddleware(clerkOptions));
  app.use(express.json());
  app.get('/health', ok);
  app.all('/me', guard('signed-in'), (req, res) => res.json({ ...caller(req), sdk: clerk.getAuth(req).userId }));
  app.get('/maybe', guard('optional'), (req, res) => res.json({ userId: maybeCaller(req)?.userId ?? null }));
  app.get('/unguarded', (req, res) => res.json({ sdk: clerk.getAuth(req).userId }));
  app.get('/careless', (req, res) => res.json({ userId: caller(req).userId }));
  app.get('/admin', guard({ role: 'org:admin' }), ok);
  app.get('/hidden', guard({ role: 'org:admin', hide: true }), ok);
  app.get('/permission', guard({ permission: 'org:billing:manage' }), ok);
  app.get('/feature', guard({ feature: 'reports' }), ok);
  app.get('/plan', guard({ plan: 'o:pro' }), ok);
  app.get('/any', guard({ any: [{ role: 'org:owner' }, { permission: 'org:reports:read' }] }), ok);
  app.get('/all', guard({ all: [{ role: 'org:admin' }, { permission: 'org:reports:read' }] }), ok);
  app.get('/both', guard({ role: 'org:admin', permission: 'org:reports:read' }), ok);
  app.get('/orgs/:orgId/bills', guard({ permission: 'org:billing:manage', bind: { orgId: 'org_id' } }), ok);
  app.get('/teams/:slug', guard({ signedIn: true, bind: { slug: 'org_slug' } }), ok);
  app.get('/users/:id', guard({ signedIn: true, bind: { id: 'user_id' }, hide: true }), ok);
  app.get('/typo', guard({ signedIn: true, bind: { absent: 'org_id' } }), ok);
  app.post('/orders', guard('signed-in'), (req, res) => res.status(201).json(req.body));
  app.post('/webhooks/clerk', guard('webhook'), (req, res) => {
    deliveries.push(req.body);
    res.status(req.body.data.fail ? 500 : 204).end();
  });
  app.post('/webhooks/parsed', guard('webhook'), ok);
  app.get('/clerk-error', () => {
    throw Object.assign(new Error('made up'), { clerkError: true });
  });
  app.get('/clerk-404', () => {
    throw Object.assign(new Error('no such user'), { clerkError: true, status: 404 });
  });
  app.get('/own-error', () => {
    throw new Error('mine');
  });
  app.use(authErrors);
  app.use((error, _req, res, _next) => res.status(500).json({ error: error.message }));
  return { app, deliveries };
}

/** Serves an app on a free port until the test ends. */
export async function serve(t, app) {
  const server = createServer(app);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return server.address().port;
}

/** Sends exactly these headers; an array sends a header twice. */
export function send(port, path, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const outgoing = request({ port, host: '127.0.0.1', path, method, headers, agent: false }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const isJson = /^application\/json/.test(response.headers['content-type'] ?? '') && text !== '';
        resolve({
          status: response.statusCode,
          headers: response.headers,
          text,
          json: isJson ? JSON.parse(text) : undefined,
        });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

export const bearer = (token) => ({ authorization: `Bearer ${token}` });

/** A key server whose answer can be changed while it runs. */
export async function keyServer(t, answer) {
  const server = { answer, calls: [] };
  const port = await serve(t, (req, res) => {
    server.calls.push(req.url);
    server.answer(req, res);
  });
  return Object.assign(server, { url: `http://127.0.0.1:${port}` });
}

export const keySet =
  (...jwks) =>
  (_req, res) => {
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify({ keys: jwks }));
  };

/** What reached stderr through console.error while `work` ran. */
export async function stderrOf(t, work) {
  const spy = t.mock.method(console, 'error', () => {});
  await work();
  const said = spy.mock.calls.map((call) => call.arguments.join(' ')).join('\n');
  spy.mock.restore();
  return said;
}
