import { Router } from 'express';
import { database } from '../db/database.js';
import { invalid } from '../errors.js';
import {
  cancelOrder,
  changeNote,
  createOrder,
  findOrder,
  listOrders,
  payOrder,
} from '../services/orders.js';
import { fields, rowId, text } from './input.js';

export const ordersRouter = Router();

ordersRouter.get('/', (req, res) => {
  const { customer } = req.query;
  res.json(listOrders(database(req), typeof customer === 'string' ? customer : undefined));
});

ordersRouter.post('/', (req, res) => {
  const body = fields(req.body);
  const order = createOrder(database(req), {
    customer: text(body.customer, 'guest'),
    lines: parseLines(body.lines ?? [{ productId: 1, quantity: 1 }]),
    ...(typeof body.note === 'string' && { note: body.note }),
  });
  res.status(201).location(`/orders/${order.id}`).json(order);
});

ordersRouter.get('/:id', (req, res) => {
  res.json(findOrder(database(req), rowId(req.params.id)));
});

ordersRouter.patch('/:id', (req, res) => {
  const { note } = fields(req.body);
  res.json(changeNote(database(req), rowId(req.params.id), text(note)));
});

ordersRouter.delete('/:id', (req, res) => {
  cancelOrder(database(req), rowId(req.params.id));
  res.status(204).end();
});

ordersRouter.post('/:id/pay', (req, res) => {
  res.json(payOrder(database(req), rowId(req.params.id)));
});

function parseLines(value: unknown): { productId: number; quantity: number }[] {
  if (!Array.isArray(value)) throw invalid('lines must be a list');
  return value.map((line: unknown) => {
    const { productId, quantity } = fields(line);
    return { productId: rowId(productId), quantity: Number(quantity ?? 1) };
  });
}
