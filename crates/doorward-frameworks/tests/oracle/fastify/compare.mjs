// Starts projects under the real Fastify and compares what they register with what was discovered.
//
// node compare.mjs INPUT, where INPUT is a JSON file with a list of { folder, routes: [{ method, path, state }] }.
// Each project is copied to a temporary folder, TypeScript turned into JavaScript, and started. Fastify announces its
// instances; an `onRoute` hook on each says what is registered. Then strangers call: whoever has no token, or one that is
// made up, must be refused by routes said to be guarded, and whoever has none by none said to be open.
import { randomBytes } from 'node:crypto';
import { channel } from 'node:diagnostics_channel';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { forged } from '../forged.mjs';

const asked = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const require = createRequire(import.meta.url);
const installed = path.join(path.dirname(fileURLToPath(import.meta.url)), 'node_modules');
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'doorward-fastify-'));
process.on('exit', () => fs.rmSync(work, { recursive: true, force: true }));

// Clerk reads its keys when it is loaded. These are made up here, and belong to nobody.
process.env.CLERK_PUBLISHABLE_KEY = `pk_test_${Buffer.from('clerk.example.test$').toString('base64')}`;
process.env.CLERK_SECRET_KEY = `sk_test_${randomBytes(20).toString('hex')}`;
process.env.API_KEY_OF_TEST = randomBytes(8).toString('hex');
process.env.CLERK_TELEMETRY_DISABLED = '1';
process.env.NODE_ENV = 'test';

let instances = [];
channel('fastify.initialization').subscribe(({ fastify }) => {
  const routes = [];
  fastify.addHook('onRoute', (route) => {
    routes.push({ methods: [route.method].flat(), url: route.url, websocket: route.websocket === true, ws: Boolean(route.wsHandler), hidden: route.schema?.hide === true });
  });
  instances.push({ fastify, routes });
});

const missing = (folder) => {
  const manifest = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
  return Object.keys(manifest.dependencies ?? {}).filter((it) => !fs.existsSync(path.join(installed, it)));
};

/** Anything may be done with it, and it does nothing. */
function standIn() {
  const target = function plugin(instance, options, done) {
    if (typeof done === 'function') done();
    return standIn();
  };
  target[Symbol.for('skip-override')] = true;
  return new Proxy(target, {
    get: (it, key) => (typeof key === 'symbol' || key in it ? it[key] : key === 'then' ? undefined : standIn()),
  });
}

/** Copies a project, and puts packages next to it: the real ones, or a plugin that does nothing. */
function copy(folder) {
  const target = path.join(work, path.basename(folder));
  fs.cpSync(folder, target, { recursive: true });
  const packages = path.join(target, 'node_modules');
  fs.mkdirSync(packages);
  for (const name of fs.readdirSync(installed).filter((it) => !it.startsWith('.'))) {
    if (!name.startsWith('@')) {
      fs.symlinkSync(path.join(installed, name), path.join(packages, name));
      continue;
    }
    fs.mkdirSync(path.join(packages, name));
    for (const inner of fs.readdirSync(path.join(installed, name))) {
      fs.symlinkSync(path.join(installed, name, inner), path.join(packages, name, inner));
    }
  }
  for (const name of missing(folder)) {
    fs.mkdirSync(path.join(packages, name), { recursive: true });
    fs.writeFileSync(path.join(packages, name, 'index.js'), `${standIn}\nmodule.exports = standIn();`);
  }
  for (const file of fs.readdirSync(target, { recursive: true })) {
    if (!file.endsWith('.ts') || file.startsWith('node_modules')) continue;
    const { code } = require('esbuild').transformSync(fs.readFileSync(path.join(target, file), 'utf8'), { loader: 'ts', format: 'esm' });
    fs.writeFileSync(path.join(target, file.replace(/\.ts$/, '.js')), code);
    fs.rmSync(path.join(target, file));
  }
  return target;
}

/** Starts a project as its manifest does. */
async function start(target) {
  const { scripts } = JSON.parse(fs.readFileSync(path.join(target, 'package.json'), 'utf8'));
  const file = /fastify start .*?(\S+\.js)/.exec(scripts?.start ?? '')?.[1];
  const entry = [file, 'app.js', 'src/app.js'].find((it) => it && fs.existsSync(path.join(target, it)));
  const loaded = await import(pathToFileURL(path.join(target, entry)).href);
  if (file) require('fastify')().register(loaded.default ?? loaded);
  else if (loaded.build) await loaded.build();
}

/** The templates of a url, worked out without doorward. */
function templates(url) {
  const optional = /^(.*)\/(:[^/()]*)\?\/?$/.exec(url);
  if (optional) return [...templates(optional[1] || '/'), ...templates(`${optional[1]}/${optional[2]}`)];
  let text = '';
  for (let at = 0; at < url.length; at += 1) {
    if (url.startsWith('::', at)) {
      text += ':';
      at += 1;
    } else if (url[at] === ':') {
      const name = /^[^/\-.(]+/.exec(url.slice(at + 1))[0];
      at += name.length;
      text += `{${name}}`;
      if (url[at + 1] === '(') {
        let depth = 0;
        do {
          at += 1;
          depth += url[at] === '(' ? 1 : url[at] === ')' ? -1 : 0;
        } while (depth > 0);
      }
    } else {
      text += url[at] === '*' ? '{*path}' : url[at];
    }
  }
  return [`/${text.split('/').filter(Boolean).join('/')}`];
}

function registered({ routes }) {
  const all = new Set();
  for (const { methods, url, websocket, ws, hidden } of routes) {
    // The answer to preflights comes with CORS.
    if (hidden && methods.includes('OPTIONS')) continue;
    // HEAD comes with GET.
    const same = (other) => templates(other)[0] === templates(url)[0];
    const others = routes.filter((it) => it.methods.includes('GET') && same(it.url));
    const names = websocket ? ['WEBSOCKET'] : methods.length > 8 ? ['ALL'] : methods.filter((it) => it !== 'HEAD' || others.length === 0 || methods.length > 2);
    if (ws && !websocket) names.push('WEBSOCKET');
    for (const name of names) for (const template of templates(url)) all.add(`${name} ${template}`);
  }
  return all;
}

const example = (template) => template.replace(/\{\*[^}]+\}/g, 'zq/8').replace(/\{[^}]+\}/g, '7');
const within = (promise) => Promise.race([promise, new Promise((done) => setTimeout(() => done({ statusCode: 0 }), 300))]);

let compared = 0;
let answered = 0;
let failed = 0;
const complain = (text) => {
  failed += 1;
  console.log(`! ${text}`);
};
for (const { folder, routes } of asked) {
  const name = path.basename(folder);
  instances = [];
  try {
    await start(copy(folder));
    for (const { fastify } of instances) await fastify.ready();
  } catch (error) {
    complain(`${name}: does not start: ${error.stack}`);
    continue;
  }
  const real = new Set(instances.flatMap((it) => [...registered(it)]));
  const found = new Set(routes.map((it) => `${it.method} ${it.path}`));
  for (const id of found) if (!real.has(id)) complain(`${name}: ${id} was discovered, but is not there`);
  for (const id of real) if (!found.has(id)) complain(`${name}: ${id} is there, but was not discovered`);
  compared += real.size;
  for (const { method, path: template, state } of routes) {
    const same = routes.filter((it) => it.method === method && it.path === template);
    // Preflights are answered by CORS.
    if (state === 'unsure' || method === 'WEBSOCKET' || method === 'OPTIONS' || same.length > 1) continue;
    const server = instances.find((it) => registered(it).has(`${method} ${template}`));
    if (!server) continue;
    const answer = await within(server.fastify.inject({ method: method === 'ALL' ? 'GET' : method, url: example(template) }));
    // A guard may also fail, or never answer: nobody gets in.
    const refused = [0, 302, 401, 403, 500].includes(answer.statusCode);
    const wrong = state === 'guarded' ? !refused : refused && answer.statusCode !== 302;
    answered += 1;
    if (wrong) complain(`${name}: ${method} ${template} is ${state}, but a stranger gets ${answer.statusCode}`);
    if (state !== 'guarded') continue;
    const made = await within(server.fastify.inject({ method: method === 'ALL' ? 'GET' : method, url: example(template), headers: forged }));
    if (![0, 302, 400, 401, 403, 500].includes(made.statusCode)) {
      complain(`${name}: ${method} ${template} is guarded, but made-up credentials get ${made.statusCode}`);
    }
  }
}
console.log(`= Fastify: ${compared} routes compared, ${answered} requests answered`);
process.exit(failed === 0 ? 0 : 1);
