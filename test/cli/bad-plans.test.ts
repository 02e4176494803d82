import { vi } from 'vitest';
import { refuses } from '../support/bad-input.ts';

vi.setConfig({ testTimeout: 240_000 });

refuses('fault plans', [
  {
    what: 'a fault of a node that is not there',
    args: 'run direct --compute-nodes 2 --fault crash~cn9~at~3ms',
    says: /^farside: --fault "crash cn9 at 3ms": there is no node cn9: .* and more with --compute-nodes$/,
  },
  {
    what: 'a fault of a standby where there is none',
    args: 'run central --fault crash~standby0~at~3ms',
    says: /^farside: --fault ".*": there is no node standby0: add --standbys 1$/,
  },
  {
    what: 'a fault of a misspelt server',
    args: 'run central --fault crash~cordinator~at~3ms',
    says: /^farside: --fault ".*": there is no node cordinator; did you mean coordinator\?$/,
  },
  {
    what: 'a fault in a file, at its place',
    args: 'compare faulty.yaml',
    files: {
      'faulty.yaml': 'systems: [direct]\nfaults:\n  - lose mn0 at 3ms\n  - lose cn0 at 3ms\n',
    },
    says: /^farside: faulty\.yaml:4:5: "lose cn0 at 3ms": cn0 is no memory node: crash is for/,
  },
  {
    what: 'a fault that is no sentence',
    args: 'compare faulty.yaml',
    files: { 'faulty.yaml': 'systems: [direct]\nfaults: [crash cn0]\n' },
    says: /^farside: faulty\.yaml:2:10: faults is "crash cn0": expected crash … at a moment/,
  },
  {
    what: 'a standby where there is none',
    args: 'run central --fault crash~coordinator~at~3ms,~standby~after~1ms',
    says: /^farside: --fault ".*": there is no standby node: add --standbys 1$/,
  },
  {
    what: 'a node that is lost twice',
    args: 'run direct --replicas 2 --fault lose~mn1~at~1ms --fault lose~mn1~at~2ms',
    says: /^farside: --fault "lose mn1 at 2ms": mn1 does not come back after "lose mn1 at 1ms"$/,
  },
  {
    what: 'a spare for two',
    args:
      'run direct --replicas 2 --spares 1 --fault move~mn0~to~mn4~at~1ms ' +
      '--fault lose~mn1~at~2ms,~spare~mn4',
    says: /^farside: --fault ".*": mn4 is no longer free after "move mn0 to mn4 at 1ms"$/,
  },
  {
    what: 'a standby that runs nothing yet',
    args: 'run clover --standbys 1 --fault crash~standby0~at~1ms,~restart~after~1ms',
    says: /^farside: --fault ".*": standby0 runs nothing until a server before it has crashed with/,
  },
  {
    what: 'more take-overs than standbys',
    args:
      'run clover --set clover.metadataServers=2 --standbys 1 ' +
      '--fault crash~ms0~at~1ms,~standby~after~1ms --fault crash~ms1~at~2ms,~standby~after~1ms',
    says: /^farside: --fault ".*": that is take-over 2, and standbys are 1: add --standbys 2$/,
  },
]);
