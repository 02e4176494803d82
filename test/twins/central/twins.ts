import type { Address } from '../../../src/core/address.ts';
import { type Program, settle, sleep, type Verb, writeWord } from '../../../src/core/effect.ts';
import type { Message } from '../../../src/core/message.ts';
import { recordHead } from '../../../src/core/record.ts';
import { Calls, type Verdict, verdict } from '../../../src/systems/central/calls.ts';
import { Copies, type Remains } from '../../../src/systems/central/copies.ts';
import { assembleCentral } from '../../../src/systems/central/index.ts';
import { mapHeadBytes } from '../../../src/systems/central/map-format.ts';
import type { CentralParts } from '../../../src/systems/central/parts.ts';
import { PersistentMap } from '../../../src/systems/central/persistent-map.ts';
import { Reader } from '../../../src/systems/central/reader.ts';
import type { Contents } from '../../../src/systems/central/rebuild.ts';
import type { FoundRecord } from '../../../src/systems/central/scan.ts';
import { TakeOver } from '../../../src/systems/central/take-over.ts';
import { VoidList } from '../../../src/systems/central/void-list.ts';
import { Writer } from '../../../src/systems/central/writer.ts';
import type { RecoveryReport } from '../../../src/systems/recovery.ts';
import type { System, SystemPromise } from '../../../src/systems/system.ts';

/** Central with one part that is wrong on purpose: what a checker must find. */
export interface Twin {
  readonly name: string;
  readonly system: System;
  /** What it breaks. */
  readonly breaks: SystemPromise['promise'];
  /** The schedule that shows it, in a sentence. */
  readonly because: string;
}

function twin(
  name: string,
  breaks: Twin['breaks'],
  because: string,
  changes: Partial<CentralParts>,
): Twin {
  return { name, breaks, because, system: assembleCentral(changes) as System };
}

class CommitsWithoutVersion extends Writer {
  protected override isNewer(): boolean {
    return false;
  }
}

class DeletesAtOnce extends Writer {
  protected override *awaitGone(): Program<void> {}
}

class BuriesNewestFirst extends Writer {
  protected override *awaitOlder(): Program<void> {}
}

class RefusesAtOnce extends Writer {
  protected override *refuse(refused: Remains): Program<void> {
    this.leave(refused);
  }
}

class InsertsAtOnce extends Writer {
  protected override *awaitTurn(): Program<void> {}
}

class ReadsUnlocked extends Reader {
  protected override lockAndRead(entry: number): Program<Uint8Array | undefined> {
    return this.readCommitted(entry);
  }

  protected override isRecord(): boolean {
    return true;
  }
}

class FreesBeforeInvalid extends Copies {
  override *retire(remains: Remains): Program<void> {
    const { allocator, table } = this.setting;
    for (const buffer of remains.buffers) allocator.free(buffer);
    yield* sleep(3000);
    yield* settle(...remains.buffers.flatMap((buffer) => this.durable(writeWord(buffer, 0n))));
    this.retiring -= remains.buffers.length;
    (table.stale[remains.entry] as number)--;
    (table.unsettled[remains.entry] as number)--;
    table.dropIfUnused(remains.entry);
  }
}

class NeverFlushes extends Copies {
  protected override durable(verb: Verb<unknown>): Verb<unknown>[] {
    return [verb];
  }
}

class FlipsWithoutPersist extends PersistentMap {
  protected override *persist(at: Address, lengthBytes: number): Program<void> {
    if (lengthBytes >= mapHeadBytes) yield* super.persist(at, lengthBytes);
  }
}

class ServesTwice extends Calls {
  override admit(): Verdict {
    return verdict.serve;
  }
}

class ForgetsTerms extends Calls {
  override admit(message: Message, call: number, _term: number): Verdict {
    return super.admit(message, call, call);
  }
}

class FencesNobody extends TakeOver {
  protected override *fenceOut(): Program<void> {}
}

class TrustsTornRecords extends TakeOver {
  protected override readonly isWhole = (record: Uint8Array): boolean => {
    const f = recordHead.field;
    const keyBytes = f.keyBytes.get(record, 0);
    const end = recordHead.sizeBytes + keyBytes + f.valueBytes.get(record, 0);
    return keyBytes > 0 && f.version.get(record, 0) > 0 && end <= record.length;
  };
}

class ScrubsNothing extends TakeOver {
  protected override *scrub(): Program<void> {}
}

class ListsNothing extends VoidList {
  override *add(): Program<boolean> {
    return true;
  }
}

class ScrubsFirst extends TakeOver {
  protected override *secure(
    contents: Contents,
    others: readonly FoundRecord[],
  ): Program<RecoveryReport> {
    yield* this.scrub(contents.unwanted(this.coordinator));
    return yield* super.secure(contents, others);
  }
}

export const centralTwins: readonly Twin[] = [
  twin(
    'CAS without version',
    'linearizable',
    'two puts race; the older one flips the map last, is read, and loses to the newer one when a ' +
      'coordinator that takes over goes by sequence numbers',
    { Writer: CommitsWithoutVersion },
  ),
  twin(
    'delete without waiting',
    'linearizable',
    'a put is under way when a delete is acknowledged; a standby finds its record, and the key is back',
    { Writer: DeletesAtOnce },
  ),
  twin(
    'newest record gone first',
    'data reliability',
    'a delete makes the record of an acknowledged put invalid and its coordinator stops; the record before ' +
      'it is still whole, and a standby serves it',
    { Writer: BuriesNewestFirst },
  ),
  twin(
    'no before it is true',
    'linearizable',
    'a put that finds its key deleted leaves a whole record behind its answer; a standby finds the key',
    { Writer: RefusesAtOnce },
  ),
  twin(
    'inserts that do not take turns',
    'linearizable',
    'of two inserts one is acknowledged; a standby finds the record of the other, which has the higher ' +
      'number and was about to be refused',
    { Writer: InsertsAtOnce },
  ),
  twin(
    'read without lock or check',
    'atomic write',
    'a get READs a buffer that the next put has got already',
    { Reader: ReadsUnlocked },
  ),
  twin(
    'free before invalid',
    'data reliability',
    'the zeroing WRITE of an old record hits the next one in its buffer, which was acknowledged',
    { Copies: FreesBeforeInvalid },
  ),
  twin(
    'no flush of records',
    'data reliability',
    'all memory nodes lose power after a put was acknowledged; in flush durability only',
    { Copies: NeverFlushes },
  ),
  twin(
    'flip without persist',
    'data reliability',
    'the coordinator loses power after a put was acknowledged; in flush durability only',
    { PersistentMap: FlipsWithoutPersist },
  ),
  twin(
    'call served twice',
    'linearizable',
    "a put is sent again and done again, over another client's put that came between",
    { Calls: ServesTwice },
  ),
  twin(
    'call served by two coordinators',
    'linearizable',
    'a put was served before its coordinator stopped; sent again, the next one serves it again',
    { Calls: ForgetsTerms },
  ),
  twin(
    'take-over without fence',
    'linearizable',
    'a coordinator that was only slow goes on beside its successor',
    { TakeOver: FencesNobody },
  ),
  twin(
    'torn records trusted',
    'atomic write',
    'a put was cut off in the middle of its WRITE; its record has the highest number, and is served',
    { TakeOver: TrustsTornRecords },
  ),
  twin(
    'unmapped records left',
    'data reliability',
    'a restart leaves the record of a put that never flipped the map; its key is deleted, the ' +
      'coordinator stops, a standby finds the record, and the key is back',
    { TakeOver: ScrubsNothing },
  ),
  twin(
    'older records gone before the newest is safe',
    'data reliability',
    'a put is cut off when one of its two copies is whole; a standby chooses it and makes the acknowledged ' +
      'record before it invalid; the memory node with the one copy is lost',
    { TakeOver: ScrubsFirst },
  ),
  twin(
    'void buffers not listed',
    'linearizable',
    'a WRITE of a record loses its queue pair, a delete of the key is acknowledged, and then the WRITE ' +
      'acts; the coordinator stops, a standby finds the record, and the key is back',
    { VoidList: ListsNothing },
  ),
];
