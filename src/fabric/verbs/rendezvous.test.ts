import { once } from 'node:events';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { type JoinOptions, joinRuns } from './joined-node.ts';
import { nodeMajor } from './link.ts';
import { Rendezvous, type RendezvousOptions } from './rendezvous.ts';
import type { JoinableRole } from './roles.ts';

const host = '127.0.0.1';
const open: Rendezvous[] = [];

async function rendezvous(options: Partial<RendezvousOptions> = {}): Promise<Rendezvous> {
  const made = await Rendezvous.open({
    host,
    port: 0,
    version: '1.0',
    wanted: new Map<JoinableRole, number>([['compute', 2]]),
    waitMs: 5000,
    ...options,
  });
  open.push(made);
  return made;
}

function join(at: string, options: Partial<JoinOptions> = {}): Promise<number> {
  const port = Number(at.split(':')[1]);
  return joinRuns({
    at: { host, port },
    role: 'compute',
    version: '1.0',
    hostName: 'here',
    waitMs: 0,
    ...options,
  });
}

afterEach(() => {
  for (const made of open.splice(0)) made.close();
});

test('members are handed out once, and sent home at the end', async () => {
  const meeting = await rendezvous();
  const homes = [join(meeting.at), join(meeting.at)];
  const members = await meeting.members(['compute', 'compute']);
  expect(new Set(members).size).toBe(2);
  expect(members.every(({ clock }) => clock.errorNs === 0)).toBe(true);
  meeting.close();
  expect(await Promise.all(homes)).toEqual([0, 0]);
});

test('the clock of another host is measured, with a bound', async () => {
  const meeting = await rendezvous();
  const home = join(meeting.at, { clockId: 'another boot' });
  const [member] = await meeting.members(['compute']);
  const { offsetNs, errorNs } = member!.clock;
  expect(errorNs).toBeGreaterThan(0);
  // It is this very process, so its clock is right.
  expect(Math.abs(Number(offsetNs))).toBeLessThanOrEqual(errorNs + 0.5);
  meeting.close();
  await home;
});

test('another version is told so on both sides, and the right one is still let in', async () => {
  const news: string[] = [];
  const meeting = await rendezvous({ onNews: (text) => news.push(text) });
  const members = meeting.members(['compute']);
  await expect(join(meeting.at, { version: '2.0' })).rejects.toThrow(
    `${meeting.at}: it is farside 1.0, and this is 2.0: run the same version on both`,
  );
  const home = join(meeting.at);
  expect(await members).toHaveLength(1);
  expect(news).toContain(
    `sent away from ${meeting.at}: it is farside 2.0, and this is 1.0: run the same version on both`,
  );
  meeting.close();
  await home;
});

test('where nodes must be here, one of another host is told why, and so is the one who waits', async () => {
  const news: string[] = [];
  const onlyHere = 'its file is here';
  const meeting = await rendezvous({ onlyHere, onNews: (text) => news.push(text) });
  const members = meeting.members(['compute']);
  const why = `a node on host ${hostname()} cannot take part: its file is here`;
  const far = join(meeting.at, { hostName: hostname(), clockId: 'another boot' });
  await expect(far).rejects.toThrow(why);
  expect(news).toContain(`sent away from ${meeting.at}: ${why}`);
  const home = join(meeting.at, { hostName: hostname() });
  expect(await members).toHaveLength(1);
  meeting.close();
  await home;
});

test('who waits no longer does not wait again', async () => {
  const meeting = await rendezvous();
  const waiting = meeting.members(['compute']);
  await new Promise((resolve) => setImmediate(resolve));
  meeting.abort();
  await expect(waiting).rejects.toThrow('waited no longer');
  await expect(meeting.members(['compute'])).rejects.toThrow('waited no longer');
});

test('garbage, and what only looks like a node, are dropped, and the others do not notice', async () => {
  const meeting = await rendezvous();
  const port = Number(meeting.at.split(':')[1]);
  const head = Buffer.from([...Buffer.from('FSJ1'), 1, 0, nodeMajor, 3, ...Buffer.from('1.0')]);
  const bad = [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.concat([head, Buffer.from([4, 0, 0, 0, 1, 2, 3, 4])]),
    Buffer.concat([head, Buffer.from([255, 255, 255, 255])]),
    head.subarray(0, 6),
  ];
  for (const bytes of bad) {
    const socket = connect({ host, port });
    socket.on('error', () => {});
    socket.resume();
    socket.end(bytes);
    await once(socket, 'close');
  }
  const home = join(meeting.at);
  expect(await meeting.members(['compute'])).toHaveLength(1);
  meeting.close();
  await home;
});

test('who does not come is named, with what to do', async () => {
  const meeting = await rendezvous({ waitMs: 50 });
  await expect(meeting.members(['compute', 'compute'])).rejects.toThrow(
    `${meeting.at}: 2 of 2 compute did not join within 0.05 s: start each with farside node --role ` +
      `ROLE --join ${meeting.at}`,
  );
});

test('an address that cannot be listened at is one line', async () => {
  const { at } = await rendezvous();
  await expect(rendezvous({ port: Number(at.split(':')[1]) })).rejects.toThrow(
    `cannot listen at ${at}: another process listens there; choose another port`,
  );
  await expect(rendezvous({ host: '192.0.2.1' })).rejects.toThrow(
    'cannot listen at 192.0.2.1:0: no interface of this host has that address',
  );
});
