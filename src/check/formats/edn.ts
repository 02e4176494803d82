import { FarsideError } from '../../core/errors.ts';

/**
 * A reader of EDN, as much of it as histories are written in: nil, booleans, numbers, strings, keywords,
 * symbols, lists, vectors, sets and maps; tags are passed over, comments and discarded forms too.
 */
export type Edn = null | boolean | number | string | Keyword | readonly Edn[] | EdnMap;

/** `:name`, and symbols, which histories do not tell apart from it. */
export class Keyword {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** By the text of the key: `process` for `:process`. */
export interface EdnMap {
  readonly entries: ReadonlyMap<string, Edn>;
  /** Where it begins. */
  readonly line: number;
}

export function isMap(value: Edn): value is EdnMap {
  return typeof value === 'object' && value !== null && 'entries' in value && 'line' in value;
}

export function isList(value: Edn): value is readonly Edn[] {
  return Array.isArray(value);
}

/** As it would be written; for messages and for keys that are no strings. */
export function ednText(value: Edn): string {
  if (value === null) return 'nil';
  if (typeof value !== 'object') return JSON.stringify(value);
  if (value instanceof Keyword) return `:${value.name}`;
  if (isList(value)) return `[${value.map(ednText).join(' ')}]`;
  if (!isMap(value)) return String(value);
  return `{${[...value.entries].map(([key, held]) => `:${key} ${ednText(held)}`).join(', ')}}`;
}

/** Deeper than any history is nested. */
const depthMax = 64;
const closers: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };
const atomEnd = /[\s,()[\]{}";]/;

export class EdnReader {
  line = 1;
  readonly #text: string;
  readonly #file: string;
  #at = 0;
  #depth = 0;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  /** The next form, or undefined at the end of the text. */
  next(): Edn | undefined {
    this.#skip();
    return this.#at >= this.#text.length ? undefined : this.#form();
  }

  /** FARSIDE_INPUT, naming file and line. */
  fail(message: string, line = this.line): never {
    throw new FarsideError('FARSIDE_INPUT', `${this.#file}:${line}: ${message}`);
  }

  /** Passes over white space, commas, comments and discarded forms. */
  #skip(): void {
    for (; this.#at < this.#text.length; this.#at++) {
      const c = this.#text[this.#at] as string;
      if (c === '\n') this.line++;
      else if (c === ';') this.#at = this.#lineEnd() - 1;
      else if (c === '#' && this.#text[this.#at + 1] === '_') {
        this.#at += 2;
        this.#needForm();
        this.#at--;
      } else if (c !== ',' && c.trim() !== '') return;
    }
  }

  #lineEnd(): number {
    const end = this.#text.indexOf('\n', this.#at);
    return end < 0 ? this.#text.length : end;
  }

  #needForm(): Edn {
    const form = this.next();
    return form === undefined ? this.fail('ends in the middle of a form') : form;
  }

  #form(): Edn {
    const c = this.#text[this.#at] as string;
    if (c === '"') return this.#string();
    if (c === '#') return this.#tagged();
    const closer = closers[c];
    if (closer === undefined) return this.#atom();
    const { line } = this;
    this.#at++;
    const items = this.#items(closer, line);
    return c === '{' ? this.#map(items, line) : items;
  }

  #items(closer: string, opened: number): Edn[] {
    if (++this.#depth > depthMax) this.fail(`nested more than ${depthMax} deep`);
    const items: Edn[] = [];
    for (;;) {
      this.#skip();
      const c = this.#text[this.#at];
      if (c === undefined) this.fail(`ends before the ${closer} of what line ${opened} opened`);
      if (c === closer) break;
      if (c === ')' || c === ']' || c === '}') this.fail(`got ${c}, expected ${closer}`);
      items.push(this.#form());
    }
    this.#at++;
    this.#depth--;
    return items;
  }

  #map(items: readonly Edn[], line: number): EdnMap {
    if (items.length % 2 !== 0) this.fail('a map with a key and no value', line);
    const entries = new Map<string, Edn>();
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i] as Edn;
      entries.set(key instanceof Keyword ? key.name : ednText(key), items[i + 1] as Edn);
    }
    return { entries, line };
  }

  /** `#jepsen.history.Op{…}` is its map; `#{…}` is a list. */
  #tagged(): Edn {
    this.#at++;
    if (this.#text[this.#at] === '{') {
      this.#at++;
      return this.#items('}', this.line);
    }
    this.#word();
    return this.#needForm();
  }

  #string(): string {
    const { line } = this;
    const start = this.#at;
    for (this.#at++; this.#text[this.#at] !== '"'; this.#at++) {
      const c = this.#text[this.#at];
      if (c === undefined) this.fail('a string that does not end', line);
      if (c === '\n') this.line++;
      if (c === '\\') this.#at++;
    }
    this.#at++;
    const written = this.#text.slice(start, this.#at).replaceAll('\n', '\\n');
    try {
      return JSON.parse(written) as string;
    } catch {
      return this.fail(`${written} is no string`, line);
    }
  }

  #atom(): Edn {
    const word = this.#word();
    if (word === '') this.fail(`got ${this.#text[this.#at]}, expected a form`);
    if (word === 'nil') return null;
    if (word === 'true' || word === 'false') return word === 'true';
    if (word.startsWith(':')) return new Keyword(word.slice(1));
    if (!/^[-+]?\d/.test(word)) return new Keyword(word);
    const number = Number(word.replace(/[NM]$/, ''));
    return Number.isNaN(number) ? this.fail(`${word} is no number`) : number;
  }

  #word(): string {
    const start = this.#at;
    while (this.#at < this.#text.length && !atomEnd.test(this.#text[this.#at] as string))
      this.#at++;
    return this.#text.slice(start, this.#at);
  }
}
