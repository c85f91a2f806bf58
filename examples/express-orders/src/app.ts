import cors from 'cors';
import express, { type Express } from 'express';
import type { Database } from './db/database.js';
import { errorHandler, notFound } from './errors.js';
import {
  adminRouter,
  catalogueRouter,
  healthRouter,
  ordersRouter,
  orgsRouter,
  webhooksRouter,
} from './routes/index.js';

export function createApp(db: Database): Express {
  const app = express();
  app.disable('x-powered-by');
  app.locals.db = db;

  app.use(cors());
  app.use(express.json());

  app.use('/health', healthRouter);
  app.use(catalogueRouter);
  app.use('/orders', ordersRouter);
  app.use('/orgs', orgsRouter);
  app.use('/admin', adminRouter);
  app.use('/webhooks', webhooksRouter);

  app.use(notFound);
  app.use(errorHandler);

  return app;
}
