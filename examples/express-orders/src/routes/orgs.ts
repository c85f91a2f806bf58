import { Router } from 'express';
import { database } from '../db/database.js';
import { addMember, listMembers, openAccount, removeMember } from '../services/organizations.js';
import { fields, rowId, text } from './input.js';
import { invoicesRouter } from './invoices.js';

export const orgsRouter = Router();

orgsRouter.get('/:orgId', (req, res) => {
  res.json(openAccount(database(req), req.params.orgId));
});

orgsRouter.get('/:orgId/members', (req, res) => {
  res.json(listMembers(database(req), req.params.orgId));
});

orgsRouter.post('/:orgId/members', (req, res) => {
  const { orgId } = req.params;
  const body = fields(req.body);
  openAccount(database(req), orgId);
  const member = addMember(database(req), orgId, {
    email: text(body.email, 'new@example.com'),
    role: text(body.role, 'member'),
  });
  res.status(201).json(member);
});

orgsRouter.delete('/:orgId/members/:memberId', (req, res) => {
  removeMember(database(req), req.params.orgId, rowId(req.params.memberId));
  res.status(204).end();
});

orgsRouter.use('/:orgId/invoices', invoicesRouter);
