// The running examples: the same files that every other host is tested with.

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
export class TupleLineError extends Error {
  constructor(message, position) {
    super(message);
    this.position = position;
  }
}

/** Reads one tuple a line; gives them with the line of each. Empty lines and `//` comments are skipped. */
export function readTuples(text) {
  const tuples = [];
  const lines = [];
  for (const [index, row] of text.split('\n').entries()) {
    const words = row.trim().split(/\s+/);
    if (words[0] === '' || words[0].startsWith('//')) continue;
    if (words.length !== 3) {
      throw new TupleLineError(`a tuple is three words, and this line has ${words.length}; write \`user:ana writer repo:web\``,
        { file: 'tuples', line: index + 1, column: row.length - row.trimStart().length + 1, symbol: row.trim() });
    }
    const [user, relation, object] = words;
    tuples.push({ user, relation, object });
    lines.push(index + 1);
  }
  return { tuples, lines };
}
