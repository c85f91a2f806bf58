const { ClerkExpressRequireAuth, ClerkExpressWithAuth } = require('@clerk/clerk-sdk-node');
const cors = require('cors');
const express = require('express');
const bookings = require('./lib/bookings');

const app = express();

app.use(cors({ origin: true, credentials: true }));
app.use(express.json());

app.get('/rooms', ClerkExpressWithAuth(), (req, res) => {
  res.json({ rooms: ['blue', 'green'], signedIn: Boolean(req.auth.userId) });
});

app.use('/bookings', ClerkExpressRequireAuth(), bookings);

app.get('/stats', (req, res) => {
  res.json({ bookings: bookings.count() });
});

app.use((err, req, res, next) => {
  console.error(err.stack);
  res.status(401).send('Unauthenticated!');
});

app.listen(process.env.PORT || 3000);
