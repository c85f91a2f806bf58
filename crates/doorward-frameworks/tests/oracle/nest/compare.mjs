// Starts projects for real and compares what they serve with what was discovered.
//
// node compare.mjs INPUT, where INPUT is a JSON file with a list of
// { framework, folder, routes: [{ app, method, path, state, line }] }. Projects are compiled to a folder of their own.
// A project exports its application (`app`, or the default) and, in `pass`, the headers that get past its guards.
// Each discovered route is asked as a stranger, who must be refused if and only if it is guarded, and with `pass`,
// where it must be there. What the framework has in its own table must have been discovered.
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const asked = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const require = createRequire(import.meta.url);
const ts = require('typescript');

process.env.DEBUG_ROUTES = '1';
process.env.EXTRA_PATH = '/told-by-the-environment';

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
const readers = { hono, koa };

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
