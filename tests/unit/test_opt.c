#include "lib/opt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/instant.h"
#include "lib/log.h"

static const struct opt table[] = {
	OPT_COMMON,
	{'r', "read", "FILE", "read FILE"},
	{'j', "json", NULL, "write JSON"},
	{300, "ring", "SIZE", "memory (64M)"},
	{301, "a-name-that-is-quite-long", "ARGUMENT", "on its own line"},
};

static struct opts new_opts(void)
{
	return (struct opts){
		.program = "nftest",
		.usage = "[options] FILE",
		.about = "Tests.",
		.table = table,
		.count = LEN(table),
	};
}

/* What standard error (2) or standard output (1) received from a call of opt_next. */
static int run(const char *const *argv, int fd, char *text, size_t cap)
{
	int argc = 0, id;
	FILE *file = tmpfile();
	struct opts o = new_opts();
	assert_non_null(file);
	fflush(stdout);
	int saved = dup(fd);
	dup2(fileno(file), fd);
	while (argv[argc])
		argc++;
	while ((id = opt_next(&o, argc, (char **)argv)) >= 0)
		;
	fflush(stdout);
	dup2(saved, fd);
	close(saved);
	rewind(file);
	text[fread(text, 1, cap - 1, file)] = '\0';
	fclose(file);
	return id;
}

static void letters_and_names(void **state)
{
	const char *argv[] = {
		"nftest", "-r", "a", "operand", "--json", "--ring=5M", "-jrb", "--", "-x", NULL};
	struct opts o = new_opts();
	int argc = LEN(argv) - 1;
	(void)state;
	assert_int_equal(opt_next(&o, argc, (char **)argv), 'r');
	assert_string_equal(o.arg, "a");
	assert_int_equal(opt_next(&o, argc, (char **)argv), 'j');
	assert_null(o.arg);
	assert_int_equal(opt_next(&o, argc, (char **)argv), 300);
	assert_string_equal(o.arg, "5M");
	assert_int_equal(opt_next(&o, argc, (char **)argv), 'j');
	assert_int_equal(opt_next(&o, argc, (char **)argv), 'r');
	assert_string_equal(o.arg, "b");
	assert_int_equal(opt_next(&o, argc, (char **)argv), OPT_END);
	assert_int_equal(o.rest, argc - 2);
	assert_string_equal(argv[o.rest], "operand");
	assert_string_equal(argv[o.rest + 1], "-x");
}

static void wrong_use_is_named(void **state)
{
	static const struct {
		const char *argv[3];
		const char *message;
	} cases[] = {
		{{"nftest", "-x"}, "error nftest: option -x: unknown; nftest --help lists all\n"},
		{{"nftest", "--foo"}, "error nftest: option --foo: unknown or ambiguous; nftest "
				      "--help lists all\n"},
		{{"nftest", "-r"}, "error nftest: option --read: found nothing, expected FILE\n"},
		{{"nftest", "--ring"},
			"error nftest: option --ring: found nothing, expected SIZE\n"},
		{{"nftest", "--json=1"},
			"error nftest: option --json: found an argument, expected none\n"},
		{{"nftest", "--log=xml"},
			"error nftest: option --log: found xml, expected text or json\n"},
	};
	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		char text[1024];
		assert_int_equal(run(cases[i].argv, 2, text, sizeof text), OPT_BAD);
		assert_string_equal(text, cases[i].message);
	}
}

static void help_and_version(void **state)
{
	const char *help[] = {"nftest", "-j", "--help", NULL}, *version[] = {"nftest", "-V", NULL};
	char text[4096];
	(void)state;
	assert_int_equal(run(help, 1, text, sizeof text), OPT_DONE);
	assert_ptr_equal(strstr(text, "Usage: nftest [options] FILE\nTests.\n\n"), text);
	assert_non_null(strstr(text, "\n  -r, --read FILE           read FILE\n"));
	assert_non_null(strstr(text, "\n  -j, --json                write JSON\n"));
	assert_non_null(strstr(text, "\n      --ring SIZE           memory (64M)\n"));
	assert_non_null(strstr(text, "\n      --a-name-that-is-quite-long ARGUMENT\n               "
				     "             on its own line\n"));
	assert_int_equal(run(version, 1, text, sizeof text), OPT_DONE);
	assert_string_equal(text, "nftest " GOFLOW_VERSION "\n");
}

static void common_ones_are_acted_on(void **state)
{
	const char *argv[] = {"nftest", "--log", "json", "-x", NULL},
		   *back[] = {"nftest", "--log=text", NULL};
	char text[1024];
	(void)state;
	assert_int_equal(run(argv, 2, text, sizeof text), OPT_BAD);
	assert_int_equal(text[0], '{');
	assert_int_equal(run(back, 2, text, sizeof text), OPT_END);
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {
		{"0", 0},
		{"10", 10},
		{"4K", 4096},
		{"4k", 4096},
		{"64M", UINT64_C(64) << 20},
		{"3G", UINT64_C(3) << 30},
		{"18446744073709551615", UINT64_MAX},
		{"17179869183G", UINT64_C(17179869183) << 30},
	};
	static const char *const bad[] = {"", "K", "-1", "+1", " 1", "1 ", "1T", "1KB", "1.5K",
		"0x10", "18446744073709551616", "17179869184G"};
	uint64_t v = 7;
	(void)state;
	for (size_t i = 0; i < LEN(good); i++) {
		assert_int_equal(opt_size("ring", good[i].text, 0, UINT64_MAX, &v), 0);
		assert_true(v == good[i].value);
	}
	for (size_t i = 0; i < LEN(bad); i++) {
		v = 7;
		assert_int_equal(opt_size("ring", bad[i], 0, UINT64_MAX, &v), ERR_SYNTAX);
		assert_int_equal(v, 7);
	}
	assert_int_equal(opt_size("ring", "1K", 1024, 1024, &v), 0);
	assert_int_equal(opt_size("ring", "1023", 1024, 2048, &v), ERR_SYNTAX);
	assert_int_equal(opt_size("ring", "2049", 1024, 2048, &v), ERR_SYNTAX);
}

static void numbers(void **state)
{
	static const char *const bad[] = {"", "x", "1x", "-1", "9", "101", "18446744073709551716"};
	uint64_t v;
	(void)state;
	assert_int_equal(opt_number("loop", "10", 10, 100, &v), 0);
	assert_int_equal(v, 10);
	assert_int_equal(opt_number("loop", "100", 10, 100, &v), 0);
	for (size_t i = 0; i < LEN(bad); i++)
		assert_int_equal(opt_number("loop", bad[i], 10, 100, &v), ERR_SYNTAX);
	assert_int_equal(opt_number("loop", "18446744073709551615", 0, UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{"0", 0},
		{"5", 5 * NS_PER_S},
		{"5s", 5 * NS_PER_S},
		{"200ms", 200 * NS_PER_MS},
		{"0.5ms", 500000},
		{"1.5s", 1500000000},
		{"0.123456789123", 123456789},
		{"0.5m", 30 * NS_PER_S},
		{"1.999999999d", UINT64_C(172799999913600)},
		{"2h", 7200 * NS_PER_S},
		{"30d", 30 * 86400 * NS_PER_S},
	};
	static const char *const bad[] = {"", "s", "1.", ".5", "-1", "1 s", "1S", "1w", "1ms5",
		"31d", "213503982335d", "99999999999999999999"};
	uint64_t v;
	(void)state;
	for (size_t i = 0; i < LEN(good); i++) {
		assert_int_equal(opt_duration("retry", good[i].text, 30 * 86400 * NS_PER_S, &v), 0);
		assert_true(v == good[i].ns);
	}
	for (size_t i = 0; i < LEN(bad); i++)
		assert_int_equal(
			opt_duration("retry", bad[i], 30 * 86400 * NS_PER_S, &v), ERR_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_and_names),
		cmocka_unit_test(wrong_use_is_named),
		cmocka_unit_test(help_and_version),
		cmocka_unit_test(common_ones_are_acted_on),
		cmocka_unit_test(sizes),
		cmocka_unit_test(numbers),
		cmocka_unit_test(durations),
	};
	log_init("nftest");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
