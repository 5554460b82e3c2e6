#include "lib/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base.h"
#include "lib/log.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Younger than the headers of some systems that the program is built on. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

#define FS_FIRST_ABI (LANDLOCK_ACCESS_FS_REFER - 1) /* all rights over files that ABI 1 knows */
#define FS_STATE                                                                                   \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |                            \
		LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE |                     \
		LANDLOCK_ACCESS_FS_TRUNCATE)

/* The rights over files that this kernel's Landlock knows, 0 where it has none. */
static uint64_t known_rights(int *abi)
{
	*abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (*abi < 1)
		return 0;
	return FS_FIRST_ABI | (*abi >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0) |
	       (*abi >= 3 ? LANDLOCK_ACCESS_FS_TRUNCATE : 0);
}

/* Rights below a folder, or over a file. A pipe takes none and needs none. */
static void allow(int ruleset, int fd, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = fd};
	syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

static void allow_path(int ruleset, const char *path, uint64_t rights)
{
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return; /* what is not there is told of where it is wanted */
	allow(ruleset, fd, rights);
	close(fd);
}

static void allow_folder_of(int ruleset, const char *path, uint64_t rights)
{
	const char *slash = strrchr(path, '/');
	char folder[4096];
	int len = slash ? (int)(slash - path) : 0;
	snprintf(folder, sizeof folder, "%.*s%s", len, path, !slash ? "." : len ? "" : "/");
	allow_path(ruleset, folder, rights);
}

/* Limits what takes a path. Returns the version of Landlock, 0 where there is none. */
static int confine_paths(const struct confine *c)
{
	int abi;
	struct landlock_ruleset_attr attr = {.handled_access_fs = known_rights(&abi)};
	if (!attr.handled_access_fs)
		return 0;
	int ruleset =
		(int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr.handled_access_fs, 0);
	if (ruleset < 0)
		return 0;
	for (size_t i = 0; i < c->file_count; i++)
		allow_path(ruleset, c->files[i], LANDLOCK_ACCESS_FS_READ_FILE);
	if (c->socket)
		allow_folder_of(ruleset, c->socket, LANDLOCK_ACCESS_FS_REMOVE_FILE);
	if (c->state_dir >= 0)
		allow(ruleset, c->state_dir, FS_STATE & attr.handled_access_fs);
	long failed = syscall(SYS_landlock_restrict_self, ruleset, 0);
	close(ruleset);
	return failed ? 0 : abi;
}

/* What a stage does between its start and its end with what it has open. */
static const int calls[] = {
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(close),
	SCMP_SYS(dup2), /* the next output in the place of standard output */
	SCMP_SYS(dup3),
	SCMP_SYS(lseek),
	SCMP_SYS(_llseek),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(ppoll_time64),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(timerfd_settime64),
	/* sockets: the stats socket's clients, datagrams, and descriptors that are passed */
	SCMP_SYS(accept4),
	SCMP_SYS(recv),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(recvmmsg_time64),
	SCMP_SYS(send),
	SCMP_SYS(getsockopt),
	/* what a file is: of descriptors, and of the stats socket before it is unlinked */
	SCMP_SYS(fstat),
	SCMP_SYS(fstat64),
	SCMP_SYS(newfstatat),
	SCMP_SYS(fstatat64),
	SCMP_SYS(lstat),
	SCMP_SYS(lstat64),
	SCMP_SYS(statx),
	/* memory, time and random bytes: the C library's own */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(futex_time64),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_gettime64),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getrandom),
	SCMP_SYS(sysinfo), /* qsort measures the memory */
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	/* signals, and the end */
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigreturn),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

static const int state_calls[] = {
	SCMP_SYS(openat),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(ftruncate),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(unlinkat),
};

static int add_calls(scmp_filter_ctx f, const int *list, size_t count)
{
	int bad = 0;
	for (size_t i = 0; i < count; i++)
		bad |= seccomp_rule_add(f, SCMP_ACT_ALLOW, list[i], 0);
	return bad;
}

/* Calls that are allowed with some arguments only. */
static int add_narrow(scmp_filter_ctx f)
{
	static const int memory[] = {SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect)};
	static const int commands[] = {
		F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETPIPE_SZ, F_SETPIPE_SZ, F_DUPFD_CLOEXEC};
	int bad = 0;
	for (size_t i = 0; i < LEN(memory); i++)
		bad |= seccomp_rule_add(
			f, SCMP_ACT_ALLOW, memory[i], 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* to the other end, not to an address: a receiving socket could send anywhere */
	bad |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 1, SCMP_A4(SCMP_CMP_EQ, 0, 0));
	/* flags and the size of a pipe, but not who is sent a signal when it is ready */
	for (size_t i = 0; i < LEN(commands); i++) {
		scmp_datum_t cmd = (scmp_datum_t)commands[i];
		bad |= seccomp_rule_add(
			f, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, cmd, 0));
		bad |= seccomp_rule_add(
			f, SCMP_ACT_ALLOW, SCMP_SYS(fcntl64), 1, SCMP_A1(SCMP_CMP_EQ, cmd, 0));
	}
	/* what ends a program that finds itself damaged */
	bad |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
		SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	return bad;
}

static int add_paths(scmp_filter_ctx f, const struct confine *c)
{
	int bad = 0;
	if (c->state_dir >= 0)
		bad |= add_calls(f, state_calls, LEN(state_calls));
	else if (c->file_count)
		bad |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
	if (c->socket)
		bad |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(unlink), 0);
	if (c->socket && c->state_dir < 0) /* where there is no unlink */
		bad |= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(unlinkat), 0);
	return bad;
}

/* Limits the system calls. Returns 0 or a negative errno. */
static int confine_calls(const struct confine *c)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!f)
		return -ENOMEM;
	/* Nothing that runs here was written by others, so it needs no slower memory against
	 * speculation; older libraries know neither this nor the faster search. */
	seccomp_attr_set(f, SCMP_FLTATR_CTL_SSB, 1);
	seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	int err = add_calls(f, calls, LEN(calls)) | add_narrow(f) | add_paths(f, c);
	seccomp_attr_set(
		f, SCMP_FLTATR_API_SYSRAWRC, 1); /* the errno of the kernel, where it can */
	err = err ? -EINVAL : seccomp_load(f);
	seccomp_release(f);
	return err;
}

static bool unwanted(void)
{
	const char *wish = getenv("GOFLOW_CONFINE");
	if (SANITIZED)
		log_debug("not confined: built with a sanitizer");
	else if (wish && strcmp(wish, "no") == 0)
		log_warn("not confined: GOFLOW_CONFINE=no");
	else
		return false;
	return true;
}

void confine(const struct confine *c)
{
	if (unwanted())
		return;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		log_warn("not confined: %s", strerror(errno));
		return;
	}
	bool opens = c->state_dir >= 0 || c->file_count;
	int landlock = confine_paths(c), err = confine_calls(c);
	if (err)
		log_warn("not confined: no seccomp: %s landlock=%d", strerror(-err), landlock);
	else if (!landlock && c->state_dir >= 0)
		log_warn("confined in part: the kernel has no Landlock, so files outside of the "
			 "state's folder can be opened");
	else
		log_debug("confined landlock=%d opens=%s", landlock,
			!opens              ? "nothing"
			: c->state_dir >= 0 ? "state"
					    : "input");
}
