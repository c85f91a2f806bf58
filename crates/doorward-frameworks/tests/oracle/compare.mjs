// Loads projects under the real Express and compares what they register with what was discovered.
//
// node compare.mjs INPUT, where INPUT is a JSON file with a list of { folder, major, routes: [{ method, path, state }] }.
// Registrations are recorded while the project loads, and matched with the layers Express made of them: an example
// request is built from each discovered route, and Express's own matchers say what it would reach. Projects without
// stand-ins are also asked: a stranger must be refused by routes said to be guarded, with no credentials and with some
// that are made up, and by no route said to be open.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import Module, { createRequire, register } from 'node:module';
import path from 'node:path';
import http from 'node:http';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { forged } from './forged.mjs';

const [, self, input, only] = process.argv;
const asked = JSON.parse(fs.readFileSync(input, 'utf8'));

if (only === undefined) {
  let failed = 0;
  for (const major of [4, 5]) {
    const text = execFileSync(process.execPath, ['--no-warnings', self, input, String(major)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for (const line of text.split('\n').filter((it) => it.startsWith('! '))) {
      failed += 1;
      console.log(line);
    }
    console.log(text.split('\n').filter((it) => it.startsWith('= ')).join('\n'));
  }
  process.exit(failed === 0 ? 0 : 1);
}

const major = Number(only);
const require = createRequire(import.meta.url);
const express = require(`express${major}`);

// Packages other than Express are not installed; anything may be done with a stand-in.
const standIn = () => {
  const target = function middleware(req, res, next) {};
  return new Proxy(target, {
    get: (it, key) => {
      if (key === 'then' || key === 'catch') return (call) => (key === 'then' && call(standIn()), standIn());
      if (key in it || typeof key === 'symbol') return it[key];
      return standIn();
    },
    apply: () => standIn(),
    construct: () => standIn(),
  });
};
globalThis.__doorwardExpress = express;
globalThis.__doorwardStandIn = standIn();

const resolveRequire = Module._load;
Module._load = function load(request, parent, isMain) {
  if (request === 'express') return express;
  const local = request.startsWith('.') || path.isAbsolute(request) || Module.isBuiltin(request);
  const fromProject = parent?.filename?.includes(`${path.sep}fixtures${path.sep}`);
  return local || !fromProject ? resolveRequire.call(this, request, parent, isMain) : globalThis.__doorwardStandIn;
};
register(pathToFileURL(path.join(path.dirname(fileURLToPath(import.meta.url)), 'hooks.mjs')));

// Routers remember what was registered on them. A mounted application is hidden in a wrapper; what it wraps is noted.
const log = new WeakMap();
const entries = (router) => log.get(router) ?? (log.set(router, []), log.get(router));
let mounting = [];
const flatten = (list) => list.flat(Infinity);
const router = major === 4 ? express.Router : express.Router.prototype;
const { use, route } = router;
router.use = function recorded(...args) {
  const before = this.stack.length;
  const result = use.apply(this, args);
  for (const layer of this.stack.slice(before)) {
    let handler = layer.handle;
    if (mounting.length > 0 && (handler === mounting[0] || handler.name === 'mounted_app')) handler = mounting.shift();
    entries(this).push({ layer, handler });
  }
  return result;
};
router.route = function recorded(...args) {
  const made = route.apply(this, args);
  entries(this).push({ layer: this.stack.at(-1), route: made });
  return made;
};
const { use: appUse } = express.application;
express.application.use = function recorded(...args) {
  const outer = mounting;
  mounting = flatten(args).filter((it) => typeof it === 'function');
  try {
    return appUse.apply(this, args);
  } finally {
    mounting = outer;
  }
};

const onlyNotFound = (handler) => /\b404\b/.test(String(handler)) && !/\bif\b|\?|&&|\|\|/.test(String(handler));
// Middleware written as a route, and what remains when no route matched, answer nobody.
const answers = (handler) => !onlyNotFound(handler) && !(handler.length === 3 && /\bnext\(\)/.test(String(handler)));
const isStandIn = (handler) => handler === globalThis.__doorwardStandIn || handler.name === 'middleware';

/** The methods of a route that answer something. */
function methodsOf(route) {
  const handlers = new Map();
  for (const { method, handle } of route.stack) {
    const name = method?.toUpperCase() ?? 'ALL';
    handlers.set(name, [...(handlers.get(name) ?? []), handle]);
  }
  // `app.all` of Express registers every method one by one.
  const all = handlers.size > 20 ? new Map([['ALL', handlers.get('GET')]]) : handlers;
  if (all.has('ALL') && !answers(all.get('ALL').at(-1))) all.delete('ALL');
  // Preflights answered by a stand-in of `cors` are not routes.
  if (all.get('OPTIONS')?.every(isStandIn)) all.delete('OPTIONS');
  return [...all.keys()];
}

/** Everything reachable from an application or router: the layers on the way, and the method at the end. */
function* leaves(from, way = []) {
  const inner = from.lazyrouter || from.handle?.name === 'handle' || from.settings ? (major === 4 ? from._router : from.router) : from;
  for (const { layer, handler, route } of entries(inner ?? from)) {
    const here = [...way, layer];
    if (route) {
      for (const method of methodsOf(route)) yield { method, way: here };
    } else if (handler.settings || log.has(handler)) {
      yield* leaves(handler, here);
    } else if (handler.length <= 2 && !handler.handle && !onlyNotFound(handler)) {
      yield { method: 'ALL', way: here };
    }
  }
}

/** Whether a request for `url` gets through all layers. */
function reaches(way, url) {
  let rest = url;
  for (const [at, layer] of way.entries()) {
    const hit = layer.match(rest === '' ? '/' : rest);
    if (!hit) return false;
    // Express 4 leaves what it matched on the layer, Express 5 returns it.
    const matched = hit.path ?? layer.path;
    if (at < way.length - 1 && matched) rest = rest.slice(matched.length);
    if (rest !== '' && !rest.startsWith('/')) return false;
  }
  return true;
}

const example = (template) =>
  template
    .replace(/\{\*[^}]+\}/g, 'zq/8')
    .replace(/\{[^}]+\}/g, '7');

/** Whether a project's own files import nothing but Express, each other and the platform. */
const isWhole = (folder) =>
  fs
    .readdirSync(folder, { recursive: true })
    .filter((it) => it.endsWith('.js'))
    .every((it) => {
      const text = fs.readFileSync(path.join(folder, it), 'utf8');
      const sources = [...text.matchAll(/(?:from |import |require\()'([^']+)'/g)].map(([, source]) => source);
      return sources.every((source) => source === 'express' || source.startsWith('.') || Module.isBuiltin(source));
    });

/** The status a stranger gets. */
const ask = (port, method, url, headers = {}) =>
  new Promise((done) => {
    const request = http.request({ port, method: method === 'ALL' ? 'GET' : method, path: url, headers, timeout: 1000 }, (answer) => {
      answer.resume();
      done(answer.statusCode);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => done(0));
    request.end();
  });

let answered = 0;
async function askAll(name, app, folder, routes) {
  if (!isWhole(folder)) return;
  const server = await new Promise((done) => {
    const started = app.listen(0, '127.0.0.1', () => done(started));
  });
  for (const { method, path: template, state } of routes.filter((it) => it.state !== 'unsure')) {
    const status = await ask(server.address().port, method, example(template));
    const refused = [302, 401, 403].includes(status);
    if (refused !== (state === 'guarded')) console.log(`! ${name}: ${method} ${template} is ${state}, but a stranger gets ${status}`);
    answered += 1;
    if (state !== 'guarded') continue;
    const made = await ask(server.address().port, method, example(template), forged);
    if (![302, 401, 403].includes(made)) console.log(`! ${name}: ${method} ${template} is guarded, but made-up credentials get ${made}`);
  }
  server.close();
}

let compared = 0;
for (const { folder, major: wanted, routes } of asked.filter((it) => it.major === major)) {
  const name = path.basename(folder);
  let app;
  try {
    const loaded = await import(pathToFileURL(path.join(folder, 'app.js')).href);
    app = loaded.app ?? loaded.default.app;
    await new Promise((done) => setTimeout(done, 5));
  } catch (error) {
    console.log(`! ${name}, Express ${wanted}: does not load: ${error.stack}`);
    continue;
  }
  const real = [...leaves(app)];
  for (const { method, path: template } of routes) {
    const hit = real.filter((it) => it.method === method && reaches(it.way, example(template)));
    hit.forEach((it) => (it.found = true));
    if (hit.length === 0) console.log(`! ${name}, Express ${wanted}: ${method} ${template} was discovered, but is not there`);
  }
  for (const leaf of real.filter((it) => !it.found)) {
    const shown = leaf.way.map((it) => String(it.regexp ?? it.rawPath ?? '/')).join(' > ');
    console.log(`! ${name}, Express ${wanted}: ${leaf.method} ${shown} is there, but was not discovered`);
  }
  compared += real.length;
  await askAll(`${name}, Express ${wanted}`, app, folder, routes);
}
console.log(`= Express ${major}: ${compared} registrations compared, ${answered} requests answered`);
process.exit(0);
