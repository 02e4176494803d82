/** For the command line, whose help must not load the engine. */
export { type JoinableRole, joinableRoles } from '../fabric/verbs/roles.ts';
