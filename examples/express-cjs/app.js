'use strict';

const cors = require('cors');
const express = require('express');
const reports = require('./routes/reports');
const tickets = require('./routes/tickets');

function createApp(store) {
  const app = express();
  app.locals.store = store;

  app.use(cors());
  app.use(express.json());

  app.get('/health', (req, res) => {
    res.json({ status: 'ok' });
  });

  app.get('/faq', (req, res) => {
    res.json(store.faq());
  });

  app.use('/tickets', tickets);
  app.use('/reports', reports);

  app.use((req, res) => {
    res.status(404).json({ error: 'Route not found' });
  });

  app.use((error, req, res, next) => {
    if (res.headersSent) return next(error);
    const status = error.status || 500;
    if (status >= 500) console.error(error);
    res.status(status).json({ error: status < 500 ? error.message : 'Internal server error' });
  });

  return app;
}

module.exports = { createApp };
