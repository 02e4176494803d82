import { formatAddress } from '../core/address.ts';
import type { Audit } from '../systems/recovery.ts';
import { holds, type Verdict } from './verdict.ts';

/**
 * Conservation of space, over an audit of a store at rest: every buffer is reachable from one entry or
 * free, none is both or twice free, no entry is there twice, and the audit saw nothing else that must
 * never be.
 */
export function checkConservation(audit: Audit): Verdict {
  const wrong: string[] = [];
  if (audit.leaked.length > 0) {
    wrong.push(`${some(audit.leaked)} neither reachable nor free (leaked)`);
  }
  if (audit.doubled.length > 0) {
    wrong.push(`${some(audit.doubled)} in two places at once (freed twice)`);
  }
  const twice = repeated(audit.entries.map(({ key }) => key));
  if (twice !== undefined) wrong.push(`key ${JSON.stringify(twice)} has two entries`);
  wrong.push(...audit.violations.map((sentence) => sentence.replace(/\.$/, '')));
  if (wrong.length === 0) return holds;
  return { status: 'broken', explanation: `${wrong.join('; ')}.`, operations: [] };
}

/** Of a long list the first few. */
function some(addresses: readonly number[]): string {
  const shown = addresses.slice(0, 3).map(formatAddress).join(', ');
  if (addresses.length === 1) return `the buffer at ${shown} is`;
  const more = addresses.length > 3 ? ' …' : '';
  return `${addresses.length} buffers (at ${shown}${more}) are`;
}

function repeated(keys: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return keys.find((key) => seen.size === seen.add(key).size);
}
