// An Express service behind actfor:   npm install actfor express && node express.mjs

import { readFileSync } from 'node:fs';
import express from 'express';
import { createGuard } from 'actfor';
import { actfor } from 'actfor/express';

const guard = createGuard(readFileSync('actfor.json', 'utf8'));
const app = express();

app.use(actfor(guard)); // before body parsers; what is refused is answered here

app.get('/healthz', (req, res) => { res.send('ok'); });

app.get('/repos/:repo/readme', (req, res) => {
  const { user, agent } = req.actfor.who ?? {};
  res.send(`${req.params.repo}: hello ${user?.sub}, helped by ${agent?.sub ?? 'nobody'}\n`);
});

app.post('/repos/:repo/notes', (req, res) => {
  res.status(201).json({ repo: req.params.repo, text: req.body.text, by: req.actfor.who?.agent.sub });
});

const server = app.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`listening on http://127.0.0.1:${address.port}`);
});
