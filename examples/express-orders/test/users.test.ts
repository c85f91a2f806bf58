import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyEvent, banUser, listUsers } from '../src/services/users.js';
import { seededDatabase } from './helpers.js';

const lin = {
  id: 'user_lin',
  first_name: 'Lin',
  last_name: null,
  email_addresses: [{ email_address: 'lin@example.com' }],
};

test('users are kept as Clerk reports them', () => {
  const db = seededDatabase();
  applyEvent(db, { type: 'user.created', data: lin });
  applyEvent(db, { type: 'user.updated', data: { ...lin, first_name: 'Linnea' } });
  const user = listUsers(db).find(({ clerkId }) => clerkId === 'user_lin');
  assert.deepEqual([user?.name, user?.email], ['Linnea', 'lin@example.com']);
});

test('a late update does not bring back a deleted user', () => {
  const db = seededDatabase();
  applyEvent(db, { type: 'user.created', data: lin });
  applyEvent(db, { type: 'user.deleted', data: { id: 'user_lin' } });
  applyEvent(db, { type: 'user.updated', data: lin });
  assert.ok(!listUsers(db).some(({ clerkId }) => clerkId === 'user_lin'));
});

test('events about other things are left alone', () => {
  const db = seededDatabase();
  applyEvent(db, { type: 'session.created', data: { id: 'sess_1' } });
  assert.equal(listUsers(db).length, 2);
});

test('a ban is kept', () => {
  const db = seededDatabase();
  assert.equal(banUser(db, 1).banned, 1);
});
