import {
  isVerbsError,
  loadAddon,
  type Native,
  probeCapabilities,
  verbsMissing,
} from '../fabric/verbs/index.ts';

/** Whether the verbs fabric works here; `detail` says with what, or the one step missing. */
export interface VerbsStatus {
  readonly works: boolean;
  readonly detail: string;
}

/** Loads the addon, opens every device and probes it: what `farside doctor` prints of verbs. */
export function verbsStatus(): VerbsStatus {
  const missing = verbsMissing();
  if (missing !== undefined) return { works: false, detail: `${missing.why}: ${missing.step}` };
  const native = loadAddon();
  const names = native.getDeviceList();
  if (names.length === 0) {
    return {
      works: false,
      detail:
        'no RDMA device: as root, modprobe rdma_rxe && rdma link add rxe0 type rxe netdev IFACE ' +
        'makes a soft-RoCE one of network interface IFACE',
    };
  }
  const found = names.map((name) => deviceStatus(native, name));
  return {
    works: found.some(({ works }) => works),
    detail: found.map(({ detail }) => detail).join('; '),
  };
}

/** What was probed of FLUSH: how far it reaches, or who lacks it. */
function flushReach(works: boolean, global: boolean, persistent: boolean): string {
  if (works) return persistent ? 'persistent where the memory is' : 'global';
  return global
    ? 'libibverbs is older than 45'
    : 'device or kernel: soft-RoCE has it from kernel 6.3 on';
}

function deviceStatus(native: Native, name: string): VerbsStatus {
  try {
    const device = native.openDevice(name);
    try {
      const { state, activeMtuBytes } = native.queryPort(device, 1);
      if (state !== 'active') {
        return { works: false, detail: `${name}: its port is ${state}, bring its link up` };
      }
      const { atomicCap, flushGlobal, flushPersistent } = native.queryDevice(device);
      const { inlineBytes, flush, atomicWrite } = probeCapabilities(native, device);
      const has = (name: string, there: boolean): string => `${there ? '' : 'no '}${name}`;
      return {
        works: atomicCap !== 'none',
        detail:
          `${name}: path MTU ${activeMtuBytes} B, ${inlineBytes} B inline, ` +
          `${has('atomics', atomicCap !== 'none')}, ` +
          `${has('FLUSH', flush)} (${flushReach(flush, flushGlobal, flushPersistent)}), ` +
          has('ATOMIC_WRITE', atomicWrite),
      };
    } finally {
      native.close(device);
    }
  } catch (error) {
    if (!isVerbsError(error)) throw error;
    const hint = error.code === 'EACCES' || error.code === 'EPERM' ? ' (/dev/infiniband)' : '';
    return { works: false, detail: `${name}: ${error.message}${hint}` };
  }
}
