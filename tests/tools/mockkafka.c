/* mockkafka: librdkafka's mock cluster, for faults that no real broker can be brought to, and for
 * machines that have none.
 *
 *   mockkafka < COMMANDS
 *
 * Prints the address of its one broker, then does what the lines of standard input say, until that
 * ends:
 *
 *   topic NAME PARTITIONS     makes a topic
 *   produce ERROR COUNT       the next COUNT produce requests are answered with that error of
 * Kafka's protocol down, up                  the broker goes away, and comes back
 *
 * and prints "done" after each. */
#include <librdkafka/rdkafka.h>

#include <stdio.h>
#include <string.h>

#include <librdkafka/rdkafka_mock.h>

#define API_PRODUCE 0

static int obey(rd_kafka_mock_cluster_t *cluster, const char *line)
{
	char name[256];
	int number, count;
	if (sscanf(line, "topic %255s %d", name, &count) == 2)
		return rd_kafka_mock_topic_create(cluster, name, count, 1) !=
		       RD_KAFKA_RESP_ERR_NO_ERROR;
	if (sscanf(line, "produce %d %d", &number, &count) == 2) {
		for (int i = 0; i < count; i++)
			rd_kafka_mock_push_request_errors(
				cluster, API_PRODUCE, 1, (rd_kafka_resp_err_t)number);
		return 0;
	}
	if (strcmp(line, "down\n") == 0)
		return rd_kafka_mock_broker_set_down(cluster, 1) != RD_KAFKA_RESP_ERR_NO_ERROR;
	if (strcmp(line, "up\n") == 0)
		return rd_kafka_mock_broker_set_up(cluster, 1) != RD_KAFKA_RESP_ERR_NO_ERROR;
	return 1;
}

int main(void)
{
	char text[512], line[512];
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof text);
	rd_kafka_mock_cluster_t *cluster = rk ? rd_kafka_mock_cluster_new(rk, 1) : NULL;
	int failed = !cluster;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (cluster)
		puts(rd_kafka_mock_cluster_bootstraps(cluster));
	while (!failed && fgets(line, sizeof line, stdin)) {
		failed = obey(cluster, line);
		puts(failed ? "failed" : "done");
	}
	if (cluster)
		rd_kafka_mock_cluster_destroy(cluster);
	if (rk)
		rd_kafka_destroy(rk);
	return failed;
}
