#include "nfctl/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/status_merge.h"

static uint64_t lost_of(const json_t *stage)
{
	const json_t *lost = json_object_get(json_object_get(stage, "ledger"), "lost");
	uint64_t sum = 0;
	const char *cause;
	for (void *i = NULL; (cause = doc_next(lost, &i));)
		sum += doc_number(lost, cause);
	return sum + doc_number(json_object_get(stage, "counters"), "kernel_drops");
}

static const json_t *same(const json_t *docs, const json_t *stage)
{
	for (size_t i = 0; i < json_array_size(docs); i++) {
		const json_t *doc = json_array_get(docs, i);
		if (strcmp(doc_text(doc, "socket"), doc_text(stage, "socket")) == 0 &&
			doc_number(doc, "pid") == doc_number(stage, "pid"))
			return doc;
	}
	return NULL;
}

static void add(struct watch_sums *s, const json_t *before, const json_t *stage)
{
	const json_t *rates = json_object_get(stage, "rates"), *earlier = same(before, stage);
	uint64_t lost = lost_of(stage), then = earlier ? lost_of(earlier) : 0,
		 lag = doc_number(stage, "lag_ms");
	const char *program = doc_text(stage, "program");
	s->stages++;
	s->lost += lost > then ? lost - then : 0;
	s->waiting += doc_number(json_object_get(stage, "ledger"), "waiting");
	if (lag > s->lag_ms)
		s->lag_ms = lag;
	if (strcmp(program, "nfrecv") == 0)
		s->received += json_number_value(json_object_get(rates, "in"));
	if (strncmp(program, "nfsink-", 7) == 0 || strcmp(program, "nfjson") == 0)
		s->stored += json_number_value(json_object_get(rates, "out"));
}

struct watch_sums watch_sum(const json_t *before, const json_t *now)
{
	struct watch_sums s = {0};
	json_t *merged = status_merge(before, now);
	const json_t *stages = json_object_get(merged, "stages");
	for (size_t i = 0; i < json_array_size(stages); i++)
		if (json_object_get(json_array_get(stages, i), "ledger"))
			add(&s, before, json_array_get(stages, i));
	json_decref(merged);
	return s;
}

void watch_line(const json_t *before, const json_t *now, bool json)
{
	struct watch_sums s = watch_sum(before, now);
	const char *when = doc_text(json_array_get(now, 0), "now");
	if (json) {
		json_t *doc = json_pack("{s:s, s:f, s:f, s:I, s:I, s:I, s:I}", "now", when,
			"received", s.received, "stored", s.stored, "lost", (json_int_t)s.lost,
			"waiting", (json_int_t)s.waiting, "lag_ms", (json_int_t)s.lag_ms, "stages",
			(json_int_t)s.stages);
		json_dumpf(doc, stdout, JSON_ENSURE_ASCII);
		json_decref(doc);
		putchar('\n');
	} else {
		printf("%s received=%.0f/s stored=%.0f/s lost=%" PRIu64 " waiting=%" PRIu64
		       " lag=%.1fs stages=%zu\n",
			when, s.received, s.stored, s.lost, s.waiting, (double)s.lag_ms / 1000,
			s.stages);
	}
	fflush(stdout);
}
