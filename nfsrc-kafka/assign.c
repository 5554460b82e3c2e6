/* Partitions come and go. */
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/instant.h"
#include "lib/log.h"
#include "nfsrc-kafka/nfsrc_kafka.h"

#define ANSWER_MS 10000
#define LEAVE_NS  (10 * NS_PER_S) /* for the sink to store what is in hand of partitions that go */
#define SLICE_MS  100

void assign_backwards(struct source *s, int32_t partition, int64_t expected, int64_t found)
{
	if (!s->format->counts_offsets) {
		log_warn("the partition begins anew partition=%" PRId32 " expected=%" PRId64
			 " found=%" PRId64,
			partition, expected, found);
		return;
	}
	log_error("topic %s, partition %" PRId32
		  ": offsets go backwards, as in a topic that was made "
		  "anew, and their records would be taken for those stored before: give "
		  "another --epoch expected=%" PRId64 " found=%" PRId64,
		s->topic, partition, expected, found);
	source_fail(s, ERR_CONFIG);
}

/* Whoever reads this partition of this topic of this cluster in this epoch gives its frames the
 * same stream. */
static bool name_stream(struct source *s, int32_t partition, struct stream_id *id)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char text[16];
	char *cluster = rd_kafka_clusterid(s->rk, ANSWER_MS);
	const char *const parts[] = {cluster, s->topic, text, s->epoch};
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	bool good = cluster && hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
	snprintf(text, sizeof text, "%" PRId32, partition);
	/* with their NULs, so that no two lists of parts are the same octets */
	for (size_t i = 0; good && i < sizeof parts / sizeof *parts; i++)
		good = EVP_DigestUpdate(hash, parts[i], strlen(parts[i]) + 1);
	good = good && EVP_DigestFinal_ex(hash, digest, NULL);
	if (good)
		memcpy(id->b, digest, sizeof id->b);
	EVP_MD_CTX_free(hash);
	rd_kafka_mem_free(s->rk, cluster);
	return good;
}

/* The entry of a partition, made where it is new. NULL: no memory. */
static struct partition *entry(struct source *s, int32_t partition)
{
	if (partition < s->partition_count)
		return &s->partitions[partition];
	size_t count = (size_t)partition + 1;
	struct partition *all = realloc(s->partitions, count * sizeof *all);
	if (!all)
		return NULL;
	for (int32_t i = s->partition_count; i <= partition; i++)
		all[i] = (struct partition){
			.position = -1, .done = -1, .asked = -1, .committed = -1};
	s->partitions = all;
	s->partition_count = partition + 1;
	return &all[partition];
}

/* Whether the offset lies in the partition's log, as far as can be told now; else where to go on,
 * in *offset. */
static void check_range(struct source *s, int32_t partition, int64_t *offset)
{
	int64_t low, high;
	if (rd_kafka_query_watermark_offsets(s->rk, s->topic, partition, &low, &high, ANSWER_MS) !=
		0)
		return; /* the fetcher will tell */
	if (*offset > high) {
		assign_backwards(s, partition, *offset, high);
		*offset = low;
	} else if (*offset < low) {
		log_error("messages were removed before they were read partition=%" PRId32
			  " messages=%" PRId64,
			partition, low - *offset);
		s->counts[COUNT_REMOVED] += (uint64_t)(low - *offset);
		*offset = low;
	}
}

/* Where to begin reading a partition for which `committed` is committed (negative: nothing). */
static int64_t beginning(struct source *s, int32_t partition, int64_t committed)
{
	const struct partition *p = &s->partitions[partition];
	bool known = p->committed >= 0;
	if (committed < p->committed)
		assign_backwards(s, partition, p->committed, committed < 0 ? 0 : committed);
	if (committed < 0 && !known)
		log_info("no offset is committed: reads from the %s partition=%" PRId32,
			s->from_end ? "end" : "beginning", partition);
	if (committed < 0)
		return s->from_end && !known ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
	check_range(s, partition, &committed);
	return committed;
}

static void take_one(struct source *s, rd_kafka_topic_partition_t *t)
{
	struct partition *p = entry(s, t->partition);
	struct stream_id id = {{0}};
	if (!p || (s->format->counts_offsets && !name_stream(s, t->partition, &id))) {
		log_error("partition %" PRId32 ": %s", t->partition,
			p ? "the cluster does not tell its id" : err_sentence(ERR_MEMORY));
		source_fail(s, ERR_RETRY);
		return;
	}
	int64_t committed = t->offset < 0 ? -1 : t->offset;
	t->offset = beginning(s, t->partition, committed);
	p->assigned = true;
	p->generation++;
	p->position = t->offset;
	p->done = p->asked = p->committed = committed;
	p->id = id;
}

static void take(struct source *s, rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_resp_err_t err = rd_kafka_committed(s->rk, list, ANSWER_MS);
	for (int i = 0; i < list->cnt && !err; i++)
		err = list->elems[i].err;
	if (err) {
		log_error(
			"the offsets that are committed cannot be read: %s", rd_kafka_err2str(err));
		source_fail(s, ERR_RETRY);
	}
	for (int i = 0; i < list->cnt && !s->error; i++)
		take_one(s, &list->elems[i]);
}

/* Waits, but not for ever, until the sink has what is in hand of these partitions. */
static void settle(struct source *s, const rd_kafka_topic_partition_list_t *list)
{
	uint64_t end = monotonic_ns() + LEAVE_NS;
	bool *leaving = calloc((size_t)s->partition_count + 1, sizeof *leaving);
	for (int i = 0; leaving && i < list->cnt; i++)
		if (list->elems[i].partition < s->partition_count)
			leaving[list->elems[i].partition] = true;
	int err = 0;
	while (leaving && !err && flight_of(s, leaving) && monotonic_ns() < end &&
		s->stage.signals < 2)
		err = feed_step(s, SLICE_MS);
	if (err)
		source_fail(s, err);
	free(leaving);
}

static void leave(struct source *s, const rd_kafka_topic_partition_list_t *list, bool lost)
{
	if (!lost && !s->closing)
		settle(s, list);
	if (!lost)
		commit_now(s, list);
	for (int i = 0; i < list->cnt; i++)
		if (list->elems[i].partition < s->partition_count)
			s->partitions[list->elems[i].partition].assigned = false;
}

/* Tells the library what to read from now on, by the protocol that the group speaks. */
static void assign(struct source *s, const rd_kafka_topic_partition_list_t *list, bool add)
{
	bool partly = strcmp(rd_kafka_rebalance_protocol(s->rk), "COOPERATIVE") == 0;
	rd_kafka_error_t *error = NULL;
	if (!partly)
		rd_kafka_assign(s->rk, add ? list : NULL);
	else if (add)
		error = rd_kafka_incremental_assign(s->rk, list);
	else
		error = rd_kafka_incremental_unassign(s->rk, list);
	if (error)
		log_warn("assignment: %s", rd_kafka_error_string(error));
	rd_kafka_error_destroy(error);
}

void assign_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err,
	rd_kafka_topic_partition_list_t *list, void *source)
{
	struct source *s = source;
	bool add = err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
	bool lost = rd_kafka_assignment_lost(rk);
	s->counts[COUNT_REBALANCES]++;
	if (add)
		take(s, list);
	else
		leave(s, list, lost);
	if (list->cnt)
		log_info("partitions %s count=%d",
			add    ? "come"
			: lost ? "are lost"
			       : "go",
			list->cnt);
	assign(s, list, add);
	if (add && s->paused)
		rd_kafka_pause_partitions(s->rk, list);
}

void assign_out_of_range(struct source *s, int32_t partition)
{
	struct partition *p = entry(s, partition);
	if (!p || !p->assigned || s->error)
		return;
	int64_t offset = p->position;
	check_range(s, partition, &offset);
	if (s->error)
		return;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, s->topic, partition)->offset = offset;
	p->position = offset;
	rd_kafka_error_destroy(rd_kafka_seek_partitions(s->rk, list, ANSWER_MS));
	rd_kafka_topic_partition_list_destroy(list);
}
