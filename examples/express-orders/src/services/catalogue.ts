import type { Database } from '../db/database.js';
import { invalid, missing } from '../errors.js';

export interface Product {
  id: number;
  name: string;
  category: string;
  priceCents: number;
}

export interface Review {
  id: number;
  author: string;
  stars: number;
  text: string;
}

const COLUMNS = 'id, name, category, price_cents AS priceCents';

export function listProducts(db: Database, category?: string): Product[] {
  const rows = category
    ? db.all(`SELECT ${COLUMNS} FROM products WHERE archived = 0 AND category = ?`, [category])
    : db.all(`SELECT ${COLUMNS} FROM products WHERE archived = 0`);
  return rows as unknown as Product[];
}

export function findProduct(db: Database, id: number): Product {
  const row = db.get(`SELECT ${COLUMNS} FROM products WHERE id = ?`, [id]);
  if (!row) throw missing('Product');
  return row as unknown as Product;
}

export function listCategories(db: Database): string[] {
  const rows = db.all(
    'SELECT DISTINCT category FROM products WHERE archived = 0 ORDER BY category',
  );
  return (rows as unknown as { category: string }[]).map(({ category }) => category);
}

export function saveProduct(db: Database, product: Omit<Product, 'id'>, id?: number): Product {
  if (!product.name) throw invalid('name is required');
  if (!Number.isInteger(product.priceCents) || product.priceCents < 0) {
    throw invalid('priceCents must be a whole number of cents');
  }
  const values = [product.name, product.category, product.priceCents];
  if (id === undefined) {
    const { lastInsertRowid } = db.run(
      'INSERT INTO products (name, category, price_cents) VALUES (?, ?, ?)',
      values,
    );
    return findProduct(db, Number(lastInsertRowid));
  }
  findProduct(db, id);
  db.run('UPDATE products SET name = ?, category = ?, price_cents = ? WHERE id = ?', [
    ...values,
    id,
  ]);
  return findProduct(db, id);
}

/** Old orders still refer to the product, so it is only taken off the shelf. */
export function archiveProduct(db: Database, id: number): void {
  findProduct(db, id);
  db.run('UPDATE products SET archived = 1 WHERE id = ?', [id]);
}

export function listReviews(db: Database, productId: number): Review[] {
  findProduct(db, productId);
  const rows = db.all('SELECT id, author, stars, text FROM reviews WHERE product_id = ?', [
    productId,
  ]);
  return rows as unknown as Review[];
}

export function addReview(db: Database, productId: number, review: Omit<Review, 'id'>): Review {
  findProduct(db, productId);
  if (!Number.isInteger(review.stars) || review.stars < 1 || review.stars > 5) {
    throw invalid('stars must be 1 to 5');
  }
  const { lastInsertRowid } = db.run(
    'INSERT INTO reviews (product_id, author, stars, text) VALUES (?, ?, ?, ?)',
    [productId, review.author, review.stars, review.text],
  );
  return { id: Number(lastInsertRowid), ...review };
}
