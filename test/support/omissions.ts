import type { Parts } from '../../src/core/context.ts';
import type { System, SystemNode, SystemServer } from '../../src/systems/system.ts';

/**
 * What nodes and servers say that they remember (`SystemNode.remembers`), with one field of it left out: as
 * if its system had forgotten to declare it.
 *
 * A field is named by its part, by the class that tells it, if any, and by its index:
 * `server entries EntryTable 3`. Inner lists add their index; rows that are alike (what a generator yields,
 * lists of lists) their length and a column: `server entries EntryTable 0 3`, `server space NodePool *6 2`;
 * numbers between rows, `*number`. A map, a set, a typed array, and a list of plain values that is not itself
 * what a `remembers` gives, are one field each.
 */
export interface Walk {
  /** Gives what stands there instead. */
  field(name: string, value: unknown): unknown;
  /**
   * What stands there consists of fields of its own, at other times perhaps of nothing yet. False where
   * nothing of it is told, not even how many rows there are.
   */
  enters(name: string): boolean;
}

type Told = SystemNode | SystemServer;

interface Stateful {
  remembers(): unknown;
}

/** The same system, of which every node and server is changed after it was opened. */
export function changed<C>(
  system: System<C>,
  change: (told: Told, side: 'node' | 'server') => void,
): System {
  return {
    ...system,
    openNode(site, config) {
      const node = system.openNode(site, config as C);
      change(node, 'node');
      return node;
    },
    openServer(site, config, role, index) {
      const server = system.openServer(site, config as C, role, index);
      change(server, 'server');
      return server;
    },
  } as System;
}

/** The same system, each of whose descriptions takes that walk. */
export function walked<C>(system: System<C>, walk: Walk): System {
  return changed(system, (told, side) => {
    const whole = told.remembers?.bind(told);
    if (whole === undefined) return;
    const remembers = (): Parts | undefined => {
      const parts = whole();
      if (parts === undefined) return undefined;
      const own = (part: string): unknown =>
        place(parts[part], `${side} ${part}`, `${side} ${part}`, true, walk);
      return Object.fromEntries(Object.keys(parts).map((part) => [part, own(part)]));
    };
    Object.assign(told, { remembers });
  });
}

/** `isTold`: it is itself what somebody tells, so that a list is one of fields. */
function place(value: unknown, part: string, name: string, isTold: boolean, walk: Walk): unknown {
  if (isStateful(value)) {
    if (!walk.enters(name)) return 0;
    return place(value.remembers(), part, `${part} ${value.constructor.name}`, true, walk);
  }
  if (isGenerator(value)) return rows([...value], part, name, walk);
  if (!Array.isArray(value) || value.length === 0) return walk.field(name, value);
  if (value.every(isStateful)) return value.map((each) => place(each, part, name, false, walk));
  if (!isTold && value.every((each) => Object(each) !== each)) return walk.field(name, value);
  if (!isTold && value.every(Array.isArray)) return rows(value, part, name, walk);
  if (!walk.enters(name)) return 0;
  return value.map((each, i) => place(each, part, `${name} ${i}`, false, walk));
}

function rows(value: readonly unknown[], part: string, name: string, walk: Walk): unknown {
  if (!walk.enters(name)) return 0;
  return value.map((row) => {
    if (!Array.isArray(row)) return place(row, part, `${name} *${typeof row}`, false, walk);
    const { length } = row;
    return row.map((each, i) => place(each, part, `${name} *${length} ${i}`, false, walk));
  });
}

function isStateful(value: unknown): value is Stateful {
  return typeof value === 'object' && value !== null && 'remembers' in value;
}

/** An iterator that is no map's or set's: those are one field. */
function isGenerator(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && 'throw' in value;
}

/** The names of all fields that were told of until now, in the order in which they came up. */
export class Fields implements Walk {
  readonly #fields = new Set<string>();
  readonly #composed = new Set<string>();

  field(name: string, value: unknown): unknown {
    this.#fields.add(name);
    return value;
  }

  enters(name: string): boolean {
    this.#composed.add(name);
    return true;
  }

  get names(): string[] {
    return [...this.#fields].filter((name) => !this.#composed.has(name));
  }
}

/** `system` as if it had not declared that field, or anything whose name begins with that. */
export function without(system: System, name: string): System {
  const isOut = (other: string): boolean => other === name || other.startsWith(`${name} `);
  return walked(system, {
    field: (other, value) => (isOut(other) ? 0 : value),
    enters: (other) => !isOut(other),
  });
}

/**
 * What becomes of a search then. `noticed`: `MergeCheck` finds it. `merges`: fewer states, the same ends,
 * and not noticed. `follows`: as many states and the same ends; all else in a key decides it, or it never
 * differs.
 */
export type Verdict = 'noticed' | 'merges' | 'follows' | 'ends differ, and nobody notices';
