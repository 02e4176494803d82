import { type ErrorCode, FarsideError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';

/** One property of a workload: what a file or `-p name=value` may say. */
export interface PropertySpec {
  readonly name: string;
  readonly type: 'integer' | 'number' | 'boolean' | 'choice' | 'text';
  readonly choices?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  /** As it would be written; undefined where it depends on others or there is none. */
  readonly default?: string;
  readonly summary: string;
  /** Accepted because files carry it, and without effect: the summary says why. */
  readonly inert?: true;
}

/** Where a value was written, for messages, and which code its error has. */
export interface PropertyOrigin {
  readonly where: string;
  readonly code: ErrorCode;
}

/**
 * Properties with where each came from: a file's line, or the command line over it. The generators
 * take a plain record; origins only make messages better.
 */
export interface PropertySet {
  readonly values: Readonly<Record<string, string>>;
  origin?(name: string): PropertyOrigin;
  /** The text of a file that a property names; absent in a page. */
  readFile?(name: string): string;
}

const unknownOrigin: PropertyOrigin = { where: 'property', code: 'FARSIDE_USAGE' };

/** Reads properties by their declarations and collects warnings about those that do nothing. */
export class PropertyReader {
  readonly warnings: string[] = [];
  readonly #specs: ReadonlyMap<string, PropertySpec>;
  readonly #set: PropertySet;

  constructor(specs: readonly PropertySpec[], set: PropertySet) {
    this.#specs = new Map(specs.map((spec) => [spec.name, spec]));
    this.#set = set;
    for (const name of Object.keys(set.values)) this.#warnAbout(name);
  }

  has(name: string): boolean {
    return this.#set.values[name] !== undefined;
  }

  integer(name: string): number {
    return this.#numeric(name, /^[+-]?\d+$/, 'an integer');
  }

  number(name: string): number {
    return this.#numeric(name, /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i, 'a number');
  }

  flag(name: string): boolean {
    const text = this.text(name).toLowerCase();
    if (text === 'true' || text === 'false') return text === 'true';
    return this.fail(name, 'true or false');
  }

  choice<T extends string>(name: string): T {
    const text = this.text(name);
    const choices = this.#spec(name).choices ?? [];
    if (choices.includes(text)) return text as T;
    return this.fail(name, `one of ${choices.join(', ')}`, didYouMean(text, choices));
  }

  text(name: string): string {
    const text = this.#set.values[name]?.trim() ?? this.#spec(name).default;
    if (text !== undefined) return text;
    return this.fail(name, 'a value');
  }

  /** Throws what is wrong with a property, where it was written, and what was expected instead. */
  fail(name: string, expected: string, hint = ''): never {
    const { where, code } = this.#origin(name);
    const value = this.#set.values[name];
    const got = value === undefined ? 'is missing' : `= ${JSON.stringify(value)}`;
    throw new FarsideError(code, `${where}: ${name} ${got}: expected ${expected}${hint}`);
  }

  #numeric(name: string, pattern: RegExp, expected: string): number {
    const text = this.text(name);
    const { minimum, maximum } = this.#spec(name);
    const value = Number(text);
    if (
      !pattern.test(text) ||
      !(value >= (minimum ?? Number.NEGATIVE_INFINITY)) ||
      !(value <= (maximum ?? Number.MAX_SAFE_INTEGER))
    ) {
      this.fail(name, expected + range(minimum, maximum));
    }
    return value;
  }

  #spec(name: string): PropertySpec {
    const spec = this.#specs.get(name);
    if (spec !== undefined) return spec;
    throw new FarsideError('FARSIDE_INTERNAL', `property ${name} is not declared`);
  }

  #origin(name: string): PropertyOrigin {
    return this.#set.origin?.(name) ?? unknownOrigin;
  }

  #warnAbout(name: string): void {
    const spec = this.#specs.get(name);
    const { where } = this.#origin(name);
    if (spec === undefined) {
      const hint = didYouMean(name, this.#specs.keys());
      this.warnings.push(`${where}: ${name} is no property of this workload, ignored${hint}`);
    } else if (spec.inert === true) {
      this.warnings.push(`${where}: ${name} has no effect: ${spec.summary}`);
    }
  }
}

function range(minimum: number | undefined, maximum: number | undefined): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return ` of at least ${minimum}`;
  return maximum === undefined ? '' : ` of at most ${maximum}`;
}
