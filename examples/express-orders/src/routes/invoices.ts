import { Router, type Request } from 'express';
import { database } from '../db/database.js';
import { findInvoice, listInvoices, refundInvoice } from '../services/organizations.js';
import { fields, rowId } from './input.js';

interface InvoiceParams {
  orgId: string;
  id: string;
}

/** Mounted below `/orgs/:orgId`. */
export const invoicesRouter = Router({ mergeParams: true });

invoicesRouter.get('/', (req: Request<Pick<InvoiceParams, 'orgId'>>, res) => {
  res.json(listInvoices(database(req), req.params.orgId));
});

invoicesRouter.get('/:id', (req: Request<InvoiceParams>, res) => {
  res.json(findInvoice(database(req), req.params.orgId, rowId(req.params.id)));
});

invoicesRouter.post('/:id/refund', (req: Request<InvoiceParams>, res) => {
  const { amountCents } = fields(req.body);
  const amount = amountCents === undefined ? undefined : Number(amountCents);
  res.json(refundInvoice(database(req), req.params.orgId, rowId(req.params.id), amount));
});
