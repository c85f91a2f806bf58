// Starts projects for real and compares what they serve with what was discovered.
//
// node compare.mjs INPUT, where INPUT is a JSON file with a list of
// { framework, folder, routes: [{ app, method, path, state, line }] }. Projects are compiled to a folder of their own.
// A project exports its application (`app`, or the default) and, in `pass`, the headers that get past its guards.
// Each discovered route is asked as a stranger, who must be refused if and only if it is guarded, with credentials that
// are made up, which must not get past a guard, and with `pass`, where it must be there. What the framework has in its own table must have been discovered.
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { forged } from '../forged.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const asked = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const require = createRequire(import.meta.url);
const ts = require('typescript');

process.env.DEBUG_ROUTES = '1';
process.env.EXTRA_PATH = '/told-by-the-environment';

// A project that hangs must not hang the tests.
setTimeout(() => {
  console.log('! the comparison takes too long');
  process.exit(1);
}, 120_000).unref();

let failed = 0;
const complain = (text) => {
  failed += 1;
  console.log(`! ${text}`);
};

/** Compiles a project to CommonJS and returns the folder. */
function build(folder, target) {
  for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const from = path.join(entry.parentPath, entry.name);
    const to = path.join(target, path.relative(folder, from));
    fs.mkdirSync(path.dirname(to), { recursive: true });
    if (!/\.(ts|js)$/.test(entry.name)) {
      // What the project says about modules is about its source.
      if (entry.name !== 'package.json') fs.copyFileSync(from, to);
      continue;
    }
    const { outputText } = ts.transpileModule(fs.readFileSync(from, 'utf8'), {
      fileName: from,
      compilerOptions: {
        module: ts.ModuleKind.CommonJS,
        target: ts.ScriptTarget.ES2022,
        esModuleInterop: true,
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
        useDefineForClassFields: false,
      },
    });
    fs.writeFileSync(to.replace(/\.ts$/, '.js'), outputText);
  }
  return target;
}

const example = (template) =>
  template
    .replace(/\{\*[^}]+\}/g, 'zq/8')
    .replace(/\{[^}]+\}/g, '7')
    .replace(/^$/, '/');

/** The status of an answer from a server on `port`. */
const ask = (port, method, url, headers) =>
  new Promise((done) => {
    const request = http.request({ port, host: '127.0.0.1', method, path: url, headers, timeout: 3000 }, (answer) => {
      answer.resume();
      done(answer.statusCode);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => done(0));
    request.end();
  });

const listen = (handler) =>
  new Promise((done) => {
    const server = http.createServer(handler).listen(0, '127.0.0.1', () => done(server));
  });

/** Asks every route as a stranger and as somebody who is let in. */
async function askAll(name, routes, send, pass) {
  for (const { method, path: template, state } of routes.filter((it) => it.method !== 'WEBSOCKET')) {
    const verb = method === 'ALL' ? 'GET' : method;
    const stranger = await send(verb, example(template), {});
    const refused = [302, 401, 403].includes(stranger);
    if (state !== 'unsure' && refused !== (state === 'guarded')) {
      complain(`${name}: ${method} ${template} is ${state}, but a stranger gets ${stranger}`);
    }
    const made = state === 'guarded' ? await send(verb, example(template), forged) : 401;
    if (![302, 401, 403].includes(made)) {
      complain(`${name}: ${method} ${template} is guarded, but made-up credentials get ${made}`);
    }
    const friend = await send(verb, example(template), pass);
    if ([0, 302, 401, 403, 404, 405].includes(friend)) {
      complain(`${name}: ${method} ${template} was discovered, but with credentials it answers ${friend}`);
    }
  }
}

async function hono(name, folder, routes) {
  const { inspectRoutes } = require('hono/dev');
  globalThis.Bun ??= { serve: () => {} };
  const loaded = createRequire(path.join(folder, 'x.js'))(path.join(folder, entryOf(folder)));
  const app = loaded.app ?? loaded.default;
  await askAll(name, routes, async (method, url, headers) => {
    const body = method === 'GET' || method === 'HEAD' ? undefined : '{}';
    const answer = await app.request(url, { method, headers, body });
    // A refused body was looked at by the route.
    return answer.status;
  }, loaded.pass ?? {});
  // The first entry that answers a request takes it.
  const real = inspectRoutes(app).filter((it) => !it.isMiddleware);
  const hits = new Set();
  for (const { method, path: template } of routes) {
    const verb = method === 'ALL' ? 'PURGE' : method === 'WEBSOCKET' ? 'GET' : method;
    const [handlers] = app.router.match(verb, example(template));
    for (const [[, route]] of handlers) hits.add(`${route.method} ${route.path}`);
  }
  for (const { method, path: template } of real) {
    // Fixtures say in `unresolved` that this one can't be known.
    if (template.endsWith(process.env.EXTRA_PATH)) continue;
    if (!hits.has(`${method} ${template}`)) complain(`${name}: ${method} ${template} is there, but was not discovered`);
  }
  return real.length;
}

async function koa(name, folder, routes) {
  const Router = require('@koa/router').default ?? require('@koa/router');
  const live = new Set();
  const matched = new Set();
  const { match } = Router.prototype;
  Router.prototype.match = function recorded(...args) {
    live.add(this);
    const result = match.apply(this, args);
    result.pathAndMethod.forEach((it) => matched.add(it));
    return result;
  };
  const loaded = createRequire(path.join(folder, 'x.js'))(path.join(folder, entryOf(folder)));
  const app = loaded.app ?? loaded.default;
  app.silent = true;
  const server = await listen(app.callback());
  const { port } = server.address();
  await askAll(name, routes, (method, url, headers) => ask(port, method, url, headers), loaded.pass ?? {});
  server.closeAllConnections();
  server.close();
  let count = 0;
  for (const layer of [...live].flatMap((it) => it.stack).filter((it) => it.methods.length > 0)) {
    count += 1;
    if (!matched.has(layer)) complain(`${name}: ${layer.methods} ${layer.path} is there, but was not discovered`);
  }
  Router.prototype.match = match;
  return count;
}

const entryOf = (folder) => fs.readFileSync(path.join(folder, 'main.txt'), 'utf8');
/** A Nest template as ours: `/users/:id`, `/files/*`, `/any/{*rest}`. */
const plain = (text) =>
  text
    .replace(/\{\*(\w+)\}/g, '*$1')
    .replace(/:(\w+)/g, '{}')
    .replace(/\*\w*$/, '{*}')
    .replace(/(.)\/$/, '$1');
const ours = (text) => text.replace(/\{\*[^}]+\}/g, '{*}').replace(/\{[^}*]+\}/g, '{}');

/** What a started application serves: Express's own table, or what Nest told Fastify. */
function table(app, lines) {
  const stack = app.getHttpAdapter().getInstance().router?.stack;
  if (stack === undefined) return lines.map((it) => /^Mapped \{([^ ]*), ([A-Z]+)\}/.exec(it)?.slice(1)).filter(Boolean);
  const all = [];
  for (const { route } of stack.filter((it) => it.route)) {
    const methods = Object.keys(route.methods).map((it) => it.toUpperCase());
    // Files of the documentation's page are part of the page.
    if (/swagger-ui|\/docs\/$|\/docs\/(index|LICENSE)/.test(String(route.path))) continue;
    for (const method of methods.length > 20 || methods.includes('_ALL') ? ['ALL'] : methods) all.push([route.path, method]);
  }
  return all;
}

async function nest(name, folder, routes) {
  const { NestFactory } = require('@nestjs/core');
  const started = [];
  const { create } = NestFactory;
  // Each application listens where there is room, and tells what it maps.
  NestFactory.create = async function recorded(module, ...rest) {
    const lines = [];
    const logger = { log: (it) => lines.push(String(it)), error() {}, warn() {}, debug() {}, verbose() {}, fatal() {} };
    const options = rest.length > 0 && rest.at(-1)?.constructor === Object ? rest.pop() : {};
    const app = await create.call(NestFactory, module, ...rest, { ...options, logger });
    // The application is a proxy that calls itself by name, so its adapter is where a port can be chosen.
    const adapter = app.getHttpAdapter();
    const listen = adapter.listen.bind(adapter);
    adapter.listen = (port, ...more) => listen(0, '127.0.0.1', ...more.filter((it) => typeof it === 'function'));
    const done = new Promise((settle) => {
      app.getHttpServer().once('listening', settle);
    });
    started.push({ app, lines, done });
    return app;
  };
  NestFactory.createMicroservice = async () => ({ listen() {} });
  let count = 0;
  let pass = {};
  for (const main of fs.readdirSync(folder, { recursive: true }).filter((it) => /(^|\/)main\.js$/.test(it)).sort()) {
    started.length = 0;
    const loaded = createRequire(path.join(folder, 'x.js'))(path.join(folder, main));
    pass = loaded.pass ?? pass;
    await new Promise((done) => setTimeout(done, 50));
    for (let waited = 0; started.length === 0 && waited < 100; waited += 1) await new Promise((done) => setTimeout(done, 20));
    const root = main.includes('/src/') ? main.slice(0, main.indexOf('/src/')) : '.';
    const mine = routes.filter((it) => it.app === root);
    for (const { app, lines, done } of started) {
      await done;
      const { port } = app.getHttpServer().address();
      await askAll(name, mine, (method, url, headers) => ask(port, method, url, headers), pass);
      const found = new Set(mine.map((it) => `${it.method} ${ours(it.path)}`));
      for (const [template, method] of table(app, lines)) {
        count += 1;
        if (!found.has(`${method} ${plain(template)}`)) complain(`${name}: ${method} ${template} is there, but was not discovered`);
      }
      // A stream of events stays open for as long as somebody listens.
      app.getHttpServer().closeAllConnections();
      app.close().catch(() => {});
    }
  }
  NestFactory.create = create;
  return count;
}

const readers = { hono, koa, nest };

// Inside of this folder, so that the packages are found.
const built = fs.mkdtempSync(path.join(os.tmpdir(), 'doorward-oracle-'));
fs.symlinkSync(path.join(here, 'node_modules'), path.join(built, 'node_modules'));
process.on('exit', () => fs.rmSync(built, { recursive: true, force: true }));
let compared = 0;
for (const { framework, folder, routes } of asked) {
  const name = `${framework}/${path.basename(folder)}`;
  const target = build(folder, path.join(built, framework, path.basename(folder)));
  const { main } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
  fs.writeFileSync(path.join(target, 'main.txt'), main.replace(/\.ts$/, '.js'));
  try {
    compared += await readers[framework](name, target, routes);
  } catch (error) {
    complain(`${name}: does not start: ${error.stack}`);
  }
}
console.log(`= ${compared} registrations compared`);
process.exit(failed === 0 ? 0 : 1);
