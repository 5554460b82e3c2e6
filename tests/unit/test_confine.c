/* confine: each case runs in a child of its own, since there is no way back. */
#include "lib/confine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* A check in a child: says which failed, and ends it. */
#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #what,       \
				errno);                                                            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)
#define FAILS(call, why) CHECK((errno = 0, (call) < 0) && errno == (why))

static char dir[32];

static int enter(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/gf.XXXXXX");
	if (!mkdtemp(dir) || chdir(dir) || mkdir("state", 0700) || mkdir("run", 0700))
		return -1;
	fclose(fopen("outside", "w"));
	fclose(fopen("run/s.sock", "w"));
	return 0;
}

static int leave(void **state)
{
	char command[64];
	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return chdir("/") || system(command);
}

static void in_child(void (*run)(void))
{
	int status;
	if (SANITIZED)
		skip();
	pid_t child = fork();
	if (child == 0) {
		run();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* As on a kernel that does not have the call. */
static void without(int call)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	CHECK(f && !seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), call, 0) && !seccomp_load(f));
	seccomp_release(f);
}

static void check_locked_in(int udp)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	char name[] = "/bin/true", *const argv[] = {name, NULL};
	struct timespec t;
	FAILS(socket(AF_INET, SOCK_DGRAM, 0), EPERM);
	FAILS(socket(AF_UNIX, SOCK_STREAM, 0), EPERM);
	FAILS(connect(udp, (struct sockaddr *)&to, sizeof to), EPERM);
	FAILS(sendto(udp, "x", 1, 0, (struct sockaddr *)&to, sizeof to), EPERM);
	FAILS(execve(name, argv, NULL), EPERM);
	FAILS(fork(), EPERM);
	FAILS(kill(getppid(), 0), EPERM);
	FAILS(fcntl(udp, F_SETOWN, getppid()), EPERM);
	/* and what it lives on */
	char *big = malloc(8 << 20);
	CHECK(big);
	big = realloc(memset(big, 1, 8 << 20), 16 << 20);
	CHECK(big);
	free(big);
	CHECK(clock_gettime(CLOCK_REALTIME, &t) == 0);
	CHECK(fprintf(stderr, "%s", "") == 0);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == -1); /* not even that may be asked */
}

static void opens_nothing(void)
{
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	confine(&(struct confine){.state_dir = -1});
	FAILS(open("outside", O_RDONLY), EPERM);
	FAILS(openat(AT_FDCWD, "outside", O_RDONLY), EPERM);
	FAILS(open("new", O_WRONLY | O_CREAT, 0600), EPERM);
	FAILS(unlink("outside"), EPERM);
	FAILS(rename("outside", "elsewhere"), EPERM);
	check_locked_in(udp);
}

static void test_opens_nothing(void **state)
{
	(void)state;
	in_child(opens_nothing);
}

static void unlinks_its_socket(void)
{
	confine(&(struct confine){.socket = "run/s.sock", .state_dir = -1});
	FAILS(unlink("outside"), EACCES);
	FAILS(open("run/s.sock", O_RDONLY), EPERM);
	CHECK(unlink("run/s.sock") == 0);
}

static void test_unlinks_its_socket(void **state)
{
	(void)state;
	in_child(unlinks_its_socket);
	assert_int_equal(access("run/s.sock", F_OK), -1);
}

static void reads_its_files(void)
{
	const char *files[] = {"outside", "not-there"};
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	confine(&(struct confine){.files = files, .file_count = 2, .state_dir = -1});
	CHECK(open("outside", O_RDONLY) >= 0);
	CHECK(open("outside", O_RDONLY) >= 0);
	FAILS(open("not-there", O_RDONLY), ENOENT);
	FAILS(open("outside", O_WRONLY), EPERM);
	FAILS(open("/etc/passwd", O_RDONLY), EACCES);
	check_locked_in(udp);
}

static void test_reads_its_files(void **state)
{
	(void)state;
	in_child(reads_its_files);
}

static void keep_state(int state_dir)
{
	int fd = openat(state_dir, "s.tmp", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 && close(fd) == 0);
	CHECK(renameat(state_dir, "s.tmp", state_dir, "s") == 0);
	CHECK(openat(state_dir, "s", O_RDONLY) >= 0);
	CHECK(openat(state_dir, "s.tmp", O_WRONLY | O_CREAT | O_TRUNC, 0600) >= 0);
	CHECK(unlinkat(state_dir, "s.tmp", 0) == 0);
	CHECK(fsync(state_dir) == 0);
}

static void writes_its_state(void)
{
	int udp = socket(AF_INET, SOCK_DGRAM, 0), fd = open("state", O_RDONLY | O_DIRECTORY);
	confine(&(struct confine){.state_dir = fd});
	keep_state(fd);
	FAILS(openat(fd, "../outside", O_RDONLY), EACCES);
	FAILS(openat(fd, "../new", O_WRONLY | O_CREAT, 0600), EACCES);
	FAILS(open("/etc/passwd", O_RDONLY), EACCES);
	FAILS(unlinkat(AT_FDCWD, "outside", 0), EACCES);
	FAILS(renameat(fd, "s", AT_FDCWD, "s"), EACCES);
	FAILS(mkdirat(fd, "folder", 0700), EPERM);
	check_locked_in(udp);
}

static void test_writes_its_state(void **state)
{
	(void)state;
	in_child(writes_its_state);
}

static void lives_without_landlock(void)
{
	int udp = socket(AF_INET, SOCK_DGRAM, 0), fd = open("state", O_RDONLY | O_DIRECTORY);
	without(SCMP_SYS(landlock_create_ruleset));
	confine(&(struct confine){.state_dir = fd});
	keep_state(fd);
	check_locked_in(udp);
}

static void opens_nothing_without_landlock(void)
{
	without(SCMP_SYS(landlock_create_ruleset));
	opens_nothing();
}

static void lives_without_seccomp(void)
{
	without(SCMP_SYS(seccomp));
	confine(&(struct confine){.state_dir = -1});
	FAILS(open("outside", O_RDONLY), EACCES); /* Landlock alone */
	CHECK(socket(AF_INET, SOCK_DGRAM, 0) >= 0);
}

static void test_lives_on_old_kernels(void **state)
{
	(void)state;
	in_child(lives_without_landlock);
	in_child(opens_nothing_without_landlock);
	in_child(lives_without_seccomp);
}

/* A supervisor hands a stage another output this way. */
static int receive_descriptor(int from)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte;
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control};
	int fd;
	CHECK(recvmsg(from, &m, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&m));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
	return fd;
}

static void send_descriptor(int to, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {.bytes = {0}};
	char byte = 0;
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	CHECK(sendmsg(to, &m, 0) == 1);
}

static void takes_a_descriptor(void)
{
	int pair[2], ends[2];
	char got[8] = "";
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair) && !pipe(ends));
	send_descriptor(pair[1], ends[1]);
	close(ends[1]);
	confine(&(struct confine){.state_dir = -1});
	int fd = receive_descriptor(pair[0]);
	CHECK(fcntl(fd, F_SETPIPE_SZ, 1 << 20) >= 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	CHECK(write(fd, "hello", 5) == 5 && read(ends[0], got, sizeof got) == 5);
}

static void test_takes_a_descriptor(void **state)
{
	(void)state;
	in_child(takes_a_descriptor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opens_nothing),
		cmocka_unit_test(test_unlinks_its_socket),
		cmocka_unit_test(test_reads_its_files),
		cmocka_unit_test(test_writes_its_state),
		cmocka_unit_test(test_lives_on_old_kernels),
		cmocka_unit_test(test_takes_a_descriptor),
	};
	return cmocka_run_group_tests(tests, enter, leave);
}
