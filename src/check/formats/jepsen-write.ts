import { FarsideError } from '../../core/errors.ts';
import { absent, type History, keyName, type Operation, operationAt, torn } from '../history.ts';
import { eventsOf } from './event-rows.ts';

/**
 * Jepsen's events of keyed registers, one a line, or of one register where the key is "". `insert`, `put`
 * and `delete` go by their own names.
 */
export function writeJepsen(history: History): string {
  return written(history, (operation, key, isEnd) => {
    const { kind, value, expected } = operation;
    const f = kind === 'get' ? ':read' : `:${kind}`;
    const cas = `[${valueText(expected)} ${valueText(value)}]`;
    const held = kind === 'cas' ? cas : valueText(shown(operation, isEnd));
    return `:f ${f}, :value ${key === '' ? held : `[${JSON.stringify(key)} ${held}]`}`;
  });
}

/**
 * Elle's rw-register: each operation is a transaction of one read or write. Deletes and cas do not exist
 * there: FARSIDE_UNSUPPORTED.
 */
export function writeElle(history: History): string {
  return written(history, (operation, key, isEnd) => {
    const { kind } = operation;
    if (kind === 'delete' || kind === 'cas') {
      throw new FarsideError(
        'FARSIDE_UNSUPPORTED',
        `Elle's rw-register has no ${kind}: write the history in jepsen's format, or leave out the key`,
      );
    }
    const f = kind === 'get' ? ':r' : ':w';
    return `:f :txn, :value [[${f} ${JSON.stringify(key)} ${valueText(shown(operation, isEnd))}]]`;
  });
}

/** What a get found is known at its end. */
function shown({ kind, outcome, value }: Operation, isEnd: boolean): number {
  return kind === 'get' && (!isEnd || outcome !== 'ok') ? absent : value;
}

function written(
  history: History,
  body: (operation: Operation, key: string, isEnd: boolean) => string,
): string {
  const events = eventsOf(history);
  if ('overlaps' in events) {
    throw new FarsideError(
      'FARSIDE_UNSUPPORTED',
      `process ${events.overlaps} has two operations in flight, which events by process cannot show: ` +
        'give each seat a process of its own, or write porcupine',
    );
  }
  return events
    .map(({ row, isEnd }, index) => {
      const operation = operationAt(history, row);
      const held = body(operation, keyName(history, operation.key), isEnd);
      const head = `:index ${index}, ${timeText(operation, isEnd)}:process ${operation.process}`;
      return `{${head}, :type ${isEnd ? endText(operation) : ':invoke'}, ${held}}\n`;
    })
    .join('');
}

function timeText({ invokedNs, completedNs }: Operation, isEnd: boolean): string {
  const timeNs = isEnd ? completedNs : invokedNs;
  return timeNs === Number.POSITIVE_INFINITY ? '' : `:time ${timeNs}, `;
}

function endText({ outcome }: Operation): string {
  switch (outcome) {
    case 'ok':
      return ':ok';
    case 'refused':
      return ':fail, :error :refused';
    case 'failed':
      return ':fail';
    case 'unknown':
      return ':info';
  }
}

function valueText(value: number): string {
  if (value === absent) return 'nil';
  return value === torn ? ':torn' : `${value}`;
}
