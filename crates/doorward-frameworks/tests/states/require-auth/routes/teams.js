import { requireAuth } from '@clerk/express';
import { Router } from 'express';

export const teamsRouter = Router();

// Reading is open by mistake; only writing asks who is there.
teamsRouter.get('/:teamId', (req, res) => {
  res.json({ id: req.params.teamId, seats: 3 });
});

teamsRouter.post('/:teamId/invitations', requireAuth(), (req, res) => {
  res.status(202).json({ invited: req.body.email });
});

teamsRouter.delete('/:teamId', (req, res) => {
  // `req.auth` is a function, so this is always true.
  if (req.auth) return res.sendStatus(204);
  res.sendStatus(401);
});
