// Compiled, never run: what the policy's names let a guard say.

import { clerkMiddleware, getAuth } from '@clerk/express';
import express from 'express';
import {
  authErrors,
  caller,
  clerkOptions,
  crossOrigin,
  guard,
  maybeCaller,
  rawBody,
  type Caller,
  type Demand,
} from './doorward/index.js';

const app = express();
app.use(crossOrigin);
app.use('/webhooks/clerk', rawBody);
app.use(clerkMiddleware(clerkOptions));
app.use(express.json());

app.get('/a', guard('signed-in'), (req, res) => {
  const who: Caller = caller(req);
  res.json({
    who: who.userId,
    org: who.orgId,
    iss: who.claims.iss,
    admin: who.has({ role: 'org:admin' }),
    sdk: getAuth(req).userId,
  });
});
app.get('/b', guard('optional'), (req, res) => {
  res.json({ who: maybeCaller(req)?.userId ?? null });
});
app.post('/webhooks/clerk', guard('webhook'), (_req, res) => {
  res.sendStatus(204);
});
app.get(
  '/c/:orgId',
  guard({ permission: 'org:billing:manage', bind: { orgId: 'org_id' }, hide: true }),
  (_req, res) => {
    res.end();
  },
);
app.use('/d', guard({ any: [{ role: 'org:admin' }, { all: [{ feature: 'o:reports' }, { plan: 'o:pro' }] }] }));
app.use('/e', guard({ signedIn: true, bind: { id: 'user_id' } }));
app.use(authErrors);

// @ts-expect-error a misspelt permission
guard({ permission: 'org:billing:mange' });
// @ts-expect-error a misspelt role
guard({ role: 'org:amdin' });
// @ts-expect-error a claim that cannot own anything
guard({ signedIn: true, bind: { id: 'email' } });
// @ts-expect-error nothing asked
guard({});
// @ts-expect-error only a binding
guard({ bind: { orgId: 'org_id' } });
// @ts-expect-error `all` of nothing would admit everybody
guard({ all: [] });
// @ts-expect-error an unknown word
guard('signed_in');
// @ts-expect-error `public` is the absence of a guard
const demand: Demand = 'public';
void demand;
