import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../src/lab/package.ts';

/**
 * Modules that a user could write, as text: Direct with something changed. Each wraps what Direct
 * gives and replaces one member.
 */
const direct = pathToFileURL(path.join(packageRoot, 'dist/src/systems/direct/index.js')).href;

function changed(name: string, replace: string): string {
  return `
import { system as direct } from ${JSON.stringify(direct)};

const over = (target, members) =>
  new Proxy(target, {
    get: (from, key) => {
      const value = Object.hasOwn(members, key) ? members[key] : Reflect.get(from, key);
      return typeof value === 'function' ? value.bind(from) : value;
    },
  });

export const system = { ...direct, name: ${JSON.stringify(name)}, ${replace} };
`;
}

/** Direct under another name. */
export const plainSystem = changed('plain', '');

/** A get that changes a byte of what it read. */
export const corruptingSystem = changed(
  'corrupting',
  `openNode(site, config) {
    const node = direct.openNode(site, config);
    return over(node, {
      openClient() {
        const client = node.openClient();
        return over(client, {
          *get(key, into) {
            const length = yield* client.get(key, into);
            into[length >> 1] ^= 1;
            return length;
          },
        });
      },
    });
  }`,
);

/** A client that does something else every time, whatever the seed. */
export const restlessSystem = changed(
  'restless',
  `openNode(site, config) {
    const node = direct.openNode(site, config);
    return over(node, {
      openClient() {
        const client = node.openClient();
        return over(client, {
          *get(key, into) {
            if (Math.random() < 0.5) yield* client.get(key, into);
            return yield* client.get(key, into);
          },
        });
      },
    });
  }`,
);

/** A system with a mistake in it. */
export const failingSystem = changed('failing', 'openNode() { return undefinedHelper(); }');
