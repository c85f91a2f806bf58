import assert from 'node:assert/strict';
import { test } from 'node:test';
import { saveProduct } from '../src/services/catalogue.js';
import {
  cancelOrder,
  createOrder,
  findOrder,
  listOrders,
  payOrder,
  total,
} from '../src/services/orders.js';
import { seededDatabase } from './helpers.js';

const lines = [
  { productId: 1, quantity: 2 },
  { productId: 5, quantity: 10 },
];

test('an order adds up', () => {
  const order = createOrder(seededDatabase(), { customer: 'lin@example.com', lines });
  assert.equal(order.totalCents, 2 * 4900 + 10 * 790);
  assert.equal(order.status, 'open');
  assert.equal(total([]), 0);
});

test('later prices do not touch an order', () => {
  const db = seededDatabase();
  const { id } = createOrder(db, { customer: 'lin@example.com', lines });
  saveProduct(db, { name: 'Desk lamp', category: 'lighting', priceCents: 1 }, 1);
  assert.equal(findOrder(db, id).totalCents, 2 * 4900 + 10 * 790);
});

test('an order with a bad line leaves nothing behind', () => {
  const db = seededDatabase();
  const before = listOrders(db).length;
  const bad = [...lines, { productId: 1, quantity: 0 }];
  assert.throws(() => createOrder(db, { customer: 'lin@example.com', lines: bad }), /quantity/);
  assert.equal(listOrders(db).length, before);
});

test('a cancelled order stays, and cannot be paid', () => {
  const db = seededDatabase();
  cancelOrder(db, 1);
  assert.equal(findOrder(db, 1).status, 'cancelled');
  assert.throws(() => payOrder(db, 1), /cancelled/);
  assert.equal(payOrder(db, 2).status, 'paid');
});

test('orders are found by customer', () => {
  const db = seededDatabase();
  assert.deepEqual(
    listOrders(db, 'ada@example.com').map(({ id }) => id),
    [1],
  );
});
