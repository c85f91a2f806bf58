import type { Database } from '../db/database.js';
import { missing } from '../errors.js';

export interface User {
  id: number;
  clerkId: string;
  email: string | null;
  name: string | null;
  banned: number;
}

/** What Clerk tells us about users. */
export interface ClerkEvent {
  type: string;
  data: {
    id: string;
    first_name?: string | null;
    last_name?: string | null;
    email_addresses?: { email_address: string }[];
  };
}

const COLUMNS = 'id, clerk_id AS clerkId, email, name, banned';

export function listUsers(db: Database): User[] {
  const rows = db.all(`SELECT ${COLUMNS} FROM users WHERE deleted = 0 ORDER BY id`);
  return rows as unknown as User[];
}

export function findUser(db: Database, id: number): User {
  const row = db.get(`SELECT ${COLUMNS} FROM users WHERE id = ?`, [id]);
  if (!row) throw missing('User');
  return row as unknown as User;
}

export function banUser(db: Database, id: number): User {
  findUser(db, id);
  db.run('UPDATE users SET banned = 1 WHERE id = ?', [id]);
  return findUser(db, id);
}

/** Keeps our copy of Clerk's users. Events may come late, twice and out of order. */
export function applyEvent(db: Database, { type, data }: ClerkEvent): void {
  if (type === 'user.deleted') {
    db.run('UPDATE users SET deleted = 1, email = NULL, name = NULL WHERE clerk_id = ?', [data.id]);
    return;
  }
  if (type !== 'user.created' && type !== 'user.updated') return;
  const email = data.email_addresses?.[0]?.email_address ?? null;
  const name = [data.first_name, data.last_name].filter(Boolean).join(' ') || null;
  db.run(
    `INSERT INTO users (clerk_id, email, name) VALUES (?, ?, ?)
     ON CONFLICT (clerk_id) DO UPDATE SET email = excluded.email, name = excluded.name
     WHERE deleted = 0`,
    [data.id, email, name],
  );
}
