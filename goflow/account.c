#include "goflow/account.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "lib/log.h"

static int no_memory(void)
{
	log_error("memory for counters: %s", strerror(errno));
	return ERR_IO;
}

int account_open(struct account *a)
{
	a->memory = counters_shared_new();
	return a->memory ? 0 : no_memory();
}

int account_begin(struct account *a)
{
	if (counters_shared_reset(a->memory) != 0)
		return no_memory();
	a->running = true;
	return counters_shared_fd(a->memory);
}

/* Takes the table over from the process that runs: it is the same for each that has been the stage.
 */
static void learn(struct account *a, const struct stats_source *source)
{
	if (a->count)
		return;
	snprintf(a->program, sizeof a->program, "%s", source->program);
	snprintf(a->unit, sizeof a->unit, "%s", source->ledger_unit);
	for (size_t i = 0; i < source->count; i++) {
		snprintf(a->names[i], sizeof a->names[i], "%s", source->counters[i].name);
		a->table[i] = (struct counter){a->names[i], source->counters[i].role, ""};
	}
	a->count = source->count;
}

/* The values of the process that runs: all 0 where there is none. False where its table is another
 * one. */
static bool current(struct account *a, uint64_t values[static COUNTERS_MAX])
{
	struct stats_source source;
	memset(values, 0, COUNTERS_MAX * sizeof *values);
	if (!a->running || !counters_shared_read(a->memory, &source))
		return true;
	learn(a, &source);
	if (source.count != a->count)
		return false;
	memcpy(values, source.values, source.count * sizeof *values);
	return true;
}

static uint64_t sum(const struct account *a, const uint64_t *values, enum counter_role role)
{
	uint64_t total = 0;
	for (size_t i = 0; i < a->count; i++)
		if (a->table[i].role == role)
			total += values[i];
	return total;
}

/* What has been taken in and is not accounted for: held, or lost with the process. */
static uint64_t unsettled(const struct account *a, const uint64_t *values)
{
	uint64_t in = sum(a, values, COUNTER_IN), done = sum(a, values, COUNTER_OUT) +
							 sum(a, values, COUNTER_PASSED) +
							 sum(a, values, COUNTER_LOST);
	return in > done ? in - done : 0;
}

static bool is_gauge(enum counter_role role)
{
	return role == COUNTER_WAITING || role == COUNTER_PENDING || role == COUNTER_GAUGE;
}

void account_end(struct account *a)
{
	uint64_t last[COUNTERS_MAX];
	if (current(a, last)) {
		a->crashed += unsettled(a, last);
		a->pending += sum(a, last, COUNTER_PENDING);
		for (size_t i = 0; i < a->count; i++)
			if (!is_gauge(a->table[i].role))
				a->past[i] += last[i];
	}
	a->running = false;
}

void account_forget(struct account *a)
{
	a->running = false;
	memset(a->past, 0, sizeof a->past);
	a->crashed = a->pending = 0;
}

void account_free(struct account *a)
{
	counters_shared_free(a->memory);
	*a = (struct account){.memory = NULL};
}

/* All that has been counted until now. */
static void totals(struct account *a, uint64_t values[static COUNTERS_MAX])
{
	if (!current(a, values))
		memset(values, 0, COUNTERS_MAX * sizeof *values);
	for (size_t i = 0; i < a->count; i++)
		values[i] += a->past[i];
}

uint64_t account_sum(struct account *a, enum counter_role role)
{
	uint64_t values[COUNTERS_MAX];
	totals(a, values);
	return sum(a, values, role) + (role == COUNTER_LOST ? a->crashed : 0);
}

uint64_t account_counter(struct account *a, const char *name)
{
	uint64_t values[COUNTERS_MAX];
	totals(a, values);
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->names[i], name) == 0)
			return values[i];
	return 0;
}

uint64_t account_made(struct account *a)
{
	uint64_t made = account_sum(a, COUNTER_MADE);
	return (made ? made : account_sum(a, COUNTER_PASSED)) + a->pending;
}

static json_t *number(uint64_t v)
{
	return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

json_t *account_counters(struct account *a)
{
	uint64_t values[COUNTERS_MAX];
	totals(a, values);
	json_t *doc = a->count ? json_object() : NULL;
	for (size_t i = 0; doc && i < a->count; i++)
		json_object_set_new(doc, a->names[i], number(values[i]));
	return doc;
}

json_t *account_ledger(struct account *a)
{
	uint64_t values[COUNTERS_MAX];
	totals(a, values);
	if (!a->count)
		return NULL;
	json_t *lost = json_object();
	for (size_t i = 0; i < a->count; i++)
		if (a->table[i].role == COUNTER_LOST && values[i])
			json_object_set_new(lost, a->names[i], number(values[i]));
	if (a->crashed)
		json_object_set_new(lost, "crash", number(a->crashed));
	uint64_t out = sum(a, values, COUNTER_OUT) + sum(a, values, COUNTER_PASSED);
	uint64_t left = unsettled(a, values);
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "unit", a->unit, "in",
		number(sum(a, values, COUNTER_IN)), "out", number(out), "waiting",
		number(left > a->crashed ? left - a->crashed : 0), "made", number(account_made(a)),
		"lost", lost);
}
