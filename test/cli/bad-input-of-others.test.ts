import { vi } from 'vitest';
import { refuses } from '../support/bad-input.ts';

vi.setConfig({ testTimeout: 240_000 });

refuses('explain, report, list and help', [
  {
    what: 'an unknown command',
    args: 'compere',
    says: /^farside: unknown command compere; did you mean compare\?$/,
  },
  {
    what: 'help of an unknown command',
    args: 'help compere',
    says: /^farside: help compere: there is no such command; did you mean compare\?$/,
  },
  {
    what: 'a report of a file with several lines that is no JSON',
    args: 'report notes.md',
    files: { 'notes.md': '# notes\n\nnone\n' },
    says: /^farside: notes\.md(:1)?: not JSON: .*; expected a results\.json$/,
  },
  {
    what: 'a report of a folder that is not there',
    args: 'report none',
    says: /^farside: report none: there is no such file; expected a folder with a results\.json/,
  },
  {
    what: 'a report of a folder without results',
    args: 'report empty',
    files: { 'empty/notes.txt': '' },
    says: /^farside: report empty: empty\/results\.json: there is no such file; expected/,
  },
  {
    what: 'a report of something else',
    args: 'report other',
    files: { 'other/results.json': '{ "resultVersion": 3, "runs": 5 }' },
    says: /^farside: other\/results\.json: .*expected a results\.json written by farside$/,
  },
  {
    what: 'a report of half a file',
    args: 'report other/results.json',
    files: { 'other/results.json': '{ "resultVersion": 3,' },
    says: /^farside: other\/results\.json:1: not JSON/,
  },
  {
    what: 'a report of results of another version',
    args: 'report other',
    files: { 'other/results.json': '{ "resultVersion": 99 }' },
    says: /^farside: other\/results\.json: results of version 99, and this farside reads version 3/,
  },
  {
    what: 'plots of a report that go nowhere',
    args: 'report other --plots svg',
    says: /^farside: --plots svg: it has no effect without --out: name a folder$/,
  },
  {
    what: 'a report in a format that is none',
    args: 'report other --format xml',
    says: /^farside: --format xml: expected one of table, json, ycsb$/,
  },
  {
    what: 'a report over other files',
    args: 'report other --out other',
    files: { 'other/results.json': '{ "resultVersion": 99 }' },
    says: /^farside: other\/results\.json: results of version 99/,
  },
  {
    what: 'a value that a setting does not take to check',
    args: 'check clover --set clover.reuse=x',
    says: /^farside: --set clover\.reuse=x: expected one of timing, epochs$/,
  },
  {
    what: 'an unknown setting to check',
    args: 'check clover --set clover.reus=timing',
    says: /^farside: --set clover\.reus=timing: clover has no setting reus; did you mean reuse\?$/,
  },
  {
    what: 'a parameter of runs to check',
    args: 'check clover --set cluster.replicas=2',
    says: /^farside: --set cluster\.replicas=2: cluster is not checked; settings of clover begin with clo/,
  },
  {
    what: 'more copies than memory nodes to check',
    args: 'check direct --replicas 3 --memory-nodes 2',
    says: /^farside: --replicas 3: 3 replicas need 3 memory nodes and there are 2; raise/,
  },
  {
    what: 'standbys without a server to check',
    args: 'check direct --standbys 1',
    says: /^farside: --standbys 1: direct has no server that a standby could take over from/,
  },
  {
    what: 'the loss of all copies to check',
    args: 'check direct --faults crash,lose --spares 1',
    says: /^farside: --faults crash,lose: one copy does not outlive the loss of 1 memory .*: --replicas 2$/,
  },
  {
    what: 'the loss of more memory nodes than copies bear to check',
    args: 'check central --replicas 2 --faults lose@mn0,lose@mn1',
    says: /^farside: --faults lose@mn0,lose@mn1: 2 copies do not outlive the loss of 2 .*: --replicas 3$/,
  },
  {
    what: 'a setting of another system to explain',
    args: 'explain direct put --set clover.cursorsMax=5',
    says: /^farside: --set clover\.cursorsMax=5: clover is not a system of .* \(direct\)$/,
  },
  {
    what: 'a misspelt system before a setting to explain',
    args: 'explain direct put --set dirct.redo=false',
    says: /^farside: --set dirct\.redo=false: dirct is not .*; did you mean direct\.redo\?$/,
  },
  {
    what: 'an unknown setting to explain',
    args: 'explain direct put --set direct.reddo=true',
    says: /^farside: --set direct\.reddo=true: direct has no setting reddo; did you mean redo\?$/,
  },
  {
    what: 'a setting of a wrong type to explain',
    args: 'explain direct put --set direct.redo=maybe',
    says: /^farside: --set direct\.redo=maybe: expected true or false$/,
  },
  {
    what: 'a setting without its system to explain',
    args: 'explain direct put --set redo=false',
    says: /^farside: --set redo=false: did you mean direct\.redo\?$/,
  },
  {
    what: 'a parameter that explain has a flag for',
    args: 'explain direct put --set cluster.replicas=2',
    says: /^farside: --set cluster\.replicas=2: explain takes settings of direct and numbers of/,
  },
  {
    what: 'an unknown number of a profile to explain',
    args: 'explain direct put --set profile.cpu.postNss=4',
    says: /^farside: --set profile\.cpu\.postNss=4: .*did you mean cpu\.postNs\?$/,
  },
  {
    what: 'an unknown profile to explain',
    args: 'explain direct put --profile connectx4',
    says: /^farside: --profile connectx4: there is no profile/,
  },
  {
    what: 'an unknown system to explain',
    args: 'explain dirct put',
    says: /^farside: explain dirct: there is no system dirct; did you mean direct\?/,
  },
  {
    what: 'an unknown subject of list',
    args: 'list profile',
    says: /^farside: list profile: expected one of .*; did you mean profiles\?$/,
  },
]);

refuses('check', [
  { what: 'nothing to check', args: 'check', says: /^farside: check: expected / },
  {
    what: 'a history that is not there',
    args: 'check --history run.edn',
    says: /^farside: run\.edn: there is no such file$/,
  },
  {
    what: 'a history that is malformed at a line',
    args: 'check --history run.edn',
    files: {
      'run.edn':
        ';; two events\n' +
        '{:process 0, :type :invoke, :f :read, :value nil}\n' +
        '{:process 1, :type :ok, :f :read, :value 3}\n',
    },
    says: /^farside: run\.edn:3: process 1 ends an operation that it did not begin$/,
  },
  {
    what: 'a history in JSON that is malformed at a line',
    args: 'check --history run.json',
    files: {
      'run.json': '[{"ClientId":0,"Input":{"op":"get"},"Call":0,"Return":1},\n{"ClientId":0}]\n',
    },
    says: /^farside: run\.json:2: Input is undefined: expected an object$/,
  },
  {
    what: 'something else than a history',
    args: 'check --history run.txt',
    files: { 'run.txt': '\nhello' },
    says: /^farside: run\.txt:2: got "hello", expected Jepsen's EDN/,
  },
  {
    what: 'a promise that there is not',
    args: 'check --history run.edn --promise linearisable',
    says: /^farside: --promise linearisable: expected one of .*; did you mean linearizable\?$/,
  },
  {
    what: 'a format that there is not',
    args: 'check --history run.edn --to json',
    says: /^farside: --to json: expected one of jepsen, elle, porcupine$/,
  },
  {
    what: 'a history that a format cannot show',
    args: 'check --history run.edn --to elle',
    files: { 'run.edn': '{:process 0, :type :invoke, :f :delete, :value ["x" nil]}' },
    says: /^farside: Elle's rw-register has no delete: write/,
  },
]);
