import {
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
  visit,
} from 'yaml';
import { oneLine, usageError } from './setting.ts';

/** An experiment file is written by hand: anything larger is not one. */
const characterCountMax = 1 << 20;

export type Path = readonly PropertyKey[];

/** One YAML document, and where everything in it stands. */
export interface SourceDocument {
  readonly value: unknown;
  /** `exp.yaml:4:11` of the value at `path`; of the deepest part of the path that exists. */
  at(path: Path): string;
  /** The same of a key of the mapping at `path`. */
  atKey(path: Path, key: string): string;
}

/** Syntax errors that are told: in a file that is no YAML at all, each line is one. */
const problemsMax = 3;

/** Parses one YAML document; the first syntax errors are reported together, each with its place. */
export function readDocument(text: string, file: string): SourceDocument {
  if (text.length > characterCountMax) {
    throw usageError([`${file}: ${text.length} characters; an experiment has at most 1 Mi`]);
  }
  const lineCounter = new LineCounter();
  const place = (offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const document = parseDocument(text, {
    lineCounter,
    prettyErrors: false,
    stringKeys: true,
    logLevel: 'error',
  });
  const problems = document.errors.map(
    (error) => `${place(error.pos[0])}: ${syntaxMessage(error)}`,
  );
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document) !== undefined) return;
      problems.push(
        `${place(alias.range?.[0] ?? 0)}: not YAML: nothing is called &${alias.source}`,
      );
    },
  });
  if (problems.length > 0) throw usageError(firstOf(problems));
  const value = toPlain(() => document.toJS({ maxAliasCount: 100 }), file);
  const root = document.contents;
  const offsetOf = (node: Node | null | undefined) => node?.range?.[0] ?? 0;
  const resolve = (node: unknown): ParsedNode | null => {
    if (isAlias(node)) return (node.resolve(document) ?? null) as ParsedNode | null;
    return node as ParsedNode | null;
  };
  const find = (path: Path): Node | null => {
    let node: Node | null = root;
    for (const step of path) {
      const inside = resolve(node);
      if (!isCollection(inside)) break;
      const child = inside.get(typeof step === 'number' ? step : String(step), true);
      if (child === undefined || child === null) break;
      node = child as Node;
    }
    return node;
  };
  return {
    value,
    at: (path) => place(offsetOf(find(path))),
    atKey: (path, key) => {
      const mapping = resolve(find(path));
      const pair = isMap(mapping)
        ? mapping.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key)
        : undefined;
      return place(offsetOf(pair === undefined ? mapping : (pair.key as Node)));
    },
  };
}

function firstOf(problems: readonly string[]): string[] {
  const told = problems.slice(0, problemsMax);
  const more = problems.length - told.length;
  return more === 0
    ? told
    : [...told.slice(0, -1), `${told.at(-1)} (and ${more} more such errors)`];
}

/** The library's messages, in the words of the others here. */
function syntaxMessage(error: { readonly code: string; readonly message: string }): string {
  if (error.code === 'DUPLICATE_KEY') return 'this key stands in its mapping twice';
  if (error.code === 'MULTIPLE_DOCS') return 'a second document begins: expected one experiment';
  return `not YAML: ${oneLine(error.message)}`;
}

function toPlain(convert: () => unknown, file: string): unknown {
  try {
    return convert();
  } catch (error) {
    // Aliases that multiply beyond their bound.
    throw usageError([`${file}: not YAML: ${(error as Error).message}`]);
  }
}
