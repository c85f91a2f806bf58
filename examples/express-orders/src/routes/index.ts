export { adminRouter } from './admin.js';
export { catalogueRouter } from './catalogue.js';
export { healthRouter } from './health.js';
export { ordersRouter } from './orders.js';
export { orgsRouter } from './orgs.js';
export { webhooksRouter } from './webhooks.js';
