/**
 * Properties of YCSB's core workload that may stand under `workload:` and behind `-p`. Two others have a
 * place of their own here: `recordcount` is `workload.keys`, `operationcount` is `phases.operations`.
 */
export const ycsbProperties: readonly { readonly name: string; readonly summary: string }[] = [
  { name: 'readproportion', summary: 'share of reads' },
  { name: 'updateproportion', summary: 'share of updates' },
  { name: 'insertproportion', summary: 'share of inserts' },
  { name: 'scanproportion', summary: 'share of scans' },
  { name: 'readmodifywriteproportion', summary: 'share of reads that write back' },
  {
    name: 'requestdistribution',
    summary: 'zipfian, ycsb-scrambled, uniform, latest, hotspot, sequential or exponential',
  },
  { name: 'zipfianconstant', summary: 'skew of zipfian, any number from 0' },
  { name: 'fieldcount', summary: 'fields of an entry' },
  { name: 'fieldlength', summary: 'bytes of a field' },
  { name: 'fieldlengthdistribution', summary: 'constant, uniform, zipfian or histogram' },
  { name: 'insertorder', summary: 'hashed or ordered keys' },
  { name: 'insertstart', summary: 'number of the first key' },
  { name: 'zeropadding', summary: 'digits of a key number' },
  { name: 'maxscanlength', summary: 'longest scan, in entries' },
  { name: 'scanlengthdistribution', summary: 'uniform or zipfian' },
  { name: 'hotspotdatafraction', summary: 'share of keys that are hot' },
  { name: 'hotspotopnfraction', summary: 'share of operations on hot keys' },
];

/** YCSB's name of a parameter that has a place of its own: its path here. */
export const ycsbSynonyms: ReadonlyMap<string, string> = new Map([
  ['recordcount', 'workload.keys'],
  ['operationcount', 'phases.operations'],
  ['dataintegrity', 'workload.dataIntegrity'],
]);
