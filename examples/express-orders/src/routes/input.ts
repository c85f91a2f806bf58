import { invalid } from '../errors.js';

/** A path parameter that numbers a row. */
export function rowId(value: unknown): number {
  const id = Number(value);
  if (!Number.isSafeInteger(id) || id < 1) throw invalid('id must be a positive number');
  return id;
}

/** The fields of a JSON body; none if there is no body. */
export function fields(body: unknown): Record<string, unknown> {
  if (body === undefined || body === null) return {};
  if (typeof body !== 'object' || Array.isArray(body)) throw invalid('body must be a JSON object');
  return body as Record<string, unknown>;
}

export function text(value: unknown, fallback = ''): string {
  return typeof value === 'string' ? value : fallback;
}
