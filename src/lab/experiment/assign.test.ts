import { expect, test } from 'vitest';
import { fromFlag, fromProperty, fromSet } from './assign.ts';
import { type Parameter, parameters } from './parameters.ts';

function flag(name: string, text: string) {
  return fromFlag(parameters.find((p) => p.flag === name) as Parameter, text);
}

test.each([
  ['8', [8]],
  ['1,2,4', [1, 2, 4]],
  ['[1, 2]', [1, 2]],
  ['1k, 2', [1000, 2]],
])('--clients %s is %j', (text, values) => {
  const clients = parameters.find((p) => p.flag === 'keys') as Parameter;
  expect(fromFlag(clients, text).values).toEqual(values);
});

test.each([
  ['cluster.replicas=2', 'cluster.replicas', [2]],
  ['workload=a', 'workload.file', ['a']],
  ['profile=ideal', 'profile.name', ['ideal']],
  ['profile.cpu.postNs=1.5k', 'profile.cpu.postNs', [1500]],
  ['workload.recordcount=5k', 'workload.keys', [5000]],
  ['workload.readproportion=0.9', 'workload.readproportion', [0.9]],
  ['clover.cursorPolicy=lru', 'clover.cursorPolicy', ['lru']],
])('--set %s', (text, path, values) => {
  expect(fromSet(text)).toMatchObject({ path, values });
});

test.each([
  [() => fromSet('cluster.replicas'), '--set cluster.replicas: expected path=value'],
  [() => fromSet('=2'), '--set =2: expected path=value'],
  [
    () => fromSet('replicas=2'),
    '--set replicas=2: replicas is not a parameter; did you mean cluster.replicas?',
  ],
  [
    () => fromSet('cluster.replcas=2'),
    'cluster.replcas is not a parameter; did you mean cluster.replicas?',
  ],
  [
    () => fromSet('phases.speed=2'),
    'phases.speed is not a parameter (farside list parameters shows them)',
  ],
  [
    () => fromSet('cluster.replicas=9'),
    '--set cluster.replicas=9: expected a whole number from 1 to 3',
  ],
  [
    () => fromSet('cluster.replicas='),
    '--set cluster.replicas=: expected a value, or a list such as 1,2,4',
  ],
  [() => fromSet('cluster.replicas=[1'), '--set cluster.replicas=[1: expected a whole number'],
  [() => fromProperty('readproporton=1'), 'readproporton is not a property of any workload'],
  [() => fromProperty('readproporton=1'), '; did you mean readproportion?'],
  [
    () => fromProperty('readproportion=most'),
    '-p readproportion=most: expected a number of at least 0',
  ],
  [() => flag('replicas', '5'), '--replicas 5: expected a whole number from 1 to 3'],
  [() => flag('replicas', '1,5'), '--replicas 1,5: "5": expected a whole number from 1 to 3'],
  [() => flag('clients', '1,,2'), '--clients 1,,2: expected a value, or a list such as 1,2,4'],
  [
    () => flag('value-bytes', '64KiB'),
    '--value-bytes 64KiB: expected a size in bytes from 1 to 32768',
  ],
  [() => flag('duration', '10'), '--duration 10: expected a time above 0 with its unit'],
])('%# a bad value names the flag as it was typed', (make, message) => {
  expect(make).toThrow(message);
});
