// A page that decides in a web worker.

const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
globalThis.report = await new Promise((resolve, reject) => {
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(message));
});
