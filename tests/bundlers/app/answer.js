// What every page and worker answers: what the vectors gave here.

import { run } from './vectors.mjs';

export async function answer(createGuard) {
  const { files, kinds } = await (await fetch('/vectors.json')).json();
  return run(createGuard, files, kinds);
}
