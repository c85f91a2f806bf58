import 'dotenv/config';
import { clerkMiddleware, getAuth, requireAuth } from '@clerk/express';
import express from 'express';
import { notesRouter } from './routes/notes.js';
import { teamsRouter } from './routes/teams.js';

const app = express();

app.use(express.json());
app.use(clerkMiddleware());

app.get('/', (req, res) => {
  res.json({ name: 'notes' });
});

app.get('/me', requireAuth(), (req, res) => {
  const { userId, orgId } = getAuth(req);
  res.json({ userId, orgId });
});

app.use('/notes', requireAuth({ signInUrl: '/sign-in' }), notesRouter);
app.use('/teams', teamsRouter);

app.listen(process.env.PORT || 3000);
