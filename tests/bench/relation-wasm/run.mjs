// Builds the module and measures it in Node: nanoseconds of processor time at an answer, median of 11 samples.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const here = new URL('.', import.meta.url);
const target = new URL('../../../target/bench-wasm/', here).pathname;
execFileSync('cargo', ['build', '--release', '--quiet', '--target', 'wasm32-unknown-unknown', '--target-dir', target], {
  cwd: here,
  stdio: 'inherit',
});
const bytes = readFileSync(`${target}wasm32-unknown-unknown/release/bench_relation_wasm.wasm`);
const { instance } = await WebAssembly.instantiate(bytes, {});
const { build, ask, run } = instance.exports;

const QUESTIONS = 20_000;
const sample = (kind) => {
  const before = process.cpuUsage();
  for (let i = 0; i < 5; i++) run(kind);
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / (5 * QUESTIONS);
};
const measure = (kind) => {
  ask(kind, QUESTIONS);
  for (let i = 0; i < 5; i++) run(kind); // until the optimising compiler is done with it
  const samples = Array.from({ length: 11 }, () => sample(kind)).sort((a, b) => a - b);
  const round = Math.round;
  return { median: round(samples[5]), min: round(samples[0]), max: round(samples[10]) };
};
for (const documents of [435, 43_500, 435_000]) {
  const tuples = build(documents);
  const [direct, three_hops, denied] = [0, 1, 2].map(measure);
  console.log(JSON.stringify({ tuples, direct, three_hops, denied }));
}
const tuples = build(0);
console.log(JSON.stringify({ tuples, ten_deep: measure(4) }));
