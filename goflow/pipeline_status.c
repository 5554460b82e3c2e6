/* A pipeline as JSON. */
#include <sys/wait.h>

#include "goflow/child.h"
#include "goflow/pipeline.h"
#include "lib/instant.h"
#include "lib/log.h"

static void set(json_t *o, const char *key, json_t *value)
{
	if (value)
		json_object_set_new(o, key, value);
}

static json_t *number(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *stage_document(struct slot *s, uint64_t now_ns)
{
	static const char *const states[] = {
		[SLOT_WAITING] = "waiting", [SLOT_RUNNING] = "running", [SLOT_ENDED] = "ended"};
	char text[64];
	json_t *doc = json_pack("{s:s, s:s, s:I}", "program", s->spec.program, "state",
		states[s->state], "starts", (json_int_t)s->starts);
	if (*s->spec.backend)
		set(doc, "backend", json_string(s->spec.backend));
	if (s->state == SLOT_RUNNING) {
		set(doc, "pid", json_integer(s->pid));
		set(doc, "uptime_ms", number((now_ns - s->started_ns) / NS_PER_MS));
	} else if (s->state == SLOT_WAITING && s->retry_ns > now_ns) {
		set(doc, "retry_ms", number((s->retry_ns - now_ns) / NS_PER_MS));
	}
	if (s->status || s->state == SLOT_ENDED)
		set(doc, "last_exit", json_string(child_status(s->status, text)));
	set(doc, "counters", account_counters(&s->account));
	set(doc, "ledger", account_ledger(&s->account));
	return doc;
}

static json_t *link_document(struct pipeline *p, size_t from, size_t to)
{
	/* the reader first: it can then not have read more than was made */
	uint64_t read = account_sum(&p->slots[to].account, COUNTER_IN);
	uint64_t made = p->has_tee && from == SLOT_SPLIT
				? account_sum(&p->slots[from].account, COUNTER_IN)
				: account_made(&p->slots[from].account);
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "from", (json_int_t)from, "to",
		(json_int_t)to, "made", (json_int_t)made, "read", (json_int_t)read, "between",
		(json_int_t)(made - read));
}

json_t *pipeline_document(struct pipeline *p, uint64_t now_ns)
{
	json_t *stages = json_array(), *links = json_array();
	for (size_t i = 0; i < p->count; i++)
		json_array_append_new(stages, stage_document(&p->slots[i], now_ns));
	for (size_t i = 1; i < p->count; i++)
		json_array_append_new(
			links, link_document(p, i > SLOT_SPLIT ? (size_t)SLOT_SPLIT : i - 1, i));
	return json_pack("{s:s, s:s, s:o, s:o}", "name", p->name, "state",
		pipeline_done(p) ? "ended"
		: p->draining    ? "draining"
				 : "running",
		"stages", stages, "links", links);
}

/* What is known to be lost between the datagrams and a sink: by the stages' own counts, and in the
 * pipes. */
static void log_sink(struct pipeline *p, size_t i)
{
	struct slot *s = &p->slots[i];
	uint64_t made = account_made(&p->slots[SLOT_DECODER].account),
		 read = account_sum(&s->account, COUNTER_IN);
	log_info("totals pipeline=%s backend=%s records=%llu stored=%llu lost=%llu not_read=%llu",
		p->name, s->spec.backend, (unsigned long long)made,
		(unsigned long long)account_sum(&s->account, COUNTER_OUT),
		(unsigned long long)account_sum(&s->account, COUNTER_LOST),
		(unsigned long long)(made > read ? made - read : 0));
}

void pipeline_totals(struct pipeline *p)
{
	struct account *received = &p->slots[SLOT_RECEIVER].account,
		       *decoded = &p->slots[SLOT_DECODER].account;
	uint64_t made = account_made(received), read = account_sum(decoded, COUNTER_IN);
	log_info("totals pipeline=%s received=%llu kernel_drops=%llu lost=%llu not_read=%llu "
		 "undecodable=%llu",
		p->name, (unsigned long long)account_sum(received, COUNTER_IN),
		(unsigned long long)account_counter(received, "kernel_drops"),
		(unsigned long long)account_sum(received, COUNTER_LOST),
		(unsigned long long)(made > read ? made - read : 0),
		(unsigned long long)account_sum(decoded, COUNTER_LOST));
	for (size_t i = SLOT_SPLIT + p->has_tee; i < p->count; i++)
		log_sink(p, i);
}
