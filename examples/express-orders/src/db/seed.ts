import { createOrder } from '../services/orders.js';
import type { Database } from './database.js';

const PRODUCTS = [
  { name: 'Desk lamp', category: 'lighting', priceCents: 4900 },
  { name: 'Floor lamp', category: 'lighting', priceCents: 12900 },
  { name: 'Oak desk', category: 'furniture', priceCents: 54900 },
  { name: 'Office chair', category: 'furniture', priceCents: 32900 },
  { name: 'Notebook, dotted', category: 'stationery', priceCents: 790 },
  { name: 'Fountain pen', category: 'stationery', priceCents: 5400 },
];

/** Fills an empty database, so that there is something to look at. */
export function seed(db: Database): void {
  if (db.get('SELECT id FROM products LIMIT 1')) return;

  for (const { name, category, priceCents } of PRODUCTS) {
    db.run('INSERT INTO products (name, category, price_cents) VALUES (?, ?, ?)', [
      name,
      category,
      priceCents,
    ]);
  }
  db.run('INSERT INTO reviews (product_id, author, stars, text) VALUES (?, ?, ?, ?)', [
    1,
    'Ada',
    5,
    'Bright, quiet, does not wobble.',
  ]);
  for (const name of ['Ada', 'Grace']) {
    db.run('INSERT INTO users (clerk_id, email, name) VALUES (?, ?, ?)', [
      `user_seed_${name.toLowerCase()}`,
      `${name.toLowerCase()}@example.com`,
      name,
    ]);
  }
  createOrder(db, { customer: 'ada@example.com', lines: [{ productId: 1, quantity: 2 }] });
  createOrder(db, { customer: 'grace@example.com', lines: [{ productId: 3, quantity: 1 }] });
}
