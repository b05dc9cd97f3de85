// The running examples: the same files that every other host is tested with.

import { ActforError } from './actfor/entry/browser.js';

/** Fetches everything from beside this script. */
export async function loadFixtures() {
  const text = async (name) => {
    const response = await fetch(new URL(`./fixtures/${name}`, import.meta.url));
    if (!response.ok) throw new Error(`${name}: ${response.status} ${response.statusText}`);
    return response.text();
  };
  const [config, cases, tokens, tuples, rules, model] = await Promise.all(
    ['config.json', 'cases.json', 'tokens.json', 'tuples.json', 'acme.actfor', 'acme.fga'].map(text),
  );
  return {
    config: JSON.parse(config), cases: JSON.parse(cases), tokens: JSON.parse(tokens),
    sources: { rules, model, tuples: writeTuples(JSON.parse(tuples)) },
  };
}

/** The configuration document for these sources, without the tuples that a case takes away. */
export function configuration(config, { rules, model, tuples }, removed) {
  const gone = new Set(removed.map(line));
  return {
    ...config, policy: rules, files: { 'acme.fga': model },
    tuples: tuples.filter((tuple) => !gone.has(line(tuple))),
  };
}

const line = ({ user, relation, object }) => `${user} ${relation} ${object}`;

/** One tuple a line, in columns. */
function writeTuples(tuples) {
  const width = (member) => Math.max(...tuples.map((tuple) => tuple[member].length));
  const [user, relation] = [width('user'), width('relation')];
  return tuples.map((tuple) => `${tuple.user.padEnd(user)}  ${tuple.relation.padEnd(relation)}  ${tuple.object}\n`).join('');
}

/** A line of tuples that is not three words. */
class TupleLineError extends Error {
  constructor(message, position) {
    super(message);
    this.position = position;
  }
}

/** Reads one tuple a line. Empty lines and `//` comments are skipped. */
export function readTuples(text) {
  return rowsOf(text).map(({ row, words, line }) => {
    if (words.length !== 3) {
      const column = row.length - row.trimStart().length + 1;
      throw new TupleLineError(`a tuple is three words, and this line has ${words.length}; write \`user:ana writer repo:web\``,
        { file: 'tuples', line, column, symbol: row.trim() });
    }
    const [user, relation, object] = words;
    return { user, relation, object };
  });
}

function rowsOf(text) {
  return text.split('\n').map((row, index) => ({ row, words: row.trim().split(/\s+/), line: index + 1 }))
    .filter(({ words }) => words[0] !== '' && !words[0].startsWith('//'));
}

/** An error of the sources as `{ message, position }`, or `null` where it is none of theirs. */
export function toMistake(error, tuples) {
  if (error instanceof TupleLineError) return error;
  if (!(error instanceof ActforError)) return null;
  const { message, position } = error;
  if (position?.file !== 'tuples') return { message, position };
  // The core counts tuples, a person counts lines.
  return { message, position: { ...position, line: rowsOf(tuples)[position.line - 1]?.line ?? 1 } };
}
