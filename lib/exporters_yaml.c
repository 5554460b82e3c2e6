/* The exporters file, read from YAML event by event: what does not belong there is told where it
 * begins, and no more of it is kept. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/exporters_impl.h"
#include "lib/quantity.h"

#define COMPLAINTS_MAX 100
#define SHOWN_MAX      48 /* bytes of a value in a complaint */
#define DEPTH_MAX      32 /* of what is passed over: libyaml takes time by its square */

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the one in hand; none before the first */
	struct exporters_file *file;
	struct exporter_entry *entry; /* the one that is being read */
	char key[SHOWN_MAX + 1];      /* its address, as it stands there */
	exporters_complain *complain;
	void *ctx;
	const char *text;
	size_t len;
	unsigned complaints;
	bool stopped; /* it is no YAML, or memory has run out: nothing more can be read */
};

PRINTF_LIKE(4, 5)
static void complain_at(struct reader *r, unsigned line, unsigned column, const char *fmt, ...)
{
	char what[512];
	va_list args;
	if (r->complaints++ >= COMPLAINTS_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(what, sizeof what, fmt, args);
	va_end(args);
	r->complain(r->ctx, line, column, what);
}

/* Of the event in hand. */
#define COMPLAIN(r, ...)                                                                           \
	complain_at((r), (unsigned)(r)->event.start_mark.line + 1,                                 \
		(unsigned)(r)->event.start_mark.column + 1, __VA_ARGS__)

static void out_of_memory(struct reader *r)
{
	complain_at(r, 0, 0, "%s", err_sentence(ERR_MEMORY));
	r->stopped = true;
}

/* Says what libyaml found. */
static void bad_yaml(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	unsigned line = (unsigned)p->problem_mark.line + 1,
		 column = (unsigned)p->problem_mark.column + 1;
	r->stopped = true;
	if (p->error == YAML_MEMORY_ERROR) {
		out_of_memory(r);
		return;
	}
	if (p->error == YAML_READER_ERROR) { /* which has a place in bytes alone */
		line = column = 1;
		for (size_t i = 0; i < p->problem_offset && i < r->len; i++) {
			line += r->text[i] == '\n';
			column = r->text[i] == '\n' ? 1 : column + 1;
		}
	}
	complain_at(r, line, column, "found no YAML: %s%s%s", p->context ? p->context : "",
		p->context ? ": " : "", p->problem ? p->problem : "it cannot be read");
}

/* Takes the next event in hand. Returns whether there is one. */
static bool next(struct reader *r)
{
	if (r->stopped)
		return false;
	yaml_event_delete(&r->event);
	if (yaml_parser_parse(&r->parser, &r->event))
		return true;
	bad_yaml(r);
	return false;
}

static const char *kind(const struct reader *r)
{
	switch (r->event.type) {
	case YAML_MAPPING_START_EVENT: return "a mapping";
	case YAML_SEQUENCE_START_EVENT: return "a list";
	case YAML_ALIAS_EVENT: return "an alias";
	default: return r->event.data.scalar.length ? "text" : "nothing";
	}
}

static bool is(const struct reader *r, yaml_event_type_t type)
{
	return r->event.type == type;
}

static const char *scalar(const struct reader *r)
{
	return (const char *)r->event.data.scalar.value;
}

static bool scalar_is(const struct reader *r, const char *word)
{
	return strcmp(scalar(r), word) == 0;
}

/* A null, as the value of "key:". */
static bool is_null(const struct reader *r)
{
	return is(r, YAML_SCALAR_EVENT) && r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (scalar_is(r, "") || scalar_is(r, "~") || scalar_is(r, "null"));
}

/* Passes over the node whose first event is in hand: its last event is then. */
static void skip_node(struct reader *r)
{
	unsigned depth = 0;
	do {
		if (is(r, YAML_MAPPING_START_EVENT) || is(r, YAML_SEQUENCE_START_EVENT))
			depth++;
		else if (is(r, YAML_MAPPING_END_EVENT) || is(r, YAML_SEQUENCE_END_EVENT))
			depth--;
		if (depth > DEPTH_MAX) {
			COMPLAIN(r, "found more than %d levels, expected fewer", DEPTH_MAX);
			r->stopped = true;
		}
	} while (depth && next(r));
}

static bool has_control(const struct reader *r)
{
	for (size_t i = 0; i < r->event.data.scalar.length; i++) {
		unsigned char c = r->event.data.scalar.value[i];
		if (c < 0x20 || c == 0x7f)
			return true;
	}
	return false;
}

/* Whether the node in hand is text; else says so for the property and passes over it. */
static bool is_text(struct reader *r, const char *property, const char *expected)
{
	bool text = is(r, YAML_SCALAR_EVENT);
	if (text && !has_control(r))
		return true;
	COMPLAIN(r, "%s%s: found %s, expected %s", r->key, property,
		text ? "control characters" : kind(r), expected);
	skip_node(r);
	return false;
}

/* A name: text of 1 to EXPORTERS_NAME_MAX bytes, copied. */
static bool take_name(struct reader *r, const char *property, struct text *out)
{
	size_t len;
	if (!is_text(r, property, "a name"))
		return false;
	len = r->event.data.scalar.length;
	if (is_null(r) || len == 0 || len > EXPORTERS_NAME_MAX) {
		COMPLAIN(r, "%s%s: found %s, expected a name of 1 to %d bytes", r->key, property,
			is_null(r) || len == 0 ? "nothing" : "a longer text", EXPORTERS_NAME_MAX);
		return false;
	}
	char *copy = malloc(len);
	if (!copy) {
		out_of_memory(r);
		return false;
	}
	memcpy(copy, scalar(r), len);
	*out = (struct text){copy, (uint32_t)len};
	return true;
}

/* A whole number from 1 to `most`. */
static bool take_number(struct reader *r, const char *property, uint32_t *out)
{
	uint64_t v;
	if (!is_text(r, property, "a whole number"))
		return false;
	if (quantity_number(scalar(r), &v) != 0 || v < 1 || v > UINT32_MAX) {
		COMPLAIN(r, "%s%s: found \"%.*s\", expected a whole number from 1 to %" PRIu32,
			r->key, property, SHOWN_MAX, scalar(r), UINT32_MAX);
		return false;
	}
	*out = (uint32_t)v;
	return true;
}

/* Makes room for one element more in a list that grows by doubling. Returns false without memory.
 */
static bool grow(struct reader *r, void **list, size_t count, size_t *cap, size_t size)
{
	if (count < *cap)
		return true;
	size_t wanted = *cap ? 2 * *cap : 8;
	void *grown = realloc(*list, wanted * size);
	if (!grown) {
		out_of_memory(r);
		return false;
	}
	*list = grown;
	*cap = wanted;
	return true;
}

/* One pair of `interfaces`; its key is in hand. */
static void take_interface(struct reader *r)
{
	struct interface_names *all = &r->entry->interfaces;
	struct interface_entry e = {.line = (unsigned)r->event.start_mark.line + 1};
	char property[SHOWN_MAX];
	bool good = take_number(r, ".interfaces", &e.index);
	snprintf(property, sizeof property, ".interfaces.%" PRIu32, e.index);
	if (!next(r))
		return;
	if (!good) {
		skip_node(r);
		return;
	}
	if (!take_name(r, property, &e.name))
		return;
	if (!grow(r, (void **)&all->list, all->count, &all->cap, sizeof *all->list)) {
		free((char *)e.name.p);
		return;
	}
	all->list[all->count++] = e;
}

static void take_interfaces(struct reader *r)
{
	if (is_null(r))
		return;
	if (!is(r, YAML_MAPPING_START_EVENT)) {
		COMPLAIN(r, "%s.interfaces: found %s, expected a mapping from ifIndex to name",
			r->key, kind(r));
		skip_node(r);
		return;
	}
	while (next(r) && !is(r, YAML_MAPPING_END_EVENT))
		take_interface(r);
}

static void take_quirk(struct reader *r)
{
	if (!is_text(r, ".quirks", "names of quirks"))
		return;
	int quirk = quirk_by_name(scalar(r), r->event.data.scalar.length);
	if (quirk < 0)
		COMPLAIN(r, "%s.quirks: found \"%.*s\", expected one of %s", r->key, SHOWN_MAX,
			scalar(r), quirks_settable());
	else
		r->entry->settings.quirks |= UINT64_C(1) << quirk;
}

static void take_quirks(struct reader *r)
{
	if (is_null(r))
		return;
	if (!is(r, YAML_SEQUENCE_START_EVENT)) {
		COMPLAIN(r, "%s.quirks: found %s, expected a list of %s", r->key, kind(r),
			quirks_settable());
		skip_node(r);
		return;
	}
	while (next(r) && !is(r, YAML_SEQUENCE_END_EVENT))
		take_quirk(r);
}

/* The property whose name is in hand, 0 if there is none of it. */
static enum setting setting_of(struct reader *r)
{
	static const struct {
		const char *name;
		enum setting setting;
	} all[] = {{"name", SETTING_NAME}, {"sampling", SETTING_SAMPLING},
		{"interfaces", SETTING_INTERFACES}, {"quirks", SETTING_QUIRKS}};
	if (!is_text(r, "", "name, sampling, interfaces or quirks"))
		return 0;
	for (size_t i = 0; i < LEN(all); i++)
		if (scalar_is(r, all[i].name)) {
			if (!(r->entry->has & all[i].setting))
				return all[i].setting;
			COMPLAIN(r, "%s: found %s again, expected it once", r->key, all[i].name);
			return 0;
		}
	COMPLAIN(r, "%s: found \"%.*s\", expected name, sampling, interfaces or quirks", r->key,
		SHOWN_MAX, scalar(r));
	return 0;
}

/* One pair of an exporter's properties; its key is in hand. */
static void take_property(struct reader *r)
{
	enum setting setting = setting_of(r);
	struct exporter_settings *s = &r->entry->settings;
	if (!next(r))
		return;
	r->entry->has |= setting;
	switch (setting) {
	case SETTING_NAME: take_name(r, ".name", &s->name); break;
	case SETTING_SAMPLING: take_number(r, ".sampling", &s->sampling); break;
	case SETTING_INTERFACES: take_interfaces(r); break;
	case SETTING_QUIRKS: take_quirks(r); break;
	default: skip_node(r); break;
	}
}

/* An address, or a prefix without bits behind its length. Returns 0 or ERR_SYNTAX. */
static int parse_prefix(const char *text, struct exporter_entry *e)
{
	const char *slash = strchr(text, '/');
	uint64_t bits = 128;
	if (ip_parse(text, slash ? (size_t)(slash - text) : strlen(text), &e->prefix) != 0)
		return ERR_SYNTAX;
	/* an IPv4 address in IPv6's form has a length of that form */
	bool is4 = ip_is4(&e->prefix) && !memchr(text, ':', strlen(text));
	if (slash && (quantity_number(slash + 1, &bits) != 0 || bits > (is4 ? 32 : 128)))
		return ERR_SYNTAX;
	e->bits = (unsigned)bits + (slash && is4 ? 96 : 0);
	for (unsigned i = e->bits; i < 128; i++)
		if (e->prefix.b[i / 8] >> (7 - i % 8) & 1)
			return ERR_SYNTAX;
	return 0;
}

/* One exporter; its key is in hand. */
static void take_exporter(struct reader *r)
{
	static const char expected[] =
		"an address, or a prefix without bits behind its length, as 192.0.2.0/24";
	struct exporter_entry e = {.line = (unsigned)r->event.start_mark.line + 1,
		.column = (unsigned)r->event.start_mark.column + 1};
	struct exporters_file *f = r->file;
	r->key[0] = '\0';
	bool good = is_text(r, "the file", expected);
	if (good && parse_prefix(scalar(r), &e) != 0) {
		COMPLAIN(r, "found \"%.*s\", expected %s", SHOWN_MAX, scalar(r), expected);
		good = false;
	}
	if (good)
		snprintf(r->key, sizeof r->key, "%s", scalar(r));
	if (!next(r))
		return;
	if (good && !is(r, YAML_MAPPING_START_EVENT) && !is_null(r)) {
		COMPLAIN(r, "%s: found %s, expected name, sampling, interfaces or quirks", r->key,
			kind(r));
		good = false;
	}
	if (!good || is_null(r)) {
		skip_node(r);
		return;
	}
	if (!grow(r, (void **)&f->list, f->count, &f->cap, sizeof *f->list))
		return;
	r->entry = &f->list[f->count++];
	*r->entry = e;
	while (next(r) && !is(r, YAML_MAPPING_END_EVENT))
		take_property(r);
}

static void take_exporters(struct reader *r)
{
	if (is_null(r))
		return;
	if (!is(r, YAML_MAPPING_START_EVENT)) {
		COMPLAIN(r, "the file: found %s, expected a mapping of exporters", kind(r));
		skip_node(r);
		return;
	}
	while (next(r) && !is(r, YAML_MAPPING_END_EVENT))
		take_exporter(r);
}

/* The events of the stream: at most one document. */
static void take_stream(struct reader *r)
{
	bool first = true;
	while (next(r) && !is(r, YAML_STREAM_END_EVENT)) {
		if (!is(r, YAML_DOCUMENT_START_EVENT))
			continue;
		if (!first) {
			COMPLAIN(r, "found a second document, expected one");
			return;
		}
		first = false;
		if (next(r))
			take_exporters(r);
	}
}

static void check_interfaces(struct reader *r, const struct exporter_entry *e)
{
	char address[IP_TEXT_MAX];
	for (size_t i = 1; i < e->interfaces.count; i++) {
		const struct interface_entry *n = &e->interfaces.list[i];
		if (n->index == n[-1].index)
			complain_at(r, n->line, 1,
				"%s.interfaces: found %" PRIu32
				" again, expected it once: it stands on line %u too",
				ip_text(&e->prefix, address), n->index, n[-1].line);
	}
}

/* What shows once all is sorted: the same thing twice. */
static void check_twice(struct reader *r)
{
	char address[IP_TEXT_MAX];
	const struct exporters_file *f = r->file;
	for (size_t i = 0; i < f->count; i++) {
		const struct exporter_entry *e = &f->list[i];
		check_interfaces(r, e);
		if (i && e->bits == e[-1].bits && ip_equal(&e->prefix, &e[-1].prefix))
			complain_at(r, e->line, e->column,
				"found %s again, expected it once: it stands on line %u too",
				ip_text(&e->prefix, address), e[-1].line);
	}
}

struct exporters_file *exporters_file_parse(
	const char *text, size_t len, exporters_complain *complain, void *ctx)
{
	struct reader r = {.complain = complain, .ctx = ctx, .text = text, .len = len};
	if (len > EXPORTERS_FILE_MAX) {
		complain_at(
			&r, 0, 0, "found more than %d bytes, expected fewer", EXPORTERS_FILE_MAX);
		return NULL;
	}
	r.file = calloc(1, sizeof *r.file);
	if (!r.file || !yaml_parser_initialize(&r.parser)) {
		out_of_memory(&r);
		free(r.file);
		return NULL;
	}
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	take_stream(&r);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	exporters_file_sort(r.file);
	check_twice(&r);
	if (!r.complaints)
		return r.file;
	exporters_file_free(r.file);
	return NULL;
}

/* Reads up to cap bytes of a file. Returns how many, or -1 with errno. */
static ssize_t read_file(const char *path, char *to, size_t cap)
{
	size_t len = 0;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while (len < cap && ((n = read(fd, to + len, cap - len)) > 0 || (n < 0 && errno == EINTR)))
		len += n > 0 ? (size_t)n : 0;
	int saved = errno;
	close(fd);
	errno = saved;
	return n < 0 && len < cap ? -1 : (ssize_t)len;
}

struct exporters_file *exporters_file_load(
	const char *path, exporters_complain *complain, void *ctx)
{
	struct exporters_file *f = NULL;
	char *text = malloc(EXPORTERS_FILE_MAX + 1);
	ssize_t len = text ? read_file(path, text, EXPORTERS_FILE_MAX + 1) : -1;
	if (len < 0)
		complain(ctx, 0, 0, text ? strerror(errno) : err_sentence(ERR_MEMORY));
	else
		f = exporters_file_parse(text, (size_t)len, complain, ctx);
	free(text);
	return f;
}
