import { Router } from 'express';
import { database } from '../db/database.js';
import { archiveProduct, saveProduct } from '../services/catalogue.js';
import { salesReport } from '../services/reports.js';
import { banUser, findUser, listUsers } from '../services/users.js';
import { fields, rowId, text } from './input.js';

export const adminRouter = Router();

adminRouter.get('/users', (req, res) => {
  res.json(listUsers(database(req)));
});

adminRouter.get('/users/:id', (req, res) => {
  res.json(findUser(database(req), rowId(req.params.id)));
});

adminRouter.post('/users/:id/ban', (req, res) => {
  res.json(banUser(database(req), rowId(req.params.id)));
});

adminRouter.get('/reports', (req, res) => {
  res.json(salesReport(database(req)));
});

adminRouter.post('/products', (req, res) => {
  res.status(201).json(saveProduct(database(req), parseProduct(req.body)));
});

adminRouter.put('/products/:id', (req, res) => {
  res.json(saveProduct(database(req), parseProduct(req.body), rowId(req.params.id)));
});

adminRouter.delete('/products/:id', (req, res) => {
  archiveProduct(database(req), rowId(req.params.id));
  res.status(204).end();
});

function parseProduct(value: unknown) {
  const body = fields(value);
  return {
    name: text(body.name, 'New product'),
    category: text(body.category, 'other'),
    priceCents: Number(body.priceCents ?? 0),
  };
}
