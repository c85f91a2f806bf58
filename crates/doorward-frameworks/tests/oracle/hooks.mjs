// `express` is the Express under test; every other package is a stand-in with the names that are asked for.
import fs from 'node:fs';
import { isBuiltin } from 'node:module';
import { fileURLToPath } from 'node:url';

export async function resolve(specifier, context, next) {
  const bare = !specifier.startsWith('.') && !specifier.startsWith('/') && !specifier.startsWith('file:');
  if (!bare || isBuiltin(specifier) || !context.parentURL?.includes('/fixtures/')) {
    try {
      return await next(specifier, context);
    } catch (error) {
      if (!context.parentURL?.includes('/fixtures/')) throw error;
    }
  }
  const source = fs.readFileSync(fileURLToPath(context.parentURL), 'utf8');
  const names = new Set();
  for (const [, list, from] of source.matchAll(/import[^;]*?\{([^}]*)\}\s*from\s*'([^']+)'/g)) {
    if (from === specifier) list.split(',').forEach((it) => names.add(it.trim().split(/\s+as\s+/)[0]));
  }
  names.delete('');
  names.delete('default');
  const url = `stand-in:${encodeURIComponent(JSON.stringify([specifier, [...names]]))}`;
  return { url, shortCircuit: true };
}

export async function load(url, context, next) {
  if (!url.startsWith('stand-in:')) return next(url, context);
  const [specifier, names] = JSON.parse(decodeURIComponent(url.slice('stand-in:'.length)));
  const value = specifier === 'express' ? '__doorwardExpress' : '__doorwardStandIn';
  const lines = [`const it = globalThis.${value};`, 'export default it;'];
  for (const name of names) lines.push(`export const ${name} = it.${name};`);
  return { format: 'module', shortCircuit: true, source: lines.join('\n') };
}
