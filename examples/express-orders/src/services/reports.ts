import type { Database } from '../db/database.js';

export interface SalesReport {
  orders: number;
  revenueCents: number;
  refundedCents: number;
  bestSellers: { productId: number; name: string; sold: number }[];
}

export function salesReport(db: Database): SalesReport {
  const revenue = db.get(
    `SELECT COUNT(DISTINCT orders.id) AS orders, COALESCE(SUM(quantity * price_cents), 0) AS cents
     FROM orders JOIN order_lines ON order_id = orders.id WHERE status = 'paid'`,
  ) as unknown as { orders: number; cents: number };
  const refunds = db.get(
    'SELECT COALESCE(SUM(refunded_cents), 0) AS cents FROM invoices',
  ) as unknown as { cents: number };
  const bestSellers = db.all(
    `SELECT products.id AS productId, name, SUM(quantity) AS sold
     FROM order_lines JOIN products ON products.id = product_id
     GROUP BY products.id ORDER BY sold DESC LIMIT 5`,
  ) as unknown as SalesReport['bestSellers'];
  return {
    orders: revenue.orders,
    revenueCents: revenue.cents,
    refundedCents: refunds.cents,
    bestSellers,
  };
}
