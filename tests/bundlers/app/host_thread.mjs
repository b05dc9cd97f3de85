// A program on a server that decides in a thread of its own.

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { readFileSync } from 'node:fs';
import { createGuard } from 'actfor';
import { run } from './vectors.mjs';

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { workerData: JSON.parse(readFileSync('vectors.json', 'utf8')) });
  worker.once('message', (report) => console.log(JSON.stringify(report)));
} else {
  parentPort.postMessage(await run(createGuard, workerData.files, workerData.kinds));
}
