#include "lib/opt.h"

#include <assert.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/quantity.h"

#define OPTIONS_MAX 64

/* getopt's two forms of the table. getopt has one state for the whole process, and so have these.
 */
static struct option longs[OPTIONS_MAX + 1];
static char shorts[2 * OPTIONS_MAX + 2];

static void begin(struct opts *o)
{
	char *s = shorts;
	*s++ = ':'; /* a missing argument is told apart from an unknown option */
	for (size_t i = 0; i < o->count; i++) {
		const struct opt *t = &o->table[i];
		longs[i] = (struct option){
			.name = t->name,
			.has_arg = t->arg ? required_argument : no_argument,
			.val = t->id,
		};
		if (t->id < 256) {
			*s++ = (char)t->id;
			if (t->arg)
				*s++ = ':';
		}
	}
	longs[o->count] = (struct option){0};
	*s = '\0';
	optind = 0; /* glibc: begin anew, whatever was parsed before */
	opterr = 0;
	o->begun = true;
}

static int finish(struct opts *o, int code)
{
	o->begun = false;
	o->rest = optind;
	return code;
}

static void print_help(const struct opts *o)
{
	printf("Usage: %s %s\n%s\n\n", o->program, o->usage, o->about);
	for (size_t i = 0; i < o->count; i++) {
		const struct opt *t = &o->table[i];
		char left[64];
		const char *gap = t->arg ? " " : "", *arg = t->arg ? t->arg : "";
		if (t->id < 256)
			snprintf(left, sizeof left, "-%c, --%s%s%s", t->id, t->name, gap, arg);
		else
			snprintf(left, sizeof left, "    --%s%s%s", t->name, gap, arg);
		if (strlen(left) <= 24)
			printf("  %-24s  %s\n", left, t->help);
		else
			printf("  %s\n%28s%s\n", left, "", t->help);
	}
}

static const struct opt *find(const struct opts *o, int id)
{
	for (size_t i = 0; i < o->count; i++)
		if (o->table[i].id == id)
			return &o->table[i];
	return NULL;
}

static int complain(const struct opts *o, int found, char **argv)
{
	const struct opt *t = find(o, optopt);
	const char *word = argv[optind - 1];
	if (found == ':' && t)
		log_error("option --%s: found nothing, expected %s", t->name, t->arg);
	else if (t)
		log_error("option --%s: found an argument, expected none", t->name);
	else if (optopt)
		log_error("option -%c: unknown; %s --help lists all", optopt, o->program);
	else
		log_error("option %s: unknown or ambiguous; %s --help lists all", word, o->program);
	return OPT_BAD;
}

int opt_next(struct opts *o, int argc, char **argv)
{
	assert(o->count <= OPTIONS_MAX);
	if (!o->begun)
		begin(o);
	for (;;) {
		int id = getopt_long(argc, argv, shorts, longs, NULL);
		o->arg = optarg;
		switch (id) {
		case -1: return finish(o, OPT_END);
		case '?':
		case ':': return finish(o, complain(o, id, argv));
		case 'h': print_help(o); return finish(o, OPT_DONE);
		case 'V': printf("%s %s\n", o->program, GOFLOW_VERSION); return finish(o, OPT_DONE);
		case 'v': log_more(); continue;
		case OPT_LOG:
			if (!log_form(optarg))
				continue;
			log_error("option --log: found %s, expected text or json", optarg);
			return finish(o, OPT_BAD);
		default: return id;
		}
	}
}

int opt_number(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t v;
	if (quantity_number(text, &v) == 0 && v >= min && v <= max) {
		*out = v;
		return 0;
	}
	log_error("option --%s: found %s, expected a number from %" PRIu64 " to %" PRIu64, name,
		text, min, max);
	return ERR_SYNTAX;
}

int opt_switch(const char *name, const char *text, bool *out)
{
	*out = strcmp(text, "on") == 0;
	if (*out || strcmp(text, "off") == 0)
		return 0;
	log_error("option --%s: found %s, expected on or off", name, text);
	return ERR_SYNTAX;
}

int opt_size(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	char low[QUANTITY_TEXT_MAX], high[QUANTITY_TEXT_MAX];
	uint64_t v;
	if (quantity_size(text, &v) == 0 && v >= min && v <= max) {
		*out = v;
		return 0;
	}
	log_error("option --%s: found %s, expected a size in bytes from %s to %s (K, M or G may "
		  "follow)",
		name, text, quantity_size_text(min, low), quantity_size_text(max, high));
	return ERR_SYNTAX;
}

int opt_duration(const char *name, const char *text, uint64_t max_ns, uint64_t *out)
{
	char high[QUANTITY_TEXT_MAX];
	uint64_t v;
	if (quantity_duration(text, &v) == 0 && v <= max_ns) {
		*out = v;
		return 0;
	}
	log_error("option --%s: found %s, expected a time of at most %s, such as 1.5s (units ms, "
		  "s, m, h, d)",
		name, text, quantity_duration_text(max_ns, high));
	return ERR_SYNTAX;
}
