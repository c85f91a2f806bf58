'use strict';

const { createApp } = require('./app');
const { createStore } = require('./store');

const port = process.env.PORT || 3000;

createApp(createStore()).listen(port, () => {
  console.log(`express-cjs listens on http://localhost:${port}`);
});
