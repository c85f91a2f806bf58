'use strict';

const { Router } = require('express');

const router = Router();

router.get('/', (req, res) => {
  res.json(req.app.locals.store.list());
});

router.post('/', (req, res) => {
  const { subject = 'No subject', requester } = req.body || {};
  res.status(201).json(req.app.locals.store.open({ subject, requester }));
});

router.get('/:id', (req, res) => {
  res.json(req.app.locals.store.find(req.params.id));
});

router.patch('/:id', (req, res) => {
  const { status = 'open' } = req.body || {};
  res.json(req.app.locals.store.setStatus(req.params.id, status));
});

router.delete('/:id', (req, res) => {
  req.app.locals.store.setStatus(req.params.id, 'deleted');
  res.status(204).end();
});

module.exports = router;
