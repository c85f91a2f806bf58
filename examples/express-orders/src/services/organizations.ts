import type { Database } from '../db/database.js';
import { HttpError, invalid, missing } from '../errors.js';

export interface Organization {
  id: string;
  creditCents: number;
}

export interface Member {
  id: number;
  email: string;
  role: string;
}

export interface Invoice {
  id: number;
  amountCents: number;
  refundedCents: number;
  issuedAt: string;
}

const INVOICE =
  'id, amount_cents AS amountCents, refunded_cents AS refundedCents, issued_at AS issuedAt';

/** Organizations are made elsewhere; the first time we hear of one, it gets its account and a set-up invoice. */
export function openAccount(db: Database, orgId: string): Organization {
  const { changes } = db.run('INSERT OR IGNORE INTO organizations (id) VALUES (?)', [orgId]);
  if (changes > 0) {
    addMember(db, orgId, { email: 'billing@example.com', role: 'admin' });
    issueInvoice(db, orgId, 9900);
  }
  const row = db.get('SELECT id, credit_cents AS creditCents FROM organizations WHERE id = ?', [
    orgId,
  ]);
  return row as unknown as Organization;
}

export function listMembers(db: Database, orgId: string): Member[] {
  openAccount(db, orgId);
  const rows = db.all('SELECT id, email, role FROM members WHERE org_id = ? ORDER BY id', [orgId]);
  return rows as unknown as Member[];
}

export function addMember(db: Database, orgId: string, member: Omit<Member, 'id'>): Member {
  if (!member.email.includes('@')) throw invalid('email is not an address');
  const id = nextId(db, 'members', orgId);
  db.run('INSERT INTO members (org_id, id, email, role) VALUES (?, ?, ?, ?)', [
    orgId,
    id,
    member.email,
    member.role,
  ]);
  return { id, ...member };
}

export function removeMember(db: Database, orgId: string, id: number): void {
  openAccount(db, orgId);
  db.run('DELETE FROM members WHERE org_id = ? AND id = ?', [orgId, id]);
}

export function listInvoices(db: Database, orgId: string): Invoice[] {
  openAccount(db, orgId);
  const rows = db.all(`SELECT ${INVOICE} FROM invoices WHERE org_id = ? ORDER BY id`, [orgId]);
  return rows as unknown as Invoice[];
}

export function findInvoice(db: Database, orgId: string, id: number): Invoice {
  openAccount(db, orgId);
  const row = db.get(`SELECT ${INVOICE} FROM invoices WHERE org_id = ? AND id = ?`, [orgId, id]);
  if (!row) throw missing('Invoice');
  return row as unknown as Invoice;
}

export function issueInvoice(db: Database, orgId: string, amountCents: number): Invoice {
  const id = nextId(db, 'invoices', orgId);
  db.run('INSERT INTO invoices (org_id, id, amount_cents, issued_at) VALUES (?, ?, ?, ?)', [
    orgId,
    id,
    amountCents,
    new Date().toISOString(),
  ]);
  return findInvoice(db, orgId, id);
}

/** Refunds a part of an invoice, or what is left of it. */
export function refundInvoice(
  db: Database,
  orgId: string,
  id: number,
  amountCents?: number,
): Invoice {
  const invoice = findInvoice(db, orgId, id);
  const left = invoice.amountCents - invoice.refundedCents;
  const refund = amountCents ?? left;
  if (!Number.isInteger(refund) || refund < 0) throw invalid('amountCents must be a whole number');
  if (refund > left) throw new HttpError(409, `only ${left} cents are left to refund`);
  db.run('UPDATE invoices SET refunded_cents = refunded_cents + ? WHERE org_id = ? AND id = ?', [
    refund,
    orgId,
    id,
  ]);
  db.run('UPDATE organizations SET credit_cents = credit_cents + ? WHERE id = ?', [refund, orgId]);
  return findInvoice(db, orgId, id);
}

function nextId(db: Database, table: 'members' | 'invoices', orgId: string): number {
  const row = db.get(`SELECT COALESCE(MAX(id), 0) + 1 AS next FROM ${table} WHERE org_id = ?`, [
    orgId,
  ]);
  return Number((row as unknown as { next: number }).next);
}
