// Compiled, never run: what the policy's names let a guard say.

import { clerkMiddleware, getAuth } from '@clerk/express';
import express, { type Request, type RequestHandler, type Response } from 'express';
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

// Behind a guard a handler is typed as it was without one.
interface Params {
  orgId: string;
}
const listInvoices: RequestHandler<Params, unknown, { amount: number }, { page?: string }> = (req, res) => {
  res.json([caller(req).userId, req.params.orgId, req.body.amount, req.query.page]);
};
const router = express.Router({ mergeParams: true });
router.get('/invoices', guard('signed-in'), listInvoices);
router.get('/members', guard('signed-in'), (req: Request<Params>, res: Response) => {
  const orgId: string = req.params.orgId;
  res.json(orgId);
});
router
  .route('/:id')
  .get(guard('optional'), (req, res) => {
    const id: string = req.params.id;
    res.json(id);
  })
  .post(guard('signed-in'), async (req, res) => {
    // @ts-expect-error there is no such parameter
    const id: string = req.params.ib;
    res.json(await Promise.resolve(id));
  });
const handlers: RequestHandler[] = [guard('signed-in')];
app.use('/f', guard('signed-in'), router, ...handlers);

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
