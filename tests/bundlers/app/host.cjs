// A program on a server that says `require`.

const { readFileSync } = require('node:fs');
const { createGuard } = require('actfor');

const { files, kinds } = JSON.parse(readFileSync('vectors.json', 'utf8'));
import('./vectors.mjs').then(({ run }) => run(createGuard, files, kinds))
  .then((report) => console.log(JSON.stringify(report)));
