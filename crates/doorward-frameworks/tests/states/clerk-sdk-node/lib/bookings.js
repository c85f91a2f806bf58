const express = require('express');
const { clerkClient } = require('@clerk/clerk-sdk-node');

const router = express.Router();
const bookings = [];

router.get('/', (req, res) => {
  res.json(bookings.filter((booking) => booking.userId === req.auth.userId));
});

router.post('/', async (req, res, next) => {
  try {
    const user = await clerkClient.users.getUser(req.auth.userId);
    const booking = { id: bookings.length + 1, userId: user.id, room: req.body.room };
    bookings.push(booking);
    res.status(201).json(booking);
  } catch (err) {
    next(err);
  }
});

router.delete('/:id', (req, res) => {
  if (req.auth.claims.org_role !== 'admin') return res.sendStatus(403);
  bookings.splice(Number(req.params.id) - 1, 1);
  res.sendStatus(204);
});

module.exports = router;
module.exports.count = () => bookings.length;
