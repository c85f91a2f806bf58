// Makes the JavaScript forms of the Express runtime from its TypeScript: `npm run build`.
//
// TypeScript strips the types and would also strip the blank lines, and its CommonJS is made for machines; both
// files are read by people, so blank lines are carried through and the imports are rewritten by hand.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import ts from 'typescript';

export const source = fileURLToPath(new URL('../../src/runtime/express/', import.meta.url));

const PRETTIER = { parser: 'babel', singleQuote: true, printWidth: 120 };
const BLANK = '//blank';

/** The generated files, by their path inside the runtime's folder. */
export async function render() {
  const files = {};
  for (const name of ['index', 'policy']) {
    const text = readFileSync(`${source}${name}.ts`, 'utf8');
    const esm = await format(stripTypes(text), PRETTIER);
    files[`esm/${name}.js`] = esm;
    files[`cjs/${name}.js`] = await format(toCommonJs(esm), PRETTIER);
  }
  return files;
}

function stripTypes(text) {
  const marked = text.replace(/\n(?=\n)/g, `\n${BLANK}`);
  const { outputText } = ts.transpileModule(marked, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
  });
  // Comments about types lose what they describe, so a run of blank lines may remain; prettier joins them.
  return outputText
    .replaceAll(new RegExp(`^\\s*${BLANK}$`, 'gm'), '')
    .replace(', type Feature, type Permission, type Plan, type Role', '');
}

function toCommonJs(esm) {
  const names = [...esm.matchAll(/^export (?:const|function|async function) (\w+)/gm)].map(([, name]) => name);
  const body = esm
    .replace(/^import (\{[^}]+\}) from ('[^']+');$/gm, 'const $1 = require($2);')
    .replace(/^export (?=const|function|async function)/gm, '');
  if (/^(?:import|export) /m.test(body)) throw new Error('an import or export was not understood');
  return `'use strict';\n\n${body}\nmodule.exports = { ${names.join(', ')} };\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of Object.entries(await render())) {
    mkdirSync(dirname(source + path), { recursive: true });
    writeFileSync(source + path, text);
  }
}
