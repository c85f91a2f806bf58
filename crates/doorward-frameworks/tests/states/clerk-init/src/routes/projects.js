import { Router } from 'express';

const projects = new Map([[1, { id: 1, name: 'Website' }]]);

const router = Router();

router.get('/', (req, res) => {
  res.json([...projects.values()]);
});

router.post('/', (req, res) => {
  const project = { id: projects.size + 1, name: req.body.name };
  projects.set(project.id, project);
  res.status(201).json(project);
});

router.get('/:id', (req, res) => {
  const project = projects.get(Number(req.params.id));
  if (!project) return res.sendStatus(404);
  res.json(project);
});

router.delete('/:id', (req, res) => {
  projects.delete(Number(req.params.id));
  res.sendStatus(204);
});

export default router;
