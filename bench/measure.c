/* measure: runs a pipeline and tells what each program of it took.
 *
 *   measure OUTPUT LOG COMMAND [ARGUMENT...] ['|' COMMAND...]...
 *
 * The last program's standard output goes to OUTPUT, the standard error of all to LOG. Prints one
 * line of JSON: the wall clock time, and for each program its CPU time (user and system, with that
 * of children it waited for), peak memory and exit status. In C, and small, since a child's peak
 * memory is never less than its parent's was. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STAGES_MAX 8

struct stage {
	char **argv;
	pid_t pid;
	int status;
	struct rusage used;
};

static int die(const char *what)
{
	fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
	exit(74);
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int open_new(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return fd >= 0 ? fd : die(name);
}

/* Cuts the arguments at each "|". */
static size_t cut(char **argv, struct stage stages[STAGES_MAX])
{
	size_t n = 0;
	stages[n++].argv = argv;
	for (; *argv; argv++) {
		if (strcmp(*argv, "|") == 0 && n < STAGES_MAX) {
			*argv = NULL;
			stages[n++].argv = argv + 1;
		}
	}
	return n;
}

static pid_t start(struct stage *s, int in, int out, int log)
{
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid > 0)
		return pid;
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
		dup2(log, STDERR_FILENO) < 0)
		_exit(126);
	execvp(s->argv[0], s->argv);
	dprintf(STDERR_FILENO, "measure: %s: %s\n", s->argv[0], strerror(errno));
	_exit(127);
}

static void run(struct stage *stages, size_t n, const char *output, const char *log_name)
{
	int log = open_new(log_name), in = dup(STDIN_FILENO); /* which the first stage reads */
	for (size_t i = 0; i < n; i++) {
		int ends[2] = {-1, -1};
		if (i + 1 < n && pipe2(ends, O_CLOEXEC) < 0)
			die("pipe");
		int out = i + 1 < n ? ends[1] : open_new(output);
		stages[i].pid = start(&stages[i], in, out, log);
		close(in);
		close(out);
		in = ends[0];
	}
	close(log);
	for (size_t i = 0; i < n; i++)
		if (wait4(stages[i].pid, &stages[i].status, 0, &stages[i].used) < 0)
			die("wait4");
}

int main(int argc, char **argv)
{
	static struct stage stages[STAGES_MAX];

	if (argc < 4) {
		fputs("measure OUTPUT LOG COMMAND [ARGUMENT...] ['|' COMMAND...]...\n", stderr);
		return 64;
	}
	size_t n = cut(argv + 3, stages);
	double begun = now();
	run(stages, n, argv[1], argv[2]);
	printf("{\"wall\":%.6f,\"stages\":[", now() - begun);
	for (size_t i = 0; i < n; i++) {
		const struct stage *s = &stages[i];
		printf("%s{\"cpu\":%.6f,\"rss_kib\":%ld,\"status\":%d}", i ? "," : "",
			seconds(s->used.ru_utime) + seconds(s->used.ru_stime), s->used.ru_maxrss,
			WIFEXITED(s->status) ? WEXITSTATUS(s->status) : 128 + WTERMSIG(s->status));
	}
	puts("]}");
	return 0;
}
