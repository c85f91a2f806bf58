import { createApp } from './app.js';
import { openDatabase } from './db/database.js';
import { seed } from './db/seed.js';

const port = Number(process.env.PORT ?? 3000);

const db = openDatabase(process.env.DATABASE_FILE);
seed(db);

const server = createApp(db).listen(port, () => {
  console.log(`express-orders listens on http://localhost:${port}`);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    server.close(() => {
      db.close();
      process.exit(0);
    });
    server.closeAllConnections();
  });
}
