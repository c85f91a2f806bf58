// What somebody sends who makes credentials up: a token that is well formed, says what one would like to hear, and was
// signed by nobody.
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const token = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: '1', id: 1, role: 'admin', exp: 4102444800 })}.forged`;

export const forged = {
  authorization: `Bearer ${token}`,
  cookie: `session=${token}; token=${token}`,
  'x-api-key': 'forged',
  'x-token': token,
};
