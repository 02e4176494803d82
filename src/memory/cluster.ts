import { type Address, globalAddress, nodeCountMax, nodeSpaceBytes } from '../core/address.ts';
import { assert } from '../core/errors.ts';
import { type MailboxPeer, type RingShape, ringBytes } from '../core/mailbox.ts';

/** `pm` is byte-addressable persistent memory. */
export type Medium = 'dram' | 'pm';

/**
 * A memory node has no cores and runs nothing; the others are compute nodes in different roles. A
 * standby has what a server has, and runs nothing until it takes over from one.
 */
export type Role = 'memory' | 'compute' | 'coordinator' | 'metadata' | 'standby';

export interface RegionSpec {
  readonly name: string;
  readonly medium: Medium;
  readonly sizeBytes: number;
}

export interface NodeSpec {
  readonly name: string;
  readonly role: Role;
  /** CPU cores that its foreground programs run on, and poll on; 0 for a memory node. */
  readonly cores: number;
  readonly regions: readonly RegionSpec[];
  /** Names of the nodes that it exchanges messages with; symmetric. */
  readonly peers: readonly string[];
}

export interface Region extends RegionSpec {
  readonly node: number;
  /** Global address of its first byte, a multiple of 4096. */
  readonly address: Address;
}

export interface ClusterNode {
  readonly id: number;
  readonly name: string;
  readonly role: Role;
  readonly cores: number;
  readonly regions: readonly Region[];
  readonly spaceBytes: number;
}

export const mailboxRegionName = 'mailbox';
const regionAlignBytes = 4096;

/**
 * Who is there and where everything lies: the one description that fabrics, systems and reports
 * share. It is a pure function of the node specs, so every worker or host computes the same map.
 */
export class ClusterMap {
  readonly nodes: readonly ClusterNode[];
  readonly ring: RingShape;
  /** What the map was made of: plain data, from which another thread or host makes an equal map. */
  readonly specs: readonly NodeSpec[];
  readonly #byName = new Map<string, ClusterNode>();

  constructor(specs: readonly NodeSpec[], ring: RingShape) {
    assert(specs.length <= nodeCountMax, `more than ${nodeCountMax} nodes`, 'FARSIDE_LIMIT');
    this.ring = ring;
    this.specs = specs;
    this.nodes = specs.map((spec, id) => placeNode(spec, id, ring));
    for (const node of this.nodes) {
      assert(!this.#byName.has(node.name), `two nodes are called ${node.name}`, 'FARSIDE_USAGE');
      this.#byName.set(node.name, node);
    }
  }

  node(id: number): ClusterNode {
    const node = this.nodes[id];
    assert(node !== undefined, () => `there is no node ${id}`, 'FARSIDE_ADDRESS');
    return node;
  }

  byName(name: string): ClusterNode {
    const node = this.#byName.get(name);
    assert(node !== undefined, () => `there is no node called ${name}`, 'FARSIDE_USAGE');
    return node;
  }

  withRole(role: Role): readonly ClusterNode[] {
    return this.nodes.filter((node) => node.role === role);
  }

  region(nodeId: number, name: string): Region {
    const region = this.node(nodeId).regions.find((r) => r.name === name);
    assert(region !== undefined, () => `node ${nodeId} has no region ${name}`, 'FARSIDE_ADDRESS');
    return region;
  }

  /** The rings of one node, in the order of its peers' names in its spec. */
  mailboxPeers(nodeId: number): readonly MailboxPeer[] {
    const spec = this.specs[nodeId] as NodeSpec;
    return spec.peers.map((peerName) => {
      const peer = this.byName(peerName);
      return {
        node: peer.id,
        shape: this.ring,
        inbound: this.#ringAddress(nodeId, peerName),
        outbound: this.#ringAddress(peer.id, spec.name),
      };
    });
  }

  #ringAddress(ownerId: number, senderName: string): Address {
    const index = (this.specs[ownerId] as NodeSpec).peers.indexOf(senderName);
    assert(index >= 0, () => `node ${ownerId} does not list ${senderName} as a peer`);
    return this.region(ownerId, mailboxRegionName).address + index * ringBytes(this.ring);
  }
}

function placeNode(spec: NodeSpec, id: number, ring: RingShape): ClusterNode {
  const wanted: RegionSpec[] = [...spec.regions];
  if (spec.peers.length > 0) {
    const sizeBytes = spec.peers.length * ringBytes(ring);
    wanted.push({ name: mailboxRegionName, medium: 'dram', sizeBytes });
  }
  let offsetBytes = 0;
  const regions = wanted.map((region) => {
    const placed: Region = { ...region, node: id, address: globalAddress(id, offsetBytes) };
    offsetBytes += Math.ceil(region.sizeBytes / regionAlignBytes) * regionAlignBytes;
    return placed;
  });
  assert(
    offsetBytes <= nodeSpaceBytes,
    () => `the regions of ${spec.name} need ${offsetBytes} B, more than a node's 2^40`,
    'FARSIDE_CAPACITY',
  );
  return {
    id,
    name: spec.name,
    role: spec.role,
    cores: spec.cores,
    regions,
    spaceBytes: offsetBytes,
  };
}
