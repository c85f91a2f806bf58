// What the policy file says, for the runtime next to it. Written by doorward; `doorward apply` rewrites it.

export const policy = {
  env: {
    publishableKey: 'CLERK_PUBLISHABLE_KEY',
    secretKey: 'CLERK_SECRET_KEY',
    jwtKey: 'CLERK_JWT_KEY',
    webhookSecret: 'CLERK_WEBHOOK_SIGNING_SECRET',
  },
  authorizedParties: ['http://localhost:5173'],
  cors: { origins: ['http://localhost:5173'], credentials: false },
};
