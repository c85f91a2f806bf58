'use strict';

const QUESTIONS = [
  { question: 'When do you answer?', answer: 'On working days, within four hours.' },
  { question: 'Is there a phone number?', answer: 'There is not.' },
];

/** Tickets in memory, with one to look at. */
function createStore() {
  const tickets = new Map();
  let lastId = 0;

  function open({ subject, requester }) {
    if (typeof subject !== 'string' || subject === '') {
      throw Object.assign(new Error('subject is required'), { status: 400 });
    }
    const ticket = { id: ++lastId, subject, requester: requester || 'guest', status: 'open' };
    tickets.set(ticket.id, ticket);
    return ticket;
  }

  function find(id) {
    const ticket = tickets.get(Number(id));
    if (!ticket) throw Object.assign(new Error('Ticket not found'), { status: 404 });
    return ticket;
  }

  open({ subject: 'The lamp flickers', requester: 'ada@example.com' });

  return {
    open,
    find,
    list: () => [...tickets.values()],
    faq: () => QUESTIONS,
    setStatus: (id, status) => Object.assign(find(id), { status }),
  };
}

module.exports = { createStore };
