/* Offsets back to Kafka: of what the sink has acknowledged, and of nothing else. */
#include "lib/err.h"
#include "lib/instant.h"
#include "lib/log.h"
#include "nfsrc-kafka/nfsrc_kafka.h"

#define COMMIT_MS 5000

static rd_kafka_topic_partition_list_t *due(
	struct source *s, const rd_kafka_topic_partition_list_t *of, bool again)
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(s->partition_count);
	for (int32_t i = 0; i < s->partition_count; i++) {
		struct partition *p = &s->partitions[i];
		if (!p->assigned || p->done < 0 || p->done == (again ? p->committed : p->asked))
			continue;
		if (of && !rd_kafka_topic_partition_list_find(
				  (rd_kafka_topic_partition_list_t *)of, s->topic, i))
			continue;
		rd_kafka_topic_partition_list_add(list, s->topic, i)->offset = p->done;
		p->asked = p->done;
	}
	return list;
}

void commit_report(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list,
	void *source)
{
	static struct log_limit limit;
	struct source *s = source;
	uint64_t missed;
	(void)rk;
	if (err == RD_KAFKA_RESP_ERR__NO_OFFSET)
		return;
	s->counts[COUNT_COMMITS]++;
	for (int i = 0; list && i < list->cnt; i++) {
		const rd_kafka_topic_partition_t *t = &list->elems[i];
		struct partition *p = &s->partitions[t->partition];
		rd_kafka_resp_err_t bad = err ? err : t->err;
		if (!bad && t->offset >= 0)
			p->committed = t->offset;
		else if (bad && p->asked == t->offset)
			p->asked = p->committed; /* again, when it is time */
		err = bad ? bad : err;
	}
	/* in a rebalance this is as it should be: the next member reads these again */
	if (err && log_limit(&limit, &missed))
		log_warn("offsets are not committed: %s not_said=%llu", rd_kafka_err2str(err),
			(unsigned long long)missed);
}

void commit_soon(struct source *s)
{
	rd_kafka_topic_partition_list_t *list = due(s, NULL, false);
	if (list->cnt)
		rd_kafka_commit(s->rk, list, 1);
	rd_kafka_topic_partition_list_destroy(list);
}

void commit_now(struct source *s, const rd_kafka_topic_partition_list_t *of)
{
	rd_kafka_topic_partition_list_t *list = due(s, of, true);
	rd_kafka_queue_t *answers = list->cnt ? rd_kafka_queue_new(s->rk) : NULL;
	rd_kafka_event_t *event = NULL;
	if (answers && !rd_kafka_commit_queue(s->rk, list, answers, NULL, NULL))
		event = rd_kafka_queue_poll(answers, s->away ? 0 : COMMIT_MS);
	if (event)
		commit_report(s->rk, rd_kafka_event_error(event),
			rd_kafka_event_topic_partition_list(event), s);
	else if (list->cnt)
		log_warn("no answer to the last commit: what was stored since the one before "
			 "is read again, and left out by the sink");
	if (event)
		rd_kafka_event_destroy(event);
	if (answers)
		rd_kafka_queue_destroy(answers);
	rd_kafka_topic_partition_list_destroy(list);
}
