/* Counters, and what the stats socket tells. */
#include <string.h>

#include "lib/stats.h"
#include "nfsrc-kafka/nfsrc_kafka.h"

#define SHOWN_MAX 256 /* partitions */

const struct counter counters[COUNTERS] = {
	[COUNT_READ] = {"read", COUNTER_IN, "messages read"},
	[COUNT_ACKNOWLEDGED] = {"acknowledged", COUNTER_OUT,
		"messages that the sink has acknowledged, or that were written where there is "
		"none, or passed over"},
	[COUNT_WAITING] = {"waiting", COUNTER_WAITING, "messages in hand"},
	[COUNT_RETURNED] = {"returned", COUNTER_OUT,
		"messages of partitions that went to another member while they were in hand"},
	[COUNT_RECORDS] = {"records", COUNTER_MADE, "records handed to the sink"},
	[COUNT_REPEATED] = {"repeated", COUNTER_INFO, "messages whose frame was in hand already"},
	[COUNT_DAMAGED_FRAME] = {"damaged_frame", COUNTER_INFO,
		"messages that are not one frame of records"},
	[COUNT_BAD_LINE] = {"bad_line", COUNTER_INFO, "messages that are not a record's JSON line"},
	[COUNT_BAD_PROTO] = {"bad_proto", COUNTER_INFO,
		"messages that are not a protobuf FlowRecord"},
	[COUNT_EMPTY] = {"empty", COUNTER_INFO, "messages of nothing"},
	[COUNT_TOO_LARGE] = {"too_large", COUNTER_INFO, "messages that are too large"},
	[COUNT_REMOVED] = {"removed", COUNTER_INFO,
		"messages that Kafka removed before they were read"},
	[COUNT_COMMITS] = {"commits", COUNTER_INFO, "commits of offsets that were answered"},
	[COUNT_REBALANCES] = {"rebalances", COUNTER_INFO, "times that partitions came or went"},
};

static const char *state_of(const struct source *s)
{
	bool any = false;
	for (int32_t i = 0; i < s->partition_count; i++)
		any |= s->partitions[i].assigned;
	if (s->closing || s->stage.signals || s->error)
		return "ending";
	if (s->away)
		return "brokers away";
	if (!any)
		return s->counts[COUNT_REBALANCES] ? "without partitions" : "joining";
	return s->paused || s->full_ns ? "held up by the sink" : "reading";
}

static void put(json_t *o, const char *key, int64_t value)
{
	if (value >= 0)
		json_object_set_new(o, key, json_integer((json_int_t)value));
}

static json_t *partition_status(const struct source *s, int32_t i, int64_t *lag_sum)
{
	const struct partition *p = &s->partitions[i];
	int64_t low, high;
	json_t *o = json_object();
	put(o, "partition", i);
	put(o, "position", p->position);
	put(o, "acknowledged", p->done);
	put(o, "committed", p->committed);
	if (s->rk && rd_kafka_get_watermark_offsets(s->rk, s->topic, i, &low, &high) == 0 &&
		high >= 0) {
		int64_t lag = high - (p->done < low ? low : p->done);
		put(o, "end", high);
		put(o, "lag", lag);
		*lag_sum += lag > 0 ? lag : 0;
	}
	return o;
}

bool status_report(void *source, const char *request, json_t *doc)
{
	struct source *s = source;
	json_t *o, *list;
	int64_t lag = 0;
	if (strcmp(request, "status") != 0)
		return false;
	o = json_object();
	list = json_array();
	json_object_set_new(o, "brokers", json_string(s->brokers));
	json_object_set_new(o, "topic", json_string(s->topic));
	json_object_set_new(o, "group", json_string(s->group));
	json_object_set_new(o, "format", json_string(s->format->name));
	json_object_set_new(o, "state", json_string(state_of(s)));
	for (int32_t i = 0; i < s->partition_count; i++) {
		if (!s->partitions[i].assigned)
			continue;
		json_t *one = partition_status(s, i, &lag);
		if (json_array_size(list) < SHOWN_MAX)
			json_array_append_new(list, one);
		else
			json_decref(one);
	}
	json_object_set_new(o, "lag", json_integer((json_int_t)lag));
	json_object_set_new(o, "partitions", list);
	json_object_set_new(doc, "kafka", o);
	return true;
}
