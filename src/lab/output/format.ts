/**
 * Numbers as people read them: three significant digits, and a unit or prefix that keeps them
 * between 1 and 1000. One place, so that a table, a plot and a page never show two forms of one
 * number.
 */

const digits = 3;

/** 2.41, 24.1, 241, 2410: at least `digits` significant digits and never an exponent. */
export function significant(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return '0';
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  const decimals = Math.max(0, digits - 1 - magnitude);
  // Rounding may reach the next power of ten: 9.996 is 10.0 and not 10.00.
  const rounded = Number(value.toFixed(Math.min(100, decimals)));
  const carried = rounded !== 0 && Math.floor(Math.log10(Math.abs(rounded))) > magnitude;
  return rounded.toFixed(Math.max(0, carried ? decimals - 1 : decimals));
}

export interface Unit {
  readonly name: string;
  readonly factor: number;
}

const timeUnits: readonly Unit[] = [
  { name: 'ns', factor: 1 },
  { name: 'µs', factor: 1e3 },
  { name: 'ms', factor: 1e6 },
  { name: 's', factor: 1e9 },
];

const byteUnits: readonly Unit[] = [
  { name: 'B', factor: 1 },
  { name: 'KiB', factor: 2 ** 10 },
  { name: 'MiB', factor: 2 ** 20 },
  { name: 'GiB', factor: 2 ** 30 },
  { name: 'TiB', factor: 2 ** 40 },
];

const prefixes: readonly Unit[] = [
  { name: '', factor: 1 },
  { name: 'k', factor: 1e3 },
  { name: 'M', factor: 1e6 },
  { name: 'G', factor: 1e9 },
  { name: 'T', factor: 1e12 },
];

function unitFor(value: number, units: readonly Unit[]): Unit {
  // Half a last digit below the limit already prints as the limit: 999.6 µs reads 1.00 ms.
  const reached = (unit: Unit): boolean => Math.abs(value) * (1 + 5e-4) >= unit.factor;
  return units.findLast(reached) ?? units[0]!;
}

function inUnit(value: number, units: readonly Unit[]): string {
  const unit = unitFor(value, units);
  const number = significant(value / unit.factor);
  return unit.name === '' ? number : `${number} ${unit.name}`;
}

/** `2.41 µs` */
export function formatNs(ns: number): string {
  return inUnit(ns, timeUnits);
}

/** `97.7 MiB`; whole bytes below a KiB. */
export function formatBytes(bytes: number): string {
  return bytes < 1000 ? `${Number(significant(bytes))} B` : inUnit(bytes, byteUnits);
}

/** `6.47 M`: a count or a rate with a decimal prefix. */
export function formatSi(value: number): string {
  if (Math.abs(value) < 1000) return String(Number(significant(value)));
  return inUnit(value, prefixes);
}

/** `1,040`: to the unit above 1000, where people check a number against a formula. */
export function formatCount(value: number): string {
  if (Math.abs(value) >= 1000) return grouped(value);
  return Number.isInteger(value) ? String(value) : significant(value);
}

/** `1 run`, `2 runs`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** `$53,096` */
export function formatUsd(usd: number): string {
  return `$${grouped(usd)}`;
}

/** `12.3 %` of a share between 0 and 1. */
export function formatPercent(share: number): string {
  return `${Number(significant(share * 100))} %`;
}

/** Not toLocaleString: its separators depend on the machine, and a result must not. */
function grouped(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

/** The unit in which the largest of `values` is easiest to read, for the axis of a plot. */
export function timeUnitOf(values: readonly number[]): Unit {
  return unitFor(Math.max(1, ...values.map(Math.abs)), timeUnits);
}

export function byteUnitOf(values: readonly number[]): Unit {
  return unitFor(Math.max(1, ...values.map(Math.abs)), byteUnits);
}

export function prefixOf(values: readonly number[]): Unit {
  return unitFor(Math.max(1, ...values.map(Math.abs)), prefixes);
}
