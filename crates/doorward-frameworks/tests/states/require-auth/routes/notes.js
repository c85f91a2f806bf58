import { getAuth } from '@clerk/express';
import { Router } from 'express';

const notes = [{ id: 1, owner: 'user_seed', text: 'Buy ink' }];

export const notesRouter = Router();

notesRouter.get('/', (req, res) => {
  const { userId } = getAuth(req);
  res.json(notes.filter((note) => note.owner === userId));
});

notesRouter.post('/', (req, res) => {
  const note = { id: notes.length + 1, owner: req.auth().userId, text: req.body.text };
  notes.push(note);
  res.status(201).json(note);
});
