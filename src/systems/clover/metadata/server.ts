import { type Address, nodeOf } from '../../../core/address.ts';
import type { Parts } from '../../../core/context.ts';
import {
  fence,
  type Program,
  reconnect,
  sleep,
  spawn,
  until,
  VerbError,
} from '../../../core/effect.ts';
import { assert } from '../../../core/errors.ts';
import type { Caller, Message, Port } from '../../../core/message.ts';
import { serve } from '../../../core/rpc.ts';
import { type Fault, nothingRecovered, type RecoveryReport } from '../../recovery.ts';
import { Renewal } from '../../renewal.ts';
import { LateStatistics } from '../../statistics.ts';
import type { Site, SystemServer, SystemStatistics } from '../../system.ts';
import type { CloverConfig } from '../config.ts';
import type { CloverLayout } from '../layout.ts';
import {
  givenUpAtRest,
  lostNode,
  memoryFaultIn,
  newReply,
  operations,
  rebuiltPlacesIn,
  recoveryReply,
  requestHead,
  requestPort,
  statuses,
  takeLong,
} from '../messages.ts';
import { LostError } from '../recovery/servers.ts';
import type { Allocator } from './allocator.ts';
import { passEpochs } from './epochs.ts';
import { Exclusive } from './exclusive.ts';
import { MemoryFaults } from './memory-faults.ts';
import type { Namer } from './namer.ts';
import { Pausing } from './pausing.ts';
import { Rebuild } from './rebuild.ts';
import { Requests } from './requests.ts';
import { MetadataState } from './state.ts';
import { survive } from './survive.ts';
import { Sweep } from './sweep.ts';

const pollNs = 1000;
const takeOverPauseNs = 100_000;
const sweepPauseNs = 20_000;

interface LongRequest {
  readonly caller: Caller;
  readonly body: Uint8Array;
}

type ComputeLost = Extract<Fault, { kind: 'computeLost' }>;
type ServerLost = Extract<Fault, { kind: 'serverLost' }>;

/**
 * A metadata server: names and chains of its share of the keys, free lists, retired versions. It never
 * reads data and is on no path of a get or put with a cursor; the only verbs that it posts itself in
 * normal operation WRITE the shortcut of a chain when it is opened and when it ends, and the table of
 * heads where there is a standby.
 *
 * `handlers` programs poll one port; what they do with a request stands in requests.ts. Recovery: of a
 * compute node in sweep.ts, of a memory node in memory-faults.ts, of a server below and in rebuild.ts.
 */
export class MetadataServer implements SystemServer {
  readonly programs: readonly Program<unknown>[];
  readonly statistics: SystemStatistics;
  readonly state: MetadataState;
  readonly #requests: Requests;
  readonly #pausing: Pausing;
  readonly #exclusive = new Exclusive();
  readonly #memoryFaults: MemoryFaults;
  /** Incarnations whose recovery has begun, and whether it has ended. */
  readonly #recovered = new Map<number, boolean>();
  /** Of a take-over: from its beginning until compute nodes go on. */
  takeOverNs = 0;
  readonly #port: Port;
  #isReady: boolean;

  /** `lost`: the server whose place this one takes. */
  constructor(site: Site, config: CloverConfig, index: number, lost?: Fault) {
    const { context } = site;
    const state = new MetadataState(site, config, index);
    this.state = state;
    this.#requests = new Requests(state);
    this.#pausing = new Pausing(state, (node, incarnation) => this.#giveUp(node, incarnation));
    this.#memoryFaults = new MemoryFaults(state, this.#pausing, this.#exclusive);
    const port = context.hub.openPort();
    assert(port.id === requestPort, () => `the request port is ${port.id}, not ${requestPort}`);
    this.#port = port;
    this.#isReady = lost === undefined;
    const epochs = passEpochs(state, (node, incarnation) =>
      this.recover({ kind: 'computeLost', node, incarnation }),
    );
    this.programs = [
      ...Array.from({ length: config.handlers }, () => this.#whenReady(this.#handle(port))),
      lost === undefined ? epochs : this.#takeOver(lost as ServerLost, epochs),
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

  /** A server that takes no other's place is ready, and spares its handlers a `yield*` a resumption. */
  #whenReady(program: Program<never>): Program<never> {
    return this.#isReady ? program : this.#awaitReady(program);
  }

  *#awaitReady(program: Program<never>): Program<never> {
    yield* until(() => this.#isReady, pollNs);
    return yield* program;
  }

  #handle(port: Port): Program<never> {
    const { context, restarts, events } = this.state;
    const renewal = new Renewal(restarts);
    const answer = (request: Message): Program<Uint8Array | undefined> =>
      renewal.isDue ? this.#renewFirst(request, renewal) : this.#answer(request);
    const release = (request: Message): undefined => {
      context.hub.release(request);
      return undefined;
    };
    return serve(context, port, answer, release, (error) => survive(error, events));
  }

  /** No generator between the handler and the work. */
  #answer(request: Message): Program<Uint8Array | undefined> {
    const { body } = request;
    const isLong = body.length >= requestHead.sizeBytes && takeLong.has(body[0] as number);
    return isLong ? this.#begin(request) : this.#requests.perform(request);
  }

  *#renewFirst(request: Message, renewal: Renewal): Program<Uint8Array | undefined> {
    yield* renewal.run();
    return yield* this.#answer(request);
  }

  /** A recovery waits for operations that wait for this server: it must not keep its handlers busy. */
  *#begin({ body, from, connection, replyPort, request }: Message): Program<undefined> {
    const caller = { from, connection, replyPort, request };
    yield* spawn(this.#answerLater({ caller, body: body.slice() }), 'recovery');
  }

  *#answerLater(request: LongRequest): Program<void> {
    const { context } = this.state;
    let reply: Uint8Array;
    try {
      reply = yield* this.#recoverFor(request);
    } catch (error) {
      reply = yield* survive(error, this.state.events);
    }
    context.charge('rpcSend');
    yield* context.hub.answer(request.caller, requestPort, reply, context.counters);
  }

  *#recoverFor({ caller: { from }, body }: LongRequest): Program<Uint8Array> {
    switch (body[0]) {
      case operations.lost: {
        assert(body.length >= requestHead.sizeBytes + 8, 'who is lost?', 'FARSIDE_CORRUPT');
        const incarnation = requestHead.field.number.get(body, 0);
        const node = lostNode.get(body, requestHead.sizeBytes);
        return recoveryReply(yield* this.recover({ kind: 'computeLost', node, incarnation }));
      }
      case operations.memory: {
        const fault = memoryFaultIn(body);
        assert(fault !== undefined, 'no memory fault there', 'FARSIDE_CORRUPT');
        return recoveryReply(yield* this.recover(fault));
      }
      default:
        // Nothing else may work on this server's tables meanwhile, a rebuild for a former first server least.
        return yield* this.#exclusive.run(() => this.#rebuildFor(from, body));
    }
  }

  /** What the first server asks of the others. One that serves no more may have asked before it was lost. */
  *#rebuildFor(from: number, body: Uint8Array): Program<Uint8Array> {
    const { servers, layout } = this.state;
    const leader = requestHead.field.number.get(body, 0);
    const places = rebuiltPlacesIn(body, layout);
    if (servers.isFormer(leader)) return newReply(statuses.refused);
    if (servers.incarnation(0) !== leader) {
      servers.move(0, from, leader);
      servers.serve(0);
    }
    return recoveryReply(yield* this.#memoryFaults.rebuildShare(memoryFaultIn(body), places));
  }

  *recover(fault: Fault): Program<RecoveryReport> {
    switch (fault.kind) {
      case 'computeLost':
        return yield* this.#recoverCompute(fault);
      case 'serverLost':
        return this.#hearOfServer(fault);
      default:
        // A take-over that waits for this very node goes on without it, and what was lost comes after it.
        this.#memoryFaults.hear(fault);
        yield* until(() => this.#isReady, pollNs);
        return yield* this.#memoryFaults.recover(fault);
    }
  }

  /** Another server is lost, or a standby, which then needs not be told of heads any more. */
  #hearOfServer({ node, incarnation, successor }: ServerLost): RecoveryReport {
    const { heads, servers } = this.state;
    heads.dropMirror(node);
    const server = servers.indexOf(node);
    if (server < 0 || servers.isFormer(incarnation)) return nothingRecovered;
    servers.lose(server);
    if (successor === undefined) return nothingRecovered;
    // Of its incarnation nobody tells; that of a first server comes with its first request (rebuildShare).
    servers.move(server, successor, successor);
    servers.serve(server);
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
      yield* until(() => this.#recovered.get(incarnation) !== false, pollNs);
      return nothingRecovered;
    }
    this.#recovered.set(incarnation, false);
    yield* this.#fenceOff(node, incarnation);
    // A rebuild that waits for this very node has just been told not to.
    const report = yield* this.#sweepSurely(incarnation);
    this.#recovered.set(incarnation, true);
    return report;
  }

  *#fenceOff(node: number, incarnation: number): Program<void> {
    this.state.members.lose(node, incarnation);
    for (const memory of this.state.site.cluster.withRole('memory')) {
      yield* fence(memory.id, incarnation);
    }
  }

  /**
   * Again where a verb failed: the memory node is about to start anew, or this server has lost its queue
   * pairs. Between two attempts whoever makes a node whole may go on; and where it is lost, that one walks
   * every chain, and more. Not between two attempts of such a rebuild: buckets are said to lie where nothing
   * is yet. A walk that comes there begins again, for ever, while the next attempt waits for its end.
   */
  *#sweepSurely(incarnation: number): Program<RecoveryReport> {
    const { state } = this;
    for (;;) {
      yield* until(() => !this.#memoryFaults.isHalfDone, pollNs);
      try {
        const done = yield* this.#exclusive.run(() => this.#sweep(incarnation));
        if (done !== undefined) return done;
      } catch (error) {
        if (!(error instanceof VerbError)) throw error;
        state.events.interrupted++;
        const node = nodeOf(error.address);
        if (state.lostMemory.has(node)) return nothingRecovered;
        yield* reconnect(node);
        yield* sleep(sweepPauseNs);
      }
    }
  }

  /** Undefined where a rebuild was left half done while this waited for its turn. */
  *#sweep(incarnation: number): Program<RecoveryReport | undefined> {
    if (this.#memoryFaults.isHalfDone) return undefined;
    const sweep = new Sweep(this.state, incarnation);
    yield* sweep.run();
    const buffersReclaimed = this.state.allocator.reclaim(incarnation, this.state.nowNs());
    return {
      locksBroken: sweep.repaired,
      entriesRepaired: sweep.repaired + sweep.linksTaken,
      buffersReclaimed,
      bytesMoved: sweep.bytesMoved,
    };
  }

  /** A node that cannot come to rest, while this server is about to rebuild what that node has left. */
  *#giveUp(node: number, incarnation: number): Program<void> {
    this.state.events.nodesExpelled++;
    yield* this.#fenceOff(node, incarnation);
    this.#recovered.set(incarnation, true);
    yield* spawn(this.#pausing.sayExpelled(node, incarnation), 'expelled');
  }

  /**
   * Takes the place of a lost server, whose incarnation is fenced before anything is read: a shortcut or
   * a head that it WRITEs later would take a chain back. The chains begin where the table of heads on
   * this node says; names, and everything that followed, are read from memory nodes.
   */
  *#takeOver({ incarnation }: ServerLost, epochs: Program<never>): Program<never> {
    const { state } = this;
    const sinceNs = state.nowNs();
    state.servers.move(state.index, state.context.node, state.context.incarnation);
    state.servers.serve(state.index);
    for (let isRebuilt = false; !isRebuilt; ) {
      try {
        for (const { id, role } of state.site.cluster.nodes) {
          // At this node and at standbys too: its CASes may still be on their way to their tables.
          const hasTable = id === state.context.node || role === 'standby';
          if (role === 'memory' || hasTable) yield* fence(id, incarnation);
        }
        const leads = state.index === 0 && state.servers.count > 1;
        yield* this.#pausing.pause(leads, undefined);
        const entries = yield* state.heads.load();
        yield* state.heads.level();
        const numbers = entries.map((entry) => entry.number);
        const rebuild = new Rebuild(state, []);
        yield* rebuild.run(entries, numbers, true);
        if (leads) yield* this.#memoryFaults.agree();
        isRebuilt = true;
      } catch (error) {
        // A memory node or another server does not answer: until it does, or is said to be lost.
        if (!(error instanceof VerbError || error instanceof LostError)) throw error;
        if (error instanceof VerbError) yield* reconnect(nodeOf(error.address));
        yield* sleep(takeOverPauseNs);
      }
    }
    this.#dropCalls();
    // Before anything else may have them pause again: a message that came later would end that pause.
    yield* this.#pausing.resume();
    this.#isReady = true;
    this.takeOverNs = state.nowNs() - sinceNs;
    return yield* epochs;
  }

  /**
   * What was asked of this node between its restart and the pause. Whoever asked has given the call up
   * when it came to rest (Consent): served now, buffers would go to nobody, and what is retired belongs to
   * former tables.
   */
  #dropCalls(): void {
    const { queue } = this.#port;
    const isStale = ({ body }: Message): boolean => givenUpAtRest.has(body[0] as number);
    for (const request of queue.filter(isStale)) {
      queue.splice(queue.indexOf(request), 1);
      this.state.context.hub.release(request);
    }
  }

  /** As long as nothing but losses of compute nodes has happened. */
  remembers(): Parts | undefined {
    const tables = this.state.remembers();
    const { config } = this.state;
    if (tables === undefined || !this.#isReady || !this.#memoryFaults.isUntouched) return undefined;
    if (config.loadBalance === 'load' || config.reuse === 'epochs') return undefined;
    return { tables, requests: this.#requests, recovered: [this.#exclusive, this.#recovered] };
  }

  *held(): Generator<Address> {
    for (const target of this.allocator.unused()) yield this.layout.addressOf(target);
  }

  #statistics(): SystemStatistics {
    const { state } = this;
    const faults = this.#memoryFaults;
    const { replicas } = state.layout;
    const takeOverNs = (): number => this.takeOverNs;
    return new LateStatistics({
      events() {
        const { pausedNs, entriesLost } = faults;
        // Of the store, so told once.
        const redundancyDown = state.index === 0 ? state.layout.bucketsTogether : 0;
        return {
          ...state.events,
          pausedNs,
          entriesLost,
          redundancyDown,
          takeOverNs: takeOverNs(),
        };
      },
      /** Per key: text, R pointers, shortcut, and the links of both tables. */
      metadataBytes() {
        return state.namer.keys * (8 * replicas + 32) + state.namer.keyBytes;
      },
      remote() {
        return {
          dataBytes: state.allocator.usedBytes,
          metadataBytes: state.namer.chains * 8 * replicas,
        };
      },
    });
  }
}
