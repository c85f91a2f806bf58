import type { ErrorRequestHandler, RequestHandler } from 'express';

/** An error whose message the client may read. */
export class HttpError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export function missing(what: string): HttpError {
  return new HttpError(404, `${what} not found`);
}

export function invalid(message: string): HttpError {
  return new HttpError(400, message);
}

export const notFound: RequestHandler = (_req, _res, next) => {
  next(missing('Route'));
};

export const errorHandler: ErrorRequestHandler = (error: unknown, _req, res, next) => {
  if (res.headersSent) {
    next(error);
    return;
  }
  const status = statusOf(error);
  if (status >= 500) console.error(error);
  const message = status < 500 && error instanceof Error ? error.message : 'Internal server error';
  res.status(status).json({ error: message });
};

function statusOf(error: unknown): number {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500;
}
