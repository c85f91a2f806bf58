import { clerkMiddleware } from '@clerk/express';
import cors from 'cors';
import express from 'express';
import projects from './routes/projects.js';

const app = express();
app.use(clerkMiddleware());

app.use(cors());
app.use(express.json());

app.get('/health', (req, res) => {
  res.json({ ok: true });
});

app.use('/api/projects', projects);

app.get('/api/settings', (req, res) => {
  res.json({ theme: 'dark', seats: 5 });
});

app.listen(process.env.PORT ?? 3000);
