/* Loaded into a program under test: at SIGUSR2 it tries, from inside the process, what a confined
 * one must not be able to do, and writes to standard error what came of each: "attempt NAME: ok" or
 * the errno's name. GOFLOW_ATTEMPT_DIR, if set, names a folder in which it tries to write a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
	char dir[256];
	int dir_fd;   /* as the program itself holds one */
	int tcp, udp; /* sockets from before the program confined itself */
} before = {.dir_fd = -1};

static void tell(const char *name, long got)
{
	const char *result = got >= 0          ? "ok"
			     : errno == EPERM  ? "EPERM"
			     : errno == EACCES ? "EACCES"
					       : "another error";
	char line[128];
	int len = snprintf(line, sizeof line, "attempt %s: %s\n", name, result);
	if (write(STDERR_FILENO, line, (size_t)len) != len)
		_exit(1);
}

static void try_files(void)
{
	char path[300];
	tell("open", open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	tell("open-device", open("/dev/null", O_WRONLY | O_CLOEXEC));
	tell("create", open("attempt.out", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	tell("unlink", unlink("attempt.victim"));
	tell("rename", rename("attempt.victim", "attempt.moved"));
	if (!*before.dir)
		return;
	snprintf(path, sizeof path, "%s/../attempt.victim", before.dir);
	tell("open-above", open(path, O_WRONLY | O_CLOEXEC));
	tell("state-write", openat(before.dir_fd, "a.tmp", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	tell("state-rename", renameat(before.dir_fd, "a.tmp", before.dir_fd, "a"));
	tell("state-unlink", unlinkat(before.dir_fd, "a", 0));
}

static void try_network(void)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0x7f000001)};
	const struct sockaddr *sa = (const struct sockaddr *)&to;
	struct iovec v = {&to, 1};
	struct msghdr m = {
		.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &v, .msg_iovlen = 1};
	tell("socket", socket(AF_INET, SOCK_STREAM, 0));
	tell("socket-unix", socket(AF_UNIX, SOCK_STREAM, 0));
	tell("connect", connect(before.udp, sa, sizeof to));
	tell("listen", listen(before.tcp, 1));
	tell("sendto", sendto(before.udp, "x", 1, 0, sa, sizeof to));
	tell("sendmsg", sendmsg(before.udp, &m, 0));
}

static void try_programs(void)
{
	char name[] = "program", *const argv[] = {name, NULL};
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	tell("fork", child);
	if (child > 0)
		waitpid(child, NULL, 0);
	void *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	tell("executable-memory", code == MAP_FAILED ? -1 : 0);
	tell("kill", kill(getppid(), 0));
	/* it would not return; asked for a file that is not there, it says so where it may run */
	tell("execve", execve("/nonexistent/program", argv, NULL) < 0 && errno == ENOENT ? 0 : -1);
}

static void on_signal(int signal)
{
	int saved = errno;
	(void)signal;
	try_files();
	try_network();
	try_programs();
	tell("end", 0);
	errno = saved;
}

__attribute__((constructor)) static void prepare(void)
{
	const char *dir = getenv("GOFLOW_ATTEMPT_DIR");
	if (dir) {
		snprintf(before.dir, sizeof before.dir, "%s", dir);
		before.dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	before.tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	before.udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	sigaction(SIGUSR2, &act, NULL);
}
