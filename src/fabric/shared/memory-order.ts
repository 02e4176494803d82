/**
 * Why verbs of one program take effect in the order in which it posts them, and why a peer that
 * sees a later one sees the earlier ones.
 *
 * A verb is executed when it is posted, so program order is post order; what remains is what the
 * CPU may exchange. Two patterns must hold between a worker W and a worker R:
 *
 *   publish    W: copy body; store word        R: load word; copy body      R sees the whole body
 *   signal     W: store word; load `sleeping`  R: store `sleeping`; load word     one of them sees
 *
 * x86-64 (TSO): stores become visible in program order and loads are satisfied in program order, so
 * `publish` holds for plain copies and plain loads. Copies are loops of word stores within ordinary
 * memory; V8 emits no non-temporal stores, which alone would escape TSO. V8 itself moves no access
 * to a typed array across a call, and between two verbs there is at least the resumption of a
 * generator. `signal` needs the store to be visible before the load, which TSO does not give: words
 * are therefore stored with `Atomics.store`, an XCHG, which drains the store buffer.
 *
 * ARM and others: the word's `Atomics.store` is a store-release, so it comes after the body; but
 * two copies in a row may be exchanged, and so may two loads. There `orderVerbs` runs after each
 * verb: a store-release then a load-acquire of one private word. Everything before stays before the
 * release, everything after stays after the acquire, and a release is never exchanged with a later
 * acquire. (One read-modify-write would not do on ARMv8.0: what follows it may enter between its
 * two halves.)
 */
const processorName = (globalThis as { process?: { arch?: string } }).process?.arch;

export const storesAreOrdered = processorName === 'x64' || processorName === 'ia32';

const barrier = new Int32Array(new SharedArrayBuffer(4));

export function orderVerbs(): void {
  Atomics.store(barrier, 0, 0);
  Atomics.load(barrier, 0);
}
