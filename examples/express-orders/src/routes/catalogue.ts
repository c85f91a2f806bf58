import { Router } from 'express';
import { database } from '../db/database.js';
import {
  addReview,
  findProduct,
  listCategories,
  listProducts,
  listReviews,
} from '../services/catalogue.js';
import { fields, rowId, text } from './input.js';

export const catalogueRouter = Router();

catalogueRouter.get('/products', (req, res) => {
  const { category } = req.query;
  res.json(listProducts(database(req), typeof category === 'string' ? category : undefined));
});

catalogueRouter.get('/products/:id', (req, res) => {
  res.json(findProduct(database(req), rowId(req.params.id)));
});

catalogueRouter.get('/categories', (req, res) => {
  res.json(listCategories(database(req)));
});

catalogueRouter
  .route('/products/:id/reviews')
  .get((req, res) => {
    res.json(listReviews(database(req), rowId(req.params.id)));
  })
  .post((req, res) => {
    const body = fields(req.body);
    const review = addReview(database(req), rowId(req.params.id), {
      author: text(body.author, 'Anonymous'),
      stars: Number(body.stars ?? 5),
      text: text(body.text),
    });
    res.status(201).json(review);
  });
