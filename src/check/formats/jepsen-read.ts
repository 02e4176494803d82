import {
  absent,
  type History,
  type OperationKind,
  type Outcome,
  torn,
  valueMax,
} from '../history.ts';
import { type Edn, type EdnMap, EdnReader, ednText, isList, isMap, Keyword } from './edn.ts';
import { EventRows } from './event-rows.ts';

/**
 * Reads what Jepsen records and Elle and Knossos check: maps, one after another or in one vector, each the
 * beginning (`:invoke`) or end (`:ok`, `:fail`, `:info`) of one operation.
 *
 *     {:process 0, :type :invoke, :f :write, :value 3}             one register
 *     {:process 0, :type :ok, :f :cas, :value ["x" [3 4]]}         independent ones, by key
 *     {:process 0, :type :ok, :f :txn, :value [[:r "x" 4]]}        Elle's, of one operation each
 *
 * `:fail` means that it was not done; with `:error :refused`, that it was not because of what the value
 * was. `:info` means unknown. Times are nanoseconds; without them events are one nanosecond apart, and
 * among events that have them an `:info` that has none says that the operation never ended.
 * FARSIDE_INPUT names the line of what does not fit.
 */
export function readJepsen(text: string, file: string): History {
  const reader = new EdnReader(text, file);
  const rows = new EventRows();
  let events = 0;
  let isTimed = false;
  for (let form = reader.next(); form !== undefined; form = reader.next()) {
    for (const event of isList(form) ? form : [form]) {
      if (!isMap(event))
        return reader.fail(`got ${ednText(event)}, expected a map such as ${example}`);
      isTimed ||= typeof event.entries.get('time') === 'number';
      new EventReader(reader, event, events++, isTimed).into(rows);
    }
  }
  return rows.history();
}

const example = '{:process 0, :type :invoke, :f :write, :value 3}';

const kinds: Readonly<Record<string, OperationKind>> = {
  ...{ read: 'get', get: 'get', r: 'get', write: 'write', w: 'write', cas: 'cas' },
  ...{ insert: 'insert', put: 'put', delete: 'delete' },
};

/** One event. */
class EventReader {
  readonly #reader: EdnReader;
  readonly #event: EdnMap;
  readonly #number: number;
  readonly #isTimed: boolean;

  constructor(reader: EdnReader, event: EdnMap, number: number, isTimed: boolean) {
    this.#reader = reader;
    this.#event = event;
    this.#number = number;
    this.#isTimed = isTimed;
  }

  into(rows: EventRows): void {
    const process = this.#get('process');
    // Jepsen's nemesis, which does no operations, and whatever else goes by a name.
    if (process instanceof Keyword) return;
    if (!isWhole(process)) this.#fail('process', process, 'a whole number');
    const { kind, key, value } = this.#operation();
    const type = this.#word('type');
    const timeNs = this.#timeNs(type);
    const wrong =
      type === 'invoke'
        ? rows.begin(
            { process, kind, key, ...this.#written(kind, value) },
            this.#event.line,
            timeNs,
          )
        : rows.end(
            { process, kind, key },
            this.#outcome(type),
            this.#found(kind, type, value),
            timeNs,
          );
    if (wrong !== undefined) this.#reader.fail(wrong, this.#event.line);
  }

  #operation(): { readonly kind: OperationKind; readonly key: string; readonly value: Edn } {
    const f = this.#word('f');
    const value = this.#get('value');
    if (f === 'txn') return this.#transaction(value);
    const kind = kinds[f];
    if (kind === undefined)
      this.#fail('f', this.#get('f'), 'read, write, cas, insert, put or delete');
    // A cas has two values itself: only [key [expected new]] is one of a keyed register.
    const isKeyed =
      isList(value) && value.length === 2 && (kind !== 'cas' || !isWhole(value[1] as Edn));
    if (!isKeyed) return { kind, key: '', value };
    return { kind, key: keyText(value[0] as Edn), value: value[1] as Edn };
  }

  #transaction(value: Edn): {
    readonly kind: OperationKind;
    readonly key: string;
    readonly value: Edn;
  } {
    const [only, ...more] = isList(value) ? value : [];
    if (only === undefined || more.length > 0 || !isList(only) || only.length !== 3) {
      this.#fail('value', value, 'a transaction of one operation, such as [[:r "x" nil]]');
    }
    const [f, key, held] = only as [Edn, Edn, Edn];
    const kind = f instanceof Keyword ? kinds[f.name] : undefined;
    if (kind !== 'get' && kind !== 'write') this.#fail('value', value, ':r or :w');
    return { kind, key: keyText(key), value: held };
  }

  #written(kind: OperationKind, value: Edn): { readonly value: number; readonly expected: number } {
    if (kind === 'get' || kind === 'delete') return { value: absent, expected: absent };
    if (kind !== 'cas') return { value: this.#value(value), expected: absent };
    if (!isList(value) || value.length !== 2) this.#fail('value', value, '[expected new]');
    const [expected, next] = value as [Edn, Edn];
    return {
      value: this.#value(next),
      expected: expected === null ? absent : this.#value(expected),
    };
  }

  #outcome(type: string): Outcome {
    if (type === 'ok') return 'ok';
    if (type === 'info') return 'unknown';
    if (type !== 'fail') this.#fail('type', this.#get('type'), ':invoke, :ok, :fail or :info');
    const error = this.#event.entries.get('error');
    return error instanceof Keyword && error.name === 'refused' ? 'refused' : 'failed';
  }

  /** What a get that is `ok` found: nil where there is no such key, :torn where it was no value. */
  #found(kind: OperationKind, type: string, value: Edn): number {
    if (kind !== 'get' || type !== 'ok' || value === null) return absent;
    return value instanceof Keyword && value.name === 'torn' ? torn : this.#value(value);
  }

  #value(value: Edn): number {
    return isWhole(value) ? value : this.#fail('value', value, `a whole number up to ${valueMax}`);
  }

  #timeNs(type: string): number {
    const time = this.#event.entries.get('time') ?? null;
    if (time === null) {
      return this.#isTimed && type === 'info' ? Number.POSITIVE_INFINITY : this.#number;
    }
    return typeof time === 'number' ? time : this.#fail('time', time, 'nanoseconds');
  }

  #get(name: string): Edn {
    const value = this.#event.entries.get(name);
    if (value === undefined && name !== 'value') {
      this.#reader.fail(`an event without :${name}`, this.#event.line);
    }
    return value ?? null;
  }

  #word(name: string): string {
    const value = this.#get(name);
    return value instanceof Keyword ? value.name : this.#fail(name, value, 'a keyword');
  }

  #fail(name: string, got: Edn, expected: string): never {
    return this.#reader.fail(`:${name} ${ednText(got)}: expected ${expected}`, this.#event.line);
  }
}

function isWhole(value: Edn): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function keyText(key: Edn): string {
  return typeof key === 'string' ? key : ednText(key);
}
