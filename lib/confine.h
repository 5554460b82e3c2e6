/* confine: a process that parses bytes from outside locks itself in, so that one that was taken over
 * reaches nothing but the descriptors it has. seccomp leaves it the system calls that a stage makes,
 * anything else fails with EPERM; Landlock, where the kernel has it, limits by path the few of them
 * that take one, which then fail with EACCES elsewhere. What is forbidden fails and does not kill: a
 * call that was forgotten shows as an error in the log.
 *
 * What every confined process may still do: read, write, wait, and receive descriptors on what it has
 * open; serve its stats socket (accept, send without an address); manage memory that is not
 * executable; ask for the time and for random bytes. It cannot make or connect sockets, send to an
 * address, start processes or threads, nor signal any process but itself. */
#ifndef GOFLOW_CONFINE_H
#define GOFLOW_CONFINE_H

#include <stddef.h>

struct confine {
	const char *const *files; /* may be opened, for reading, as often as wanted; borrowed */
	size_t file_count;
	/* Will be unlinked at the end; NULL: nothing is. Landlock frees its folder for that, and without
	 * Landlock nothing limits unlink. */
	const char *socket;
	/* A descriptor of the folder below which files may be read, made, written, renamed and removed;
	 * -1: none. Not taken over. */
	int state_dir;
};

/* Confines this process from now on; there is no way back. Call it from the only thread, once all is
 * open. What the kernel cannot do is logged as a warning where it leaves a hole, and the program goes
 * on; how well it is confined is logged as debug. GOFLOW_CONFINE=no in the environment leaves it out,
 * with a warning, for tools that work inside the process, as valgrind does. A build with a sanitizer is
 * not confined, since a sanitizer's own report needs what is forbidden here. */
void confine(const struct confine *c);

#endif
