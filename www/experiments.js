// Edits of the rules and tuples that are worth trying.

/** Each changes one place of one text, and says which request to look at then. */
export const EXPERIMENTS = [
  { title: 'Let offline agents push', editor: 'rules', from: 'allow delegated interactive  to push', to: 'allow delegated              to push', look: 'offline-2' },
  { title: 'Take the right to write from ana', editor: 'tuples', from: /^user:ana +writer +repo:web\n/m, to: '', look: 'interactive-1' },
  { title: 'Let test-runner push', editor: 'rules', from: 'agent test-runner  at most read on repo', to: 'agent test-runner  at most read, push on repo', look: 'transitive-3' },
  { title: 'Forget whose record it is', editor: 'rules', from: 'on salary_record personal employee', to: 'on salary_record', look: 'automated-2' },
  { title: 'Make a spelling mistake', editor: 'rules', from: 'needs writer', to: 'needs writter', look: null },
];
