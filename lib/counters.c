#include "lib/counters.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base.h"
#include "lib/err.h"

#define NAME_ROOM 32

/* The layout of the memory, the same in all programs of one version. */
struct layout {
	uint64_t values[COUNTERS_MAX];
	_Atomic uint32_t count; /* 0: not described yet; set last */
	char program[NAME_ROOM], unit[NAME_ROOM];
	struct {
		char name[NAME_ROOM];
		uint32_t role;
	} table[COUNTERS_MAX];
};

static struct layout *shared; /* NULL: the counters are the process's own */

static struct layout *inherited(void)
{
	const char *text = getenv(COUNTERS_ENVIRONMENT);
	if (!text)
		return NULL;
	int fd = (int)strtol(text, NULL, 10);
	void *at = mmap(NULL, sizeof(struct layout), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	unsetenv(COUNTERS_ENVIRONMENT);
	close(fd);
	return at == MAP_FAILED ? NULL : at;
}

uint64_t *counters_memory(void)
{
	static uint64_t own[COUNTERS_MAX];
	shared = inherited();
	memset(own, 0, sizeof own);
	return shared ? shared->values : own;
}

static void copy_name(char out[static NAME_ROOM], const char *name)
{
	strncpy(out, name, NAME_ROOM - 1);
}

void counters_describe(const struct stats_source *source)
{
	if (!shared || source->values != shared->values)
		return;
	copy_name(shared->program, source->program);
	copy_name(shared->unit, source->ledger_unit);
	for (size_t i = 0; i < source->count; i++) {
		copy_name(shared->table[i].name, source->counters[i].name);
		shared->table[i].role = source->counters[i].role;
	}
	atomic_store(&shared->count, (uint32_t)source->count);
}

struct counters_shared {
	int fd;
	struct layout *layout;
	uint64_t values[COUNTERS_MAX];
	char program[NAME_ROOM], unit[NAME_ROOM], names[COUNTERS_MAX][NAME_ROOM];
	struct counter table[COUNTERS_MAX];
};

struct counters_shared *counters_shared_new(void)
{
	struct counters_shared *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->fd = memfd_create("goflow-counters", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *at = MAP_FAILED;
	/* sealed, since reading what a stage has cut off would be the end of us */
	if (s->fd >= 0 && ftruncate(s->fd, sizeof *s->layout) == 0 &&
		fcntl(s->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		at = mmap(NULL, sizeof *s->layout, PROT_READ, MAP_SHARED, s->fd, 0);
	if (at != MAP_FAILED) {
		s->layout = at;
		return s;
	}
	int why = errno;
	counters_shared_free(s);
	errno = why;
	return NULL;
}

void counters_shared_free(struct counters_shared *s)
{
	if (!s)
		return;
	if (s->layout)
		munmap(s->layout, sizeof *s->layout);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

int counters_shared_reset(struct counters_shared *s)
{
	static const struct layout zero;
	return pwrite(s->fd, &zero, sizeof zero, 0) == (ssize_t)sizeof zero ? 0 : ERR_IO;
}

int counters_shared_fd(const struct counters_shared *s)
{
	return s->fd;
}

/* Copies a name, which may lack its NUL and hold anything. */
static bool take_name(char out[static NAME_ROOM], const char *from)
{
	memcpy(out, from, NAME_ROOM);
	out[NAME_ROOM - 1] = '\0';
	return *out && out[strspn(out, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

bool counters_shared_read(struct counters_shared *s, struct stats_source *out)
{
	uint32_t count = atomic_load(&s->layout->count);
	if (!count || count > COUNTERS_MAX || !take_name(s->program, s->layout->program) ||
		!take_name(s->unit, s->layout->unit))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t role = s->layout->table[i].role;
		if (!take_name(s->names[i], s->layout->table[i].name) || role > COUNTER_GAUGE)
			return false;
		s->table[i] = (struct counter){s->names[i], (enum counter_role)role, ""};
	}
	memcpy(s->values, s->layout->values, sizeof s->values);
	*out = (struct stats_source){.program = s->program,
		.ledger_unit = s->unit,
		.counters = s->table,
		.values = s->values,
		.count = count};
	return true;
}
