import { Router } from 'express';
import { database } from '../db/database.js';

export const healthRouter = Router();

healthRouter.get('/', (req, res) => {
  database(req).get('SELECT 1');
  res.json({ status: 'ok' });
});
