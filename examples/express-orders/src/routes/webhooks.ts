import { Router } from 'express';
import { database } from '../db/database.js';
import { invalid } from '../errors.js';
import { applyEvent, type ClerkEvent } from '../services/users.js';
import { fields } from './input.js';

export const webhooksRouter = Router();

webhooksRouter.post('/clerk', (req, res) => {
  applyEvent(database(req), parseEvent(req.body));
  res.status(204).end();
});

function parseEvent(value: unknown): ClerkEvent {
  const { type, data } = fields(value);
  if (typeof type !== 'string' || typeof fields(data).id !== 'string') {
    throw invalid('not a Clerk event');
  }
  return { type, data: data as ClerkEvent['data'] };
}
