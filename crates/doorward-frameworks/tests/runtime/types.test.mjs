import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import ts from 'typescript';
import { render, source } from './build.mjs';
import { here, scratch } from './lab.mjs';

const STRICTEST = {
  target: 'ES2022',
  lib: ['ES2022'],
  types: ['node'],
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  noImplicitReturns: true,
  noFallthroughCasesInSwitch: true,
  noPropertyAccessFromIndexSignature: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  isolatedModules: true,
  erasableSyntaxOnly: true,
  declaration: true,
  noEmit: true,
  skipLibCheck: true,
  typeRoots: [`${here}node_modules/@types`],
};

const express4 = { paths: { express: [`${here}node_modules/@types/express4`] } };
const esm = { module: 'NodeNext', verbatimModuleSyntax: true };

const projects = [
  { name: 'ESM, Express 5', type: 'module', options: esm },
  { name: 'ESM, Express 4', type: 'module', options: { ...esm, ...express4 } },
  { name: 'CommonJS, Express 5', type: 'commonjs', options: { module: 'NodeNext' } },
  {
    name: 'CommonJS, Express 4',
    type: 'commonjs',
    options: {
      target: 'ES2020',
      lib: ['ES2020'],
      module: 'CommonJS',
      esModuleInterop: true,
      moduleResolution: 'Node10',
      ...express4,
    },
  },
  { name: 'a bundler', type: 'module', options: { module: 'ESNext', moduleResolution: 'Bundler' } },
];

for (const { name, type, options } of projects) {
  test(`the TypeScript compiles under the strictest options: ${name}`, () => {
    const folder = `${scratch}types-${process.pid}/`;
    after(() => rmSync(folder, { recursive: true, force: true }));
    mkdirSync(`${folder}doorward`, { recursive: true });
    for (const file of ['index.ts', 'policy.ts']) copyFileSync(source + file, `${folder}doorward/${file}`);
    copyFileSync(`${here}types/demands.ts`, `${folder}demands.ts`);
    writeFileSync(`${folder}package.json`, JSON.stringify({ type }));
    const { options: parsed, errors } = ts.convertCompilerOptionsFromJson({ ...STRICTEST, ...options }, folder);
    const program = ts.createProgram([`${folder}demands.ts`], parsed);
    const diagnostics = [...errors, ...ts.getPreEmitDiagnostics(program)];
    assert.equal(
      ts.formatDiagnostics(diagnostics, {
        getCanonicalFileName: String,
        getCurrentDirectory: () => folder,
        getNewLine: () => '\n',
      }),
      '',
    );
  });
}

test('the JavaScript forms are those that the TypeScript gives', async () => {
  for (const [path, text] of Object.entries(await render()))
    assert.equal(readFileSync(source + path, 'utf8'), text, `${path}: npm run build`);
});

test('the policy is imported on one line, which doorward rewrites', () => {
  const lines = readFileSync(`${source}index.ts`, 'utf8').match(/^import .* from '\.\/policy\.js';$/gm);
  assert.equal(lines?.length, 1);
});
