import type { Address } from '../../../core/address.ts';
import { fence, type Program, sleep, VerbError } from '../../../core/effect.ts';
import { assert, type ErrorCode, FarsideError } from '../../../core/errors.ts';
import type { Message, Port } from '../../../core/message.ts';
import { serve } from '../../../core/rpc.ts';
import { type Fault, nothingRecovered, type RecoveryReport } from '../../recovery.ts';
import type { Site, SystemServer, SystemStatistics } from '../../system.ts';
import type { CloverConfig } from '../config.ts';
import type { CloverLayout } from '../layout.ts';
import {
  lostNode,
  newReply,
  operations,
  recoveryReply,
  requestHead,
  requestPort,
  statuses,
} from '../messages.ts';
import type { Allocator } from './allocator.ts';
import { passEpochs } from './epochs.ts';
import type { Namer } from './namer.ts';
import { Requests } from './requests.ts';
import { MetadataState } from './state.ts';
import { Sweep } from './sweep.ts';

const pollNs = 1000;
/** What reading a message may end with that is the sender's fault. */
const blameSender: ReadonlySet<ErrorCode> = new Set(['FARSIDE_CORRUPT', 'FARSIDE_KEY']);

type ComputeLost = Extract<Fault, { kind: 'computeLost' }>;

/**
 * A metadata server: names and chains of its share of the keys, free lists, retired versions. It never
 * reads data and is on no path of a get or put with a cursor; the only verbs that it posts itself WRITE
 * the shortcut of a chain when it is opened and when it ends.
 *
 * `handlers` programs poll one port; what they do with a request stands in requests.ts.
 */
export class MetadataServer implements SystemServer {
  readonly programs: readonly Program<unknown>[];
  readonly statistics: SystemStatistics;
  readonly state: MetadataState;
  readonly #requests: Requests;
  /** Incarnations whose recovery has begun, and whether it has ended. */
  readonly #recovered = new Map<number, boolean>();

  constructor(site: Site, config: CloverConfig, index: number) {
    const { context } = site;
    this.state = new MetadataState(site, config, index);
    this.#requests = new Requests(this.state);
    const port = context.hub.openPort();
    assert(port.id === requestPort, () => `the request port is ${port.id}, not ${requestPort}`);
    this.programs = [
      ...Array.from({ length: config.handlers }, () => this.#handle(port)),
      passEpochs(this.state, (node, incarnation) =>
        this.recover({ kind: 'computeLost', node, incarnation }),
      ),
    ];
    this.statistics = this.#statistics();
  }

  get namer(): Namer {
    return this.state.namer;
  }

  get allocator(): Allocator {
    return this.state.allocator;
  }

  get layout(): CloverLayout {
    return this.state.layout;
  }

  #handle(port: Port): Program<never> {
    const { context } = this.state;
    return serve(
      context,
      port,
      (request) => this.#answer(request),
      function* (request) {
        context.hub.release(request);
      },
    );
  }

  /**
   * What a peer sends must not end this server, which all the others need: a message that makes no
   * sense is counted and refused.
   */
  *#answer(request: Message): Program<Uint8Array> {
    try {
      const { body } = request;
      if (body[0] === operations.lost) return yield* this.#hearOfLost(body);
      return yield* this.#requests.perform(request);
    } catch (error) {
      if (!(error instanceof FarsideError) || !blameSender.has(error.code)) throw error;
      this.state.events.malformed++;
      return newReply(statuses.refused);
    }
  }

  /** A compute node passes on that another is lost. */
  *#hearOfLost(body: Uint8Array): Program<Uint8Array> {
    assert(body.length >= requestHead.sizeBytes + 8, 'who is lost?', 'FARSIDE_CORRUPT');
    const incarnation = requestHead.field.number.get(body, 0);
    const node = lostNode.get(body, requestHead.sizeBytes);
    return recoveryReply(yield* this.recover({ kind: 'computeLost', node, incarnation }));
  }

  *recover(fault: Fault): Program<RecoveryReport> {
    if (fault.kind === 'computeLost') return yield* this.#recoverCompute(fault);
    return nothingRecovered;
  }

  /**
   * Once for each incarnation, however many tell of it: whoever comes second waits for the first.
   *
   * The order matters. Refused first: a request of the dead node that is served after the sweep has
   * passed would leak what it is given. Fenced second: a CAS of its that lands after the sweep has
   * passed would link a buffer that is being reclaimed.
   */
  *#recoverCompute({ node, incarnation }: ComputeLost): Program<RecoveryReport> {
    if (this.#recovered.has(incarnation)) {
      while (this.#recovered.get(incarnation) === false) yield* sleep(pollNs);
      return nothingRecovered;
    }
    this.#recovered.set(incarnation, false);
    const { state } = this;
    state.members.lose(node, incarnation);
    for (const memory of state.site.cluster.withRole('memory')) {
      yield* fence(memory.id, incarnation);
    }
    const sweep = new Sweep(state, incarnation);
    let buffersReclaimed = 0;
    try {
      yield* sweep.run();
      buffersReclaimed = state.allocator.reclaim(incarnation, state.nowNs());
    } catch (error) {
      // A memory node is gone as well: whoever makes that whole walks every chain, and more.
      if (!(error instanceof VerbError)) throw error;
      state.events.interrupted++;
    }
    this.#recovered.set(incarnation, true);
    return {
      locksBroken: sweep.repaired,
      entriesRepaired: sweep.repaired + sweep.linksTaken,
      buffersReclaimed,
      bytesMoved: sweep.bytesMoved,
    };
  }

  *held(): Generator<Address> {
    for (const target of this.allocator.unused()) yield this.layout.addressOf(target);
  }

  #statistics(): SystemStatistics {
    const { state } = this;
    const { replicas } = state.layout;
    return {
      get events() {
        return { ...state.events };
      },
      /** Per key: text, R pointers, shortcut, and the links of both tables. */
      get metadataBytes() {
        return state.namer.keys * (8 * replicas + 32) + state.namer.keyBytes;
      },
      get remote() {
        return {
          dataBytes: state.allocator.usedBytes,
          metadataBytes: state.namer.chains * 8 * replicas,
        };
      },
    };
  }
}
