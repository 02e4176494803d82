import type { Role } from '../../memory/cluster.ts';

/** What a process can be that joins a run. */
export const joinableRoles = ['compute', 'coordinator', 'metadata', 'standby'] as const;
export type JoinableRole = Extract<Role, (typeof joinableRoles)[number]>;
