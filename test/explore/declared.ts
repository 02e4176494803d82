import type { Verdict } from '../support/omissions.ts';

/**
 * Every field that a system declares (`omissions.ts` says how they are named), in the scopes of
 * `omissions.test.ts`, by what becomes of a search when it alone is left out, and why.
 */
export interface Declared {
  readonly verdict: Verdict;
  /** `constant`: it never differs there. `derived`: the rest of a key decides it. */
  readonly why: string;
}

const follows = (why: string, fields: readonly string[]): [string, Declared][] =>
  fields.map((field) => [field, { verdict: 'follows', why }]);
const merges = (why: string, fields: readonly string[]): [string, Declared][] =>
  fields.map((field) => [field, { verdict: 'merges', why }]);

export const declaredBy = {
  central: Object.fromEntries([
    ...follows('term: constant, nobody takes over', ['server entries 0']),
    ...follows('inserting: constant, no key is inserted once clients have begun', [
      'server entries 4',
    ]),
    ...follows('moves: constant, no copy moves', ['server entries EntryTable 0 3']),
    ...follows(
      'live, sequence, recordBytes, unsettled, stale: derived, from memory and what handlers learnt',
      [
        'server entries EntryTable 0 0',
        'server entries EntryTable 0 1',
        'server entries EntryTable 0 2',
        'server entries EntryTable 0 4',
        'server entries EntryTable 0 5',
      ],
    ),
    ...follows(
      'addresses, pins, keys, free, fresh: derived, from map words and what handlers learnt',
      [
        'server entries EntryTable 1',
        'server entries EntryTable 2',
        'server entries EntryTable 3 0',
        'server entries EntryTable 4',
        'server entries EntryTable 5',
      ],
    ),
    ...follows(
      'holders, waits: derived, where handlers stand says who holds and waits; one handler serves',
      ['server entries EntryLocks 0', 'server entries EntryLocks 1'],
    ),
    ...follows(
      'current, sequence, durableLimit, extending: derived, map words and sequences are in memory',
      [
        'server entries PersistentMap 0',
        'server entries PersistentMap 1',
        'server entries PersistentMap 2',
        'server entries PersistentMap 3',
      ],
    ),
    ...merges('reply: of a caller that has crashed: nobody asks for it again', [
      'server entries Calls *3 2',
    ]),
    ...follows('caller, request: derived, what clients have been told, and messages, say so', [
      'server entries Calls *3 0',
      'server entries Calls *3 1',
    ]),
    ...follows('closed: constant, no memory node fails', ['server space BufferAllocator 2']),
    ...follows('derived, labels and records in memory, and what handlers have learnt, say so', [
      'server space NodePool *6 0',
      'server space NodePool *6 1',
      'server space NodePool *6 2',
      'server space NodePool *6 3',
      'server space NodePool *6 4',
      'server space NodePool *6 5',
      'server space NodePool *2 0',
      'server space NodePool *2 1',
      'server space BufferAllocator 1',
      'server space 1',
    ]),
    ...follows('index, term, version: constant, nobody takes over', [
      'node coordinator CoordinatorAddress 0',
      'node coordinator CoordinatorAddress 1',
    ]),
    ...follows('reply port, request number: derived, operations that have begun are counted', [
      'node clients RpcCaller 0',
      'node clients RpcCaller 1',
    ]),
  ]),
  clover: Object.fromEntries([
    ...follows('incarnations, lost: constant, no node fails without a crash', [
      'server tables Members 0',
      'server tables Members 1',
    ]),
    ...follows('constant, there is no standby', [
      'server tables HeadTable 0',
      'server tables HeadTable 1',
      'server tables HeadTable 2 0',
      'server tables HeadTable 2 1',
      'server tables HeadTable 3',
      'server tables HeadTable 4',
    ]),
    ...follows('constant, no server fails', [
      'server tables Servers 0',
      'server tables Servers 1',
      'server tables Servers 2',
      'server tables Servers 3',
    ]),
    ...follows('derived, links in memory, and retire messages, say so', [
      'server tables Chain 0',
      'server tables Chain 1',
      'server tables Chain 2',
      'server tables Chain 3',
      'server tables Chain 4',
      'server tables Chain 5',
    ]),
    ...follows('constant, no key comes or goes', [
      'server tables Namer 1',
      'server tables Namer 2 *2 0',
      'server tables Namer 2 *2 1',
      'server tables Namer 3',
    ]),
    ...follows('derived, buffers asked for and retired follow from the messages that were taken', [
      'server tables Allocator 0',
      'server tables Allocator 1',
      'server tables Allocator 2',
      'server tables Allocator 3 *2 0',
      'server tables Allocator 3 *2 1',
      'server tables Allocator 4 0',
      'server tables Allocator 4 1',
      'server tables Allocator 4 2',
      'server tables Allocator 4 3',
      'server tables Allocator 6',
    ]),
    ...follows('late: constant, no verb is lost', ['server tables Allocator 5']),
    ...follows('ending: constant, no chain ends', ['server tables 5']),
    ...follows('opening: constant, no key is inserted once clients have begun', [
      'server requests Requests',
    ]),
    ...follows('busy, recovered: constant, nothing is recovered', [
      'server recovered Exclusive',
      'server recovered 1',
    ]),
    ...follows('derived, what its client has read is in what it was told', [
      'node clients CursorTable *3 0',
      'node clients CursorTable *3 1',
      'node clients CursorTable *3 2',
    ]),
    ...follows('derived, it follows from the puts that have begun', [
      'node clients FreeBuffers *number',
      'node clients FreeBuffers *3 0',
      'node clients FreeBuffers *3 1',
      'node clients FreeBuffers *3 2',
    ]),
    ...follows('serial: derived, operations that have begun are counted', [
      'node clients CloverClient 0',
    ]),
    ...follows('reply port, request number: derived, operations that have begun are counted', [
      'node clients RpcCaller 0',
      'node clients RpcCaller 1',
    ]),
    ...follows('heldAt, heldSinceNs: constant, nobody meets a held version', [
      'node clients Walker 0',
      'node clients Walker 1',
    ]),
    ...follows('epochs: constant, no epoch ends', ['node clients 3']),
    ...follows('claims: constant, one copy: nothing is claimed', ['node clients 4']),
    ...follows(
      'derived, each field follows from the others; the whole does not, and that is noticed',
      [
        'node retire RetireQueue *boolean',
        'node retire RetireQueue *number',
        'node retire RetireQueue *6 0',
        'node retire RetireQueue *6 1',
        'node retire RetireQueue *6 2',
        'node retire RetireQueue *6 3',
        'node retire RetireQueue *6 4',
        'node retire RetireQueue *6 5',
      ],
    ),
    ...follows('shortcutSequences: derived, shortcuts are in memory', ['node retire 1']),
    ...follows('reply port, request number: derived, messages that were sent are counted', [
      'node retire RpcCaller 0',
      'node retire RpcCaller 1',
    ]),
    ...follows('constant, no server fails', [
      'node common Servers 0',
      'node common Servers 1',
      'node common Servers 2',
      'node common Servers 3',
    ]),
    ...follows('lost: constant, no node fails', ['node common NodeRecovery']),
    ...follows('working: derived, where programs stand says so', ['node work']),
  ]),
};
