// The running examples as the page in Chromium decides them: one JSON object a line.

import { openPage } from './chromium.mjs';

const { page, close } = await openPage();
try {
  const rows = await page.evaluate(async () => {
    const at = (name) => new URL(name, location.href).href;
    const { createGuard } = await import(at('actfor/entry/browser.js'));
    const { configuration, loadFixtures, readTuples } = await import(at('fixtures.js'));
    const { config, cases, sources } = await loadFixtures();
    const { tuples } = readTuples(sources.tuples);
    return cases.map(({ id, now, request, changes }) => {
      const guard = createGuard(configuration(config, { ...sources, tuples }, changes.removed));
      const document = guard.decide(request, { id, now: now ?? 0 }).toString();
      guard.dispose();
      return { id, document };
    });
  });
  for (const row of rows) console.log(JSON.stringify(row));
} finally {
  await close();
}
