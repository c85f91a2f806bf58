// Judges documents with tools that know nothing of doorward.
//
//   node check.mjs sarif FILE…      against the JSON Schema of SARIF 2.1.0
//   node check.mjs openapi FILE…    against the JSON Schema of OpenAPI 3.1, and its references
//
// A line for each file that is wrong; ends with 1 if there is one.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parse } from 'yaml';
import { Validator } from '@seriousme/openapi-schema-validator';

const [kind, ...files] = process.argv.slice(2);
const require = createRequire(import.meta.url);

function sarif() {
  const Ajv = require('ajv');
  const path = new URL('node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json', import.meta.url);
  const schema = JSON.parse(readFileSync(path, 'utf8'));
  const ajv = new Ajv({ schemaId: 'auto', allErrors: true });
  ajv.addMetaSchema(require('ajv/lib/refs/json-schema-draft-04.json'));
  const validate = ajv.compile(schema);
  return (text) => (validate(JSON.parse(text)) ? [] : validate.errors);
}

// Whether a schema's own types allow a value; what is no schema has none.
function allows(schema, value) {
  const kinds = [schema.type].flat().filter((it) => typeof it === 'string');
  const kind = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  return kinds.length === 0 || kinds.includes(kind) || (kinds.includes('integer') && Number.isInteger(value));
}

// What its schema can't say: defaults are allowed, references lead somewhere, ids are unique, and every hole of a path is declared.
function beyond(document) {
  const wrong = [];
  const ids = new Set();
  const walk = (value, at) => {
    if (Array.isArray(value)) value.forEach((it, index) => walk(it, `${at}/${index}`));
    else if (value && typeof value === 'object') {
      if (typeof value.$ref === 'string') {
        let target = document;
        for (const part of value.$ref.slice(2).split('/')) target = target?.[part.replaceAll('~1', '/').replaceAll('~0', '~')];
        if (!value.$ref.startsWith('#/') || target === undefined) wrong.push(`${at}: ${value.$ref} leads nowhere`);
      }
      if ('default' in value && !allows(value, value.default)) wrong.push(`${at}: its default is none of its type`);
      for (const [key, inner] of Object.entries(value)) walk(inner, `${at}/${key}`);
    }
  };
  walk(document, '#');
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    const holes = [...path.matchAll(/\{([^}]+)\}/g)].map((it) => it[1]);
    for (const method of ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']) {
      const operation = item[method];
      if (!operation) continue;
      if (ids.has(operation.operationId)) wrong.push(`${path}: ${operation.operationId} is used twice`);
      ids.add(operation.operationId);
      const names = (operation.parameters ?? []).map((it) => `${it.in} ${it.name}`);
      if (new Set(names).size !== names.length) wrong.push(`${method} ${path}: a parameter is declared twice`);
      const declared = (operation.parameters ?? []).filter((it) => it.in === 'path').map((it) => it.name);
      if (holes.sort().join() !== declared.sort().join()) wrong.push(`${method} ${path}: declares ${declared}, has ${holes}`);
    }
  }
  return wrong;
}

const validator = new Validator();

async function openapi(text) {
  const document = parse(text);
  const result = await validator.validate(structuredClone(document));
  return [...(result.valid ? [] : [result.errors]), ...beyond(document)];
}

const judge = kind === 'sarif' ? sarif() : openapi;
for (const file of files) {
  const wrong = await judge(readFileSync(file, 'utf8'));
  if (wrong.length > 0) {
    console.log(`${file}: ${JSON.stringify(wrong).slice(0, 1500)}`);
    process.exitCode = 1;
  }
}
