'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { createApp } = require('../app');
const { createStore } = require('../store');

test('a ticket is opened, found and closed', () => {
  const store = createStore();
  const { id } = store.open({ subject: 'No light' });
  assert.equal(store.find(id).status, 'open');
  assert.equal(store.setStatus(id, 'closed').status, 'closed');
  assert.equal(store.list().length, 2);
});

test('a ticket needs a subject', () => {
  assert.throws(() => createStore().open({ subject: '' }), /subject/);
});

test('anybody may read the questions and answers', async (t) => {
  const server = createApp(createStore()).listen(0);
  t.after(() => server.close());
  const url = `http://127.0.0.1:${server.address().port}`;
  assert.equal((await (await fetch(`${url}/faq`)).json()).length, 2);
  assert.deepEqual(await (await fetch(`${url}/health`)).json(), { status: 'ok' });
  assert.equal((await fetch(`${url}/nowhere`)).status, 404);
});
