import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeResults } from '../src/lab/output/write.ts';
import { sampleResult } from './support/results.ts';

// What runs inside the page is text where it needs the page's globals: they are not known here.
const executablePath = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((candidate) => existsSync(candidate));
const reason = 'no Chromium is installed';

let folder = '';
let browser: Browser | undefined;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'farside-report-'));
  const result = sampleResult({
    computeNodes: [1, 8],
    seeds: [1, 2],
    samples: 500,
    openLoop: true,
  });
  await writeResults(result, { dir: folder, force: false, formats: ['html'] });
  if (executablePath !== undefined) {
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-quic'] });
  }
});

afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Seen {
  readonly page: Page;
  readonly complaints: string[];
  readonly requests: string[];
}

async function open(colorScheme: 'light' | 'dark', width = 1280): Promise<Seen> {
  const page = await browser!.newPage({ colorScheme, viewport: { width, height: 900 } });
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(pathToFileURL(path.join(folder, 'report.html')).href);
  return { page, complaints, requests };
}

describe('the report in a browser', () => {
  test('loads without complaint and without asking for anything else', async (context) => {
    if (browser === undefined) return context.skip(reason);
    const { page, complaints, requests } = await open('light');
    expect(complaints).toEqual([]);
    expect(requests).toHaveLength(1);
    await page.close();
  });

  test('shows every plot with a size and with text that can be read', async (context) => {
    if (browser === undefined) return context.skip(reason);
    const { page } = await open('light');
    await page.locator('details').evaluateAll((all) => {
      for (const details of all) details.setAttribute('open', '');
    });
    const plots = await page.locator('figure svg').evaluateAll((all) =>
      all.map((svg) => {
        const { width, height } = svg.getBoundingClientRect();
        const texts = [...svg.querySelectorAll('text')].map((text) => {
          const box = text.getBoundingClientRect();
          return { content: text.textContent, width: box.width, height: box.height };
        });
        return { label: svg.getAttribute('aria-label'), width, height, texts };
      }),
    );
    expect(plots.length).toBeGreaterThan(20);
    for (const { label, width, height, texts } of plots) {
      expect(width, label!).toBeGreaterThan(300);
      expect(height, label!).toBeGreaterThan(80);
      const visible = texts.filter((text) => text.width > 0 && text.height >= 7);
      expect(visible.map((text) => text.content).join(' '), label!).toContain('clover');
    }
    await page.close();
  });

  test('is dark where the reader wants it, with light text in plots', async (context) => {
    if (browser === undefined) return context.skip(reason);
    const { page } = await open('dark');
    const colors = await page.evaluate(`({
      page: getComputedStyle(document.body).backgroundColor,
      text: getComputedStyle(document.querySelector('figure svg text')).fill,
    })`);
    expect(colors).toEqual({ page: 'rgb(21, 24, 28)', text: 'rgb(232, 234, 237)' });
    await page.close();
  });

  test('does not scroll sideways on a narrow screen', async (context) => {
    if (browser === undefined) return context.skip(reason);
    const { page } = await open('light', 420);
    const overflow = await page.evaluate(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    );
    expect(overflow).toBeLessThanOrEqual(0);
    await page.close();
  });

  test('unfolds everything on paper', async (context) => {
    if (browser === undefined) return context.skip(reason);
    const { page } = await open('light');
    const folded = () => page.locator('details:not([open])').count();
    expect(await folded()).toBeGreaterThan(0);
    await page.evaluate(`dispatchEvent(new Event('beforeprint'))`);
    expect(await folded()).toBe(0);
    await page.close();
  });
});
