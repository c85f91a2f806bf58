import { transaction, type Database } from '../db/database.js';
import { HttpError, invalid, missing } from '../errors.js';
import { findProduct } from './catalogue.js';

export type OrderStatus = 'open' | 'paid' | 'cancelled';

export interface OrderLine {
  productId: number;
  quantity: number;
  priceCents: number;
}

export interface Order {
  id: number;
  customer: string;
  status: OrderStatus;
  note: string | null;
  createdAt: string;
  lines: OrderLine[];
  totalCents: number;
}

export interface NewOrder {
  customer: string;
  lines: { productId: number; quantity: number }[];
  note?: string;
}

const COLUMNS = 'id, customer, status, note, created_at AS createdAt';

export function listOrders(db: Database, customer?: string): Order[] {
  const rows = customer
    ? db.all(`SELECT ${COLUMNS} FROM orders WHERE customer = ? ORDER BY id`, [customer])
    : db.all(`SELECT ${COLUMNS} FROM orders ORDER BY id`);
  return (rows as unknown as Order[]).map((order) => withLines(db, order));
}

export function findOrder(db: Database, id: number): Order {
  const row = db.get(`SELECT ${COLUMNS} FROM orders WHERE id = ?`, [id]);
  if (!row) throw missing('Order');
  return withLines(db, row as unknown as Order);
}

export function createOrder(db: Database, order: NewOrder): Order {
  if (!order.customer) throw invalid('customer is required');
  if (order.lines.length === 0) throw invalid('an order needs at least one line');
  return transaction(db, () => {
    const { lastInsertRowid } = db.run(
      'INSERT INTO orders (customer, status, note, created_at) VALUES (?, ?, ?, ?)',
      [order.customer, 'open', order.note ?? null, new Date().toISOString()],
    );
    const id = Number(lastInsertRowid);
    for (const { productId, quantity } of order.lines) {
      if (!Number.isInteger(quantity) || quantity < 1) throw invalid('quantity must be at least 1');
      // The price of the day: later changes must not touch orders that were placed.
      const { priceCents } = findProduct(db, productId);
      db.run(
        'INSERT INTO order_lines (order_id, product_id, quantity, price_cents) VALUES (?, ?, ?, ?)',
        [id, productId, quantity, priceCents],
      );
    }
    return findOrder(db, id);
  });
}

export function changeNote(db: Database, id: number, note: string): Order {
  findOrder(db, id);
  db.run('UPDATE orders SET note = ? WHERE id = ?', [note, id]);
  return findOrder(db, id);
}

export function payOrder(db: Database, id: number): Order {
  const order = findOrder(db, id);
  if (order.status === 'cancelled') throw new HttpError(409, 'a cancelled order cannot be paid');
  db.run('UPDATE orders SET status = ? WHERE id = ?', ['paid', id]);
  return findOrder(db, id);
}

/** Cancelled orders stay in the books. */
export function cancelOrder(db: Database, id: number): void {
  findOrder(db, id);
  db.run('UPDATE orders SET status = ? WHERE id = ?', ['cancelled', id]);
}

function withLines(db: Database, order: Order): Order {
  const rows = db.all(
    'SELECT product_id AS productId, quantity, price_cents AS priceCents FROM order_lines WHERE order_id = ?',
    [order.id],
  );
  const lines = rows as unknown as OrderLine[];
  return { ...order, lines, totalCents: total(lines) };
}

export function total(lines: Pick<OrderLine, 'quantity' | 'priceCents'>[]): number {
  return lines.reduce((sum, { quantity, priceCents }) => sum + quantity * priceCents, 0);
}
