// Chromium with an empty profile, and the page in it. Everything that must not happen is written down.

import { chromium } from 'playwright-core';

const ARGUMENTS = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--no-first-run'];

/** Where the page is served, and the browser to see it with. */
export const { ACTFOR_PAGE: address, ACTFOR_CHROMIUM: executablePath } = process.env;
if (!address || !executablePath) throw new Error('run this by: cargo xtask test browser');

/** Starts a browser. */
export const launch = () => chromium.launch({ executablePath, args: ARGUMENTS });

/** Opens the page; `troubles` lists console errors, policy violations and requests to other origins. */
export async function openPage({ browser, hash = '', ...options } = {}) {
  const own = browser ?? await launch();
  const context = await own.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  const troubles = [];
  const requests = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) troubles.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => troubles.push(`uncaught: ${error.message}`));
  page.on('requestfailed', (request) => troubles.push(`failed: ${request.url()}`));
  page.on('response', (response) => {
    if (!response.ok()) troubles.push(`${response.status()}: ${response.url()}`);
  });
  context.on('request', (request) => {
    requests.push(request.url());
    if (!request.url().startsWith(address) && !request.url().startsWith('data:')) troubles.push(`off the origin: ${request.url()}`);
  });
  await page.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener('securitypolicyviolation', (event) => {
      globalThis.violations.push(`${event.violatedDirective}: ${event.blockedURI}`);
    });
  });
  await page.goto(address + (hash && `#${hash}`));
  await page.waitForSelector('main[aria-busy="false"]');
  const close = async () => {
    await context.close();
    if (browser === undefined) await own.close();
  };
  return { page, troubles, requests, close };
}
