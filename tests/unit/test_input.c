#include "lib/input.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/jsonl.h"
#include "lib/log.h"
#include "tests/unit/records.h"

static struct input *input;
static struct record record;
static int in[2];      /* the pipe that it reads */
static FILE *log_file; /* what was logged */
static int old_stderr;

/* What came out. */
static struct {
	size_t count, frames;
	uint16_t port[100000];
	bool numbered;
} got;

static int setup(void **state)
{
	(void)state;
	memset(&got, 0, offsetof(__typeof__(got), port));
	input = input_new();
	if (!input || pipe(in) != 0 || fcntl(in[0], F_SETFL, O_NONBLOCK) != 0 ||
		record_init(&record) != 0)
		return -1;
	log_init("test");
	log_file = tmpfile();
	old_stderr = dup(STDERR_FILENO);
	return log_file && old_stderr >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	input_free(input);
	record_release(&record);
	close(old_stderr);
	close(in[0]);
	if (in[1] >= 0)
		close(in[1]);
	fclose(log_file);
	return 0;
}

static struct input_counts counts(void)
{
	struct input_counts c;
	input_counts(input, &c);
	return c;
}

/* What was logged, as text. */
static const char *logged(void)
{
	static char text[65536];
	size_t n = (size_t)pread(fileno(log_file), text, sizeof text - 1, 0);
	text[n] = '\0';
	return text;
}

/* input_next, with what it logs in the file: what fails in between is to be seen. */
static int next(struct frame *f, bool last)
{
	dup2(fileno(log_file), STDERR_FILENO);
	int r = input_next(input, f, last);
	dup2(old_stderr, STDERR_FILENO);
	return r;
}

/* Takes all frames that are there. */
static void take(bool last)
{
	struct frame f;
	struct frame_iter it;
	int r;
	while ((r = next(&f, last)) == 1) {
		uint32_t records = 0;
		frame_begin(&it, &f, &record);
		while (frame_next(&it, &record) == 1) {
			assert_true(got.count < LEN(got.port));
			got.port[got.count++] = record.src_port;
			records++;
		}
		assert_int_equal(records, f.records);
		assert_true(records > 0);
		got.numbered = f.numbered;
		got.frames++;
	}
	assert_int_equal(r, 0);
}

/* Writes so many bytes at a time to the pipe, reading behind each. */
static void feed(const void *bytes, size_t len, size_t step)
{
	for (size_t at = 0; at < len;) {
		size_t n = step < len - at ? step : len - at;
		assert_int_equal(write(in[1], (const char *)bytes + at, n), n);
		at += n;
		ssize_t got_now;
		while ((got_now = input_fill(input, in[0])) > 0)
			take(false);
		assert_int_equal(got_now, ERR_RETRY);
	}
}

static void feed_text(const char *text, size_t step)
{
	feed(text, strlen(text), step);
}

static void end(void)
{
	close(in[1]);
	in[1] = -1;
	assert_int_equal(input_fill(input, in[0]), 0);
	take(true);
}

static void assert_ports(uint16_t first, size_t count)
{
	assert_int_equal(got.count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(got.port[i], first + i);
}

/* Lines, text that is no record, white space and empty lines between them. */
static const char lines[] = "{\"src_port\":1}\n"
			    "\n"
			    "{\"src_port\":2,\"user_name\":\"a\\nb\"}\r\n"
			    "\r\n"
			    " \t{ \"src_port\" : 3 }  \n"
			    "{\"src_port\":4}\n";

static void test_lines_in_pieces_of_any_size(void **state)
{
	(void)state;
	for (size_t step = 1; step <= sizeof lines; step++) {
		teardown(state);
		assert_int_equal(setup(state), 0);
		feed_text(lines, step);
		assert_ports(1, 4); /* at once, not only at the end */
		end();
		assert_ports(1, 4);
		assert_true(input_is_json(input));
		assert_false(got.numbered);
		assert_int_equal(counts().bad_lines, 0);
		assert_string_equal(logged(), "");
	}
}

static void test_a_line_without_a_newline(void **state)
{
	(void)state;
	feed_text("{\"src_port\":1}\n{\"src_port\":2}", 5);
	assert_ports(1, 1);
	end();
	assert_ports(1, 2);
	assert_int_equal(counts().bad_lines, 0);
}

static void test_a_torn_line(void **state)
{
	(void)state;
	feed_text("{\"src_port\":1}\n{\"src_port\":", 100);
	end();
	assert_ports(1, 1);
	assert_int_equal(counts().bad_lines, 1);
	assert_non_null(strstr(logged(), "line=2"));
}

/* Each malformed line is counted; the first is named with its number, its place, and what is wrong.
 */
static void test_malformed_lines(void **state)
{
	(void)state;
	feed_text("{\"src_port\":1}\n\n{\"src_port\":x}\nnonsense\n{\"src_port\":2}\n{\"src_port\":"
		  "99999}\n{\"src_port\":3}\n",
		1000);
	end();
	assert_ports(1, 3);
	assert_int_equal(counts().bad_lines, 3);
	assert_non_null(strstr(logged(), "warn test: "));
	assert_non_null(strstr(logged(), "line=3 column=13"));
	assert_null(strstr(logged(), "line=4")); /* not more often than every ten seconds */
}

static void test_unknown_keys(void **state)
{
	(void)state;
	feed_text("{\"src_port\":1,\"novelty\":[1,2]}\n{\"src_port\":2,\"x\":1,\"y\":2}\n", 7);
	end();
	assert_ports(1, 2);
	assert_int_equal(counts().unknown_keys, 3);
	assert_int_equal(counts().bad_lines, 0);
}

/* A line longer than there is room is passed over whole, wherever it ends, and is one bad line. */
static void test_an_endless_line(void **state)
{
	static char text[64 * 1024];
	(void)state;
	feed_text("{\"src_port\":1}\n{\"user_name\":\"", 1000);
	memset(text, 'x', sizeof text);
	for (size_t n = 0; n < 3u * JSONL_LINE_MAX; n += sizeof text)
		feed(text, sizeof text, sizeof text);
	assert_int_equal(counts().bad_lines, 1);
	feed_text("\",\"src_port\":77}\n{\"src_port\":2}\nbad\n", 3);
	end();
	assert_ports(1, 2);
	assert_int_equal(counts().bad_lines, 2);
	assert_non_null(strstr(logged(), "line=2"));
}

/* So is a line that is longer than a record can be packed. */
static void test_a_record_too_large(void **state)
{
	static char text[JSONL_LINE_MAX];
	size_t len;
	(void)state;
	len = (size_t)snprintf(text, sizeof text, "{\"src_port\":9,\"extra\":{\"en9:id1\":[");
	for (int i = 0; i < 16; i++) {
		len += (size_t)snprintf(
			text + len, sizeof text - len, "%s{\"hex\":\"", i ? "," : "");
		memset(text + len, '0', 120000);
		len += 120000;
		len += (size_t)snprintf(text + len, sizeof text - len, "\"}");
	}
	len += (size_t)snprintf(text + len, sizeof text - len, "]}}\n");
	feed_text("{\"src_port\":1}\n", 100);
	feed(text, len, 64 * 1024);
	feed_text("{\"src_port\":2}\n", 100);
	end();
	assert_ports(1, 2);
	assert_int_equal(counts().bad_lines, 1);
	assert_non_null(strstr(logged(), "line=2"));
}

/* Many lines in one read, as a file gives them: frames of a size, and nothing is lost where one is
 * full. */
static void test_many_lines(void **state)
{
	static const char pad[1000] = {[0 ... 998] = 'y'};
	const uint16_t n = 5000;
	FILE *file = tmpfile();
	ssize_t len;
	(void)state;
	assert_non_null(file);
	for (uint16_t i = 0; i < n; i++)
		fprintf(file, "{\"src_port\":%u,\"user_name\":\"%s\"}\n", i, pad);
	fflush(file);
	lseek(fileno(file), 0, SEEK_SET);
	while ((len = input_fill(input, fileno(file))) > 0)
		take(false);
	assert_int_equal(len, 0);
	take(true);
	fclose(file);
	assert_ports(0, n);
	assert_in_range(got.frames, 5 * 1024 * 1024 / STREAM_FRAME_MAX, 40);
}

/* Streams
 * -------------------------------------------------------------------------------------------- */

static struct {
	size_t len;
	uint8_t bytes[1024 * 1024];
} stream;

static int sink(void *ctx, const void *frame, size_t len)
{
	(void)ctx;
	assert_true(len <= sizeof stream.bytes - stream.len);
	memcpy(stream.bytes + stream.len, frame, len);
	stream.len += len;
	return 0;
}

static void make_stream(void)
{
	struct stream_writer *w = stream_writer_new(NULL, sink, NULL);
	static struct sample s;
	stream.len = 0;
	for (uint16_t i = 0; i < 20; i++) {
		sample_clear(&s);
		RECORD_SET(&s.record, src_port, i);
		stream_put(w, &s.record, 0);
		if (i % 7 == 6)
			stream_flush(w, 0);
	}
	stream_flush(w, 0);
	stream_writer_free(w);
}

static void test_a_stream(void **state)
{
	(void)state;
	make_stream();
	for (size_t step = 1; step < stream.len; step += step / 2 + 1) {
		teardown(state);
		assert_int_equal(setup(state), 0);
		feed(stream.bytes, stream.len, step);
		end();
		assert_ports(0, 20);
		assert_int_equal(got.frames, 3);
		assert_true(got.numbered);
		assert_false(input_is_json(input));
		assert_int_equal(counts().stream.frames, 3);
		assert_int_equal(counts().stream.damaged, 0);
	}
}

/* A stream that was joined in the middle is none of lines. */
static void test_a_stream_from_its_middle(void **state)
{
	(void)state;
	make_stream();
	feed(stream.bytes + 4, stream.len - 4, 1000);
	end();
	assert_false(input_is_json(input));
	assert_ports(0, 20);
	assert_true(counts().stream.skipped_bytes > 0);
}

static void test_what_the_first_byte_says(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		char byte = (char)first;
		bool text = (first >= 0x20 && first < 0x7f) || first == '\n' || first == '\r' ||
			    first == '\t';
		teardown(state);
		assert_int_equal(setup(state), 0);
		assert_false(input_is_json(input));
		feed(&byte, 1, 1);
		assert_int_equal(input_is_json(input), text);
		end();
		assert_int_equal(got.count, 0);
	}
}

static void test_nothing(void **state)
{
	(void)state;
	end();
	assert_int_equal(got.count, 0);
	assert_false(input_is_json(input));
	assert_int_equal(counts().bad_lines, 0);
}

/* JSON lines of counters make frames of their own where they are wanted: more of them than a frame
 * holds, between records. */
static void test_lines_of_counters(void **state)
{
	static char line[1000], text[4 * 1024 * 1024];
	size_t bytes = 0, records = 0, made = 0;
	struct frame f;
	(void)state;
	memset(line, ' ', sizeof line);
	memcpy(line, "{\"type\":\"counters\"}", 19);
	line[sizeof line - 1] = '\n';
	for (unsigned i = 0; i < 3000; i++) {
		memcpy(text + bytes, line, sizeof line);
		bytes += sizeof line;
		if (i % 100 == 0)
			bytes +=
				(size_t)snprintf(text + bytes, sizeof line, "{\"src_port\":1}\r\n");
	}
	input_take_counters(input, true);
	for (size_t at = 0; at < bytes; at += 60000) {
		size_t n = bytes - at < 60000 ? bytes - at : 60000;
		assert_int_equal(write(in[1], text + at, n), n);
		while (n > 0)
			n -= (size_t)input_fill(input, in[0]);
		while (at > 2500000 && next(&f, false) == 1) { /* late, so that they are many */
			records += f.records;
			made += f.kind == FRAME_COUNTERS ? f.len : 0;
			assert_int_equal(made % sizeof line, 0);
		}
	}
	assert_int_equal(records, 30);
	assert_int_equal(made, 3000 * sizeof line);
	assert_int_equal(counts().other_lines, 0);
	assert_int_equal(counts().bad_lines, 0);
}

static void test_a_descriptor_that_fails(void **state)
{
	(void)state;
	assert_int_equal(input_fill(input, in[0]), ERR_RETRY);
	assert_int_equal(input_fill(input, -1), ERR_IO);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_lines_in_pieces_of_any_size),
		TEST(test_a_line_without_a_newline),
		TEST(test_a_torn_line),
		TEST(test_malformed_lines),
		TEST(test_unknown_keys),
		TEST(test_an_endless_line),
		TEST(test_a_record_too_large),
		TEST(test_many_lines),
		TEST(test_a_stream),
		TEST(test_a_stream_from_its_middle),
		TEST(test_what_the_first_byte_says),
		TEST(test_nothing),
		TEST(test_lines_of_counters),
		TEST(test_a_descriptor_that_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
