import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { createApp } from '../src/app.js';
import { openDatabase, type Database } from '../src/db/database.js';
import { seed } from '../src/db/seed.js';

export function seededDatabase(): Database {
  const db = openDatabase();
  seed(db);
  return db;
}

/** Serves the app for one test; the result fetches from it. */
export async function serve(t: TestContext, db = seededDatabase()) {
  const server = createApp(db).listen(0);
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init);
}
