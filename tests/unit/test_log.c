#include "lib/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/instant.h"

/* Standard error goes to a file while a test looks at it. */
struct capture {
	int saved;
	FILE *file;
	char text[16384];
};

static void begin(struct capture *c)
{
	c->file = tmpfile();
	assert_non_null(c->file);
	c->saved = dup(STDERR_FILENO);
	dup2(fileno(c->file), STDERR_FILENO);
}

static const char *end(struct capture *c)
{
	dup2(c->saved, STDERR_FILENO);
	close(c->saved);
	rewind(c->file);
	c->text[fread(c->text, 1, sizeof c->text - 1, c->file)] = '\0';
	fclose(c->file);
	return c->text;
}

static void text_has_level_program_message(void **state)
{
	struct capture c;
	(void)state;
	log_init("nftest");
	begin(&c);
	log_error("open %s: no", "x");
	log_warn("w");
	log_info("rows=%d", 3);
	log_debug("not yet");
	assert_string_equal(
		end(&c), "error nftest: open x: no\nwarn nftest: w\ninfo nftest: rows=3\n");
}

static void input_cannot_forge_a_line(void **state)
{
	struct capture c;
	(void)state;
	log_init("nftest");
	begin(&c);
	log_info("a\nerror nftest: b\r\t\033[2J\x7f|\xc2\x9b|\xff|\xc3\xa4");
	assert_string_equal(end(&c), "info nftest: a?error nftest: b???[2J?|\?\?|?|\xc3\xa4\n");
}

static void long_message_is_cut(void **state)
{
	struct capture c;
	char *big = malloc(10001);
	(void)state;
	assert_non_null(big);
	memset(big, 'x', 10000);
	big[10000] = '\0';
	log_init("nftest");
	begin(&c);
	log_info("%s", big);
	const char *line = end(&c);
	assert_true(strlen(line) > 4000 && strlen(line) < 4200);
	assert_string_equal(line + strlen(line) - 5, "x...\n");
	free(big);
}

static void errno_is_kept(void **state)
{
	struct capture c;
	(void)state;
	begin(&c);
	errno = ENOSPC;
	log_info("x");
	assert_int_equal(errno, ENOSPC);
	end(&c);
}

static void nowhere_to_write_is_no_harm(void **state)
{
	struct capture c;
	(void)state;
	begin(&c);
	int full = open("/dev/full", O_WRONLY);
	dup2(full, STDERR_FILENO);
	close(full);
	log_info("x");
	end(&c);
}

static void json_form_is_an_object_a_line(void **state)
{
	struct capture c;
	struct instant t;
	(void)state;
	log_init("nftest");
	assert_int_equal(log_form("xml"), ERR_SYNTAX);
	assert_int_equal(log_form("json"), 0);
	begin(&c);
	log_warn("say \"%s\" \\ \x01\xfe", "hi");
	const char *line = end(&c);
	assert_int_equal(log_form("text"), 0);
	json_t *doc = json_loads(line, 0, NULL);
	assert_non_null(doc);
	assert_string_equal(json_string_value(json_object_get(doc, "level")), "warn");
	assert_string_equal(json_string_value(json_object_get(doc, "program")), "nftest");
	assert_string_equal(
		json_string_value(json_object_get(doc, "message")), "say \"hi\" \\ \?\?");
	const char *when = json_string_value(json_object_get(doc, "time"));
	assert_int_equal(instant_parse(when, strlen(when), &t), 0);
	assert_int_equal(t.digits, 3);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	json_decref(doc);
}

static void limit_says_it_once_and_counts(void **state)
{
	struct log_limit l = {0, 0};
	uint64_t missed = 99;
	(void)state;
	assert_true(log_limit(&l, &missed));
	assert_int_equal(missed, 0);
	assert_false(log_limit(&l, &missed));
	assert_false(log_limit(&l, &missed));
	assert_true(l.next_ns > 9 * NS_PER_S);
	l.next_ns = 1; /* as if the ten seconds had passed */
	assert_true(log_limit(&l, &missed));
	assert_int_equal(missed, 2);
	assert_false(log_limit(&l, &missed));
}

/* Last: the level stays. */
static void verbose_shows_more(void **state)
{
	struct capture c;
	(void)state;
	log_init("nftest");
	assert_false(log_enabled(LOG_DEBUG));
	log_more();
	log_more();
	assert_true(log_enabled(LOG_DEBUG));
	begin(&c);
	log_debug("d");
	assert_string_equal(end(&c), "debug nftest: d\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_has_level_program_message),
		cmocka_unit_test(input_cannot_forge_a_line),
		cmocka_unit_test(long_message_is_cut),
		cmocka_unit_test(errno_is_kept),
		cmocka_unit_test(nowhere_to_write_is_no_harm),
		cmocka_unit_test(json_form_is_an_object_a_line),
		cmocka_unit_test(limit_says_it_once_and_counts),
		cmocka_unit_test(verbose_shows_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
