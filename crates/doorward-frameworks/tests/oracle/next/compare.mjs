// Builds projects with the real Next.js and compares what it serves with what was discovered.
//
// node compare.mjs VERSION INPUT, where VERSION is a folder beside this file, and INPUT a JSON file with a list of
// { folder, root, routes: [{ method, path, state }] }. Each project is copied to one and the same folder, so that later
// builds find what earlier ones have compiled. The manifests of the build say which paths there are, and the started
// server which methods they answer. A stranger must be refused by what is said to be guarded, whatever they make up, and by
// nothing that is said to be open.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { forged } from '../forged.mjs';

const [, self, version, input] = process.argv;
const asked = JSON.parse(fs.readFileSync(input, 'utf8'));
const home = path.join(path.dirname(fileURLToPath(import.meta.url)), version);
const installed = path.join(home, 'node_modules');
const next = path.join(installed, 'next/dist/bin/next');
// Below the packages, where the bundler looks for its root.
const work = path.join(home, '.work');
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
// Files with names of their own that are no route handlers.
const METADATA = /\/(sitemap\.xml|robots\.txt|favicon\.ico|manifest\.webmanifest|(opengraph|twitter)-image[^/]*|icon[^/]*)$/;

// Keys are made up here, and belong to nobody.
const env = {
  ...process.env,
  NEXT_TELEMETRY_DISABLED: '1',
  CLERK_TELEMETRY_DISABLED: '1',
  NEXT_PUBLIC_CLERK_TELEMETRY_DISABLED: '1',
  NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY: `pk_test_${Buffer.from('clerk.example.test$').toString('base64')}`,
  CLERK_SECRET_KEY: `sk_test_${randomBytes(20).toString('hex')}`,
  CLERK_WEBHOOK_SIGNING_SECRET: `whsec_${randomBytes(24).toString('base64')}`,
  AUTH_SECRET: randomBytes(24).toString('base64'),
  AUTH_TRUST_HOST: 'true',
  CRON_SECRET: randomBytes(12).toString('hex'),
  SESSION_SECRET: randomBytes(12).toString('hex'),
};
delete env.NODE_ENV;

let failed = 0;
const complain = (text) => {
  failed += 1;
  console.log(`! ${text}`);
};

const json = (...parts) => {
  const file = path.join(...parts);
  return fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {};
};

/** Anything may be done with it, and it does nothing. */
function standIn() {
  return new Proxy(function standIn() {}, {
    get: (it, key) => (typeof key === 'symbol' || key in it ? it[key] : key === 'then' ? undefined : standIn()),
    apply: () => standIn(),
    construct: () => standIn(),
  });
}

/** Puts the packages of a project that are not installed next to it. */
function provide(folder, root) {
  const manifest = json(folder, root, 'package.json');
  for (const name of Object.keys(manifest.dependencies ?? {})) {
    if (fs.existsSync(path.join(installed, name))) continue;
    const target = path.join(work, 'node_modules', name);
    const sibling = fs.existsSync(path.join(folder, 'packages'))
      ? fs.readdirSync(path.join(folder, 'packages')).find((it) => json(folder, 'packages', it, 'package.json').name === name)
      : undefined;
    if (sibling) {
      fs.cpSync(path.join(folder, 'packages', sibling), target, { recursive: true });
      continue;
    }
    fs.mkdirSync(target, { recursive: true });
    fs.writeFileSync(path.join(target, 'index.js'), `${standIn}\nmodule.exports = standIn();\n`);
  }
}

/** Copies a project, with a configuration around its own. */
function copy(folder, root) {
  fs.mkdirSync(work, { recursive: true });
  for (const name of fs.readdirSync(work).filter((it) => it !== '.next')) fs.rmSync(path.join(work, name), { recursive: true });
  for (const name of fs.existsSync(path.join(work, '.next')) ? fs.readdirSync(path.join(work, '.next')) : []) {
    if (name !== 'cache') fs.rmSync(path.join(work, '.next', name), { recursive: true });
  }
  fs.rmSync(path.join(work, 'out'), { recursive: true, force: true });
  fs.cpSync(path.join(folder, root), work, { recursive: true });
  provide(folder, root);
  const tsconfig = path.join(work, 'tsconfig.json');
  if (fs.existsSync(tsconfig)) fs.writeFileSync(tsconfig, fs.readFileSync(tsconfig, 'utf8').replace(/^.*"extends".*$/m, ''));
  const own = fs.readdirSync(work).find((it) => it.startsWith('next.config.'));
  const extension = own ? path.extname(own) : '.mjs';
  if (own) fs.renameSync(path.join(work, own), path.join(work, `own.config${extension}`));
  const settings = `typescript: { ignoreBuildErrors: true }, turbopack: { root: ${JSON.stringify(home)} }, transpilePackages: ['@acme/api']`;
  const source = extension === '.ts' ? './own.config' : `./own.config${extension}`;
  const text = own
    ? `import own from '${source}';\nexport default { ...own, ${settings} };\n`
    : `export default { ${settings} };\n`;
  fs.writeFileSync(path.join(work, `next.config${extension === '.ts' ? '.ts' : '.mjs'}`), text);
}

/** The templates of a path that Next.js made, worked out without doorward. */
function templates(page) {
  const optional = /^(.*)\/\[\[\.\.\.([^\]]+)\]\]$/.exec(page);
  if (optional) return [...templates(optional[1] || '/'), ...templates(`${optional[1]}/[...${optional[2]}]`)];
  const segments = page.split('/').filter(Boolean);
  const named = segments.map((it) => it.replace(/^\[\.\.\.([^[\]]+)\]$/, '{*$1}').replace(/^\[([^[\].][^[\]]*)\]$/, '{$1}'));
  return [`/${named.join('/')}`];
}

/** The paths of a build, with what made them. */
function built() {
  const server = path.join(work, '.next/server');
  const { basePath = '', trailingSlash = false } = json(work, '.next/required-server-files.json').config ?? {};
  const all = new Map();
  const add = (page, kind) => {
    for (const it of templates(page)) all.set(`${basePath}${it}`.replace(/(.)\/$/, '$1'), kind);
  };
  const names = json(work, '.next/app-path-routes-manifest.json');
  for (const [file, page] of Object.entries(names)) {
    if (file.endsWith('/route') && !METADATA.test(page)) add(page, 'app');
  }
  for (const page of Object.keys(json(server, 'pages-manifest.json'))) {
    if (/^\/api(\/|$)/.test(page)) add(page, 'pages');
  }
  return { all, trailingSlash };
}

const example = (template) => template.replace(/\{\*[^}]+\}/g, 'zq/8').replace(/\{[^}]+\}/g, '7');

const ask = (port, method, url, headers = {}) =>
  new Promise((done) => {
    const request = http.request({ port, host: 'localhost', method, path: url, headers, timeout: 10_000 }, (answer) => {
      answer.resume();
      done(answer.statusCode);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => done(0));
    request.end();
  });

/** Starts what was built. Under another name than this, Clerk's rewrites lead to a server that isn't there. */
function start() {
  const child = spawn(process.execPath, [next, 'start', '-p', '0', '-H', 'localhost'], { cwd: work, env });
  const ready = new Promise((done, fail) => {
    let text = '';
    const read = (part) => {
      text += part;
      const port = /http:\/\/localhost:(\d+)/.exec(text)?.[1];
      if (port && /Ready/.test(text)) done(Number(port));
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('exit', () => fail(new Error(text)));
    setTimeout(() => fail(new Error(`it does not get ready: ${text}`)), 60_000).unref();
  });
  return { child, ready };
}

let compared = 0;
let answered = 0;

/** Asks the server for every path and method. */
async function askAll(name, routes, { all, trailingSlash }) {
  const { child, ready } = start();
  try {
    const port = await ready;
    for (const [template, kind] of all) {
      const url = `${example(template)}${trailingSlash && !example(template).endsWith('/') ? '/' : ''}`;
      const mine = routes.filter((it) => it.path === template);
      const listed = (method) => mine.find((it) => it.method === method || it.method === 'ALL');
      for (const method of [...METHODS, ...mine.map((it) => it.method).filter((it) => !METHODS.includes(it) && it !== 'ALL')]) {
        const status = await ask(port, method, url);
        answered += 1;
        const refused = [302, 303, 307, 308, 401, 403].includes(status);
        const route = listed(method);
        const shown = `${name}: ${method} ${template}`;
        if (!route) {
          // Whoever is refused on the way does not learn whether there is anything.
          const there = ![0, 404, 405, 501].includes(status) && !refused;
          const none = kind === 'pages' && status === 500;
          if (there && !none) complain(`${shown} was not discovered, and answers ${status}`);
        } else if ([0, 405, 501].includes(status) || (status === 404 && route.state === 'open')) {
          complain(`${shown} was discovered, and answers ${status}`);
        } else if (route.state === 'guarded' ? !refused && status !== 404 && status !== 400 && status !== 500 : route.state === 'open' && refused) {
          complain(`${shown} is ${route.state}, but a stranger gets ${status}`);
        } else if (route.state === 'guarded') {
          const made = await ask(port, method, url, forged);
          if (made < 300) complain(`${shown} is guarded, but made-up credentials get ${made}`);
        }
      }
    }
  } catch (error) {
    complain(`${name}: does not start: ${error.message}`);
  } finally {
    child.kill('SIGKILL');
  }
}

for (const { folder, root, routes } of asked) {
  const name = path.join(path.basename(folder), root);
  const begun = Date.now();
  copy(folder, root);
  try {
    execFileSync(process.execPath, [next, 'build', ...(version === '15' ? ['--turbopack'] : [])], { cwd: work, env, stdio: 'pipe', timeout: 300_000 });
  } catch (error) {
    complain(`${name}: does not build: ${error.stdout}${error.stderr}`);
    continue;
  }
  const found = new Set(routes.map((it) => it.path));
  const real = built();
  for (const it of found) if (!real.all.has(it)) complain(`${name}: ${it} was discovered, but is not there`);
  for (const [it, kind] of real.all) {
    // A file without a default export answers nothing; the build lists it all the same.
    if (!found.has(it) && kind === 'app') complain(`${name}: ${it} is there, but was not discovered`);
  }
  compared += real.all.size;
  const isExported = (json(work, '.next/required-server-files.json').config ?? {}).output === 'export';
  if (!isExported) await askAll(name, routes, real);
  console.log(`= ${name}: ${((Date.now() - begun) / 1000).toFixed(1)} s`);
}
fs.rmSync(work, { recursive: true, force: true });
console.log(`= Next.js ${version}: ${asked.length} projects, ${compared} paths compared, ${answered} requests answered`);
process.exit(failed === 0 && asked.length > 0 && self ? 0 : 1);
