'use strict';

const express = require('express');

const router = express.Router();

router.get('/weekly', (req, res) => {
  const tickets = req.app.locals.store.list();
  const open = tickets.filter((ticket) => ticket.status === 'open');
  res.json({ tickets: tickets.length, open: open.length });
});

module.exports = router;
