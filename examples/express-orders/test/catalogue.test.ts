import assert from 'node:assert/strict';
import { test } from 'node:test';
import { archiveProduct, listProducts, saveProduct } from '../src/services/catalogue.js';
import { seededDatabase, serve } from './helpers.js';

test('anybody may look at the catalogue', async (t) => {
  const get = await serve(t);
  const products = (await (await get('/products')).json()) as { id: number; name: string }[];
  assert.equal(products.length, 6);
  assert.deepEqual(products[0], {
    id: 1,
    name: 'Desk lamp',
    category: 'lighting',
    priceCents: 4900,
  });
  assert.deepEqual(await (await get('/categories')).json(), [
    'furniture',
    'lighting',
    'stationery',
  ]);
  assert.equal((await get('/products/1/reviews')).status, 200);
});

test('products can be filtered by category', async (t) => {
  const get = await serve(t);
  const lamps = (await (await get('/products?category=lighting')).json()) as unknown[];
  assert.equal(lamps.length, 2);
});

test('a product that does not exist is a JSON 404', async (t) => {
  const get = await serve(t);
  const missing = await get('/products/999');
  assert.equal(missing.status, 404);
  assert.deepEqual(await missing.json(), { error: 'Product not found' });
  assert.equal((await get('/products/lamp')).status, 400);
});

test('an unknown route is a JSON 404', async (t) => {
  const get = await serve(t);
  const missing = await get('/nowhere');
  assert.equal(missing.status, 404);
  assert.deepEqual(await missing.json(), { error: 'Route not found' });
});

test('the service is healthy', async (t) => {
  const get = await serve(t);
  assert.deepEqual(await (await get('/health')).json(), { status: 'ok' });
});

test('an archived product is off the shelf', () => {
  const db = seededDatabase();
  archiveProduct(db, 1);
  assert.ok(!listProducts(db).some(({ id }) => id === 1));
});

test('a price is a whole number of cents', () => {
  const db = seededDatabase();
  const product = { name: 'Ruler', category: 'stationery', priceCents: 250 };
  assert.equal(saveProduct(db, product).priceCents, 250);
  assert.throws(() => saveProduct(db, { ...product, priceCents: 2.5 }), /whole number/);
});
