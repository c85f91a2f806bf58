import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addMember,
  findInvoice,
  issueInvoice,
  listInvoices,
  listMembers,
  openAccount,
  refundInvoice,
  removeMember,
} from '../src/services/organizations.js';
import { salesReport } from '../src/services/reports.js';
import { seededDatabase } from './helpers.js';

test('an organization has an invoice as soon as it is known', () => {
  const db = seededDatabase();
  assert.equal(findInvoice(db, 'org_acme', 1).amountCents, 9900);
  assert.equal(listInvoices(db, 'org_acme').length, 1);
});

test('invoices are numbered within their organization', () => {
  const db = seededDatabase();
  openAccount(db, 'org_acme');
  openAccount(db, 'org_other');
  assert.equal(issueInvoice(db, 'org_acme', 100).id, 2);
  assert.throws(() => findInvoice(db, 'org_other', 2), /Invoice not found/);
});

test('a refund gives back what is left, once', () => {
  const db = seededDatabase();
  assert.equal(refundInvoice(db, 'org_acme', 1, 900).refundedCents, 900);
  assert.equal(refundInvoice(db, 'org_acme', 1).refundedCents, 9900);
  assert.throws(() => refundInvoice(db, 'org_acme', 1, 1), /only 0 cents/);
  assert.equal(openAccount(db, 'org_acme').creditCents, 9900);
  assert.equal(salesReport(db).refundedCents, 9900);
});

test('members come and go', () => {
  const db = seededDatabase();
  openAccount(db, 'org_acme');
  const { id } = addMember(db, 'org_acme', { email: 'lin@example.com', role: 'member' });
  assert.equal(listMembers(db, 'org_acme').length, 2);
  removeMember(db, 'org_acme', id);
  assert.equal(listMembers(db, 'org_acme').length, 1);
  assert.throws(() => addMember(db, 'org_acme', { email: 'lin', role: 'member' }), /address/);
});
