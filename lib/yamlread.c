#include "lib/yamlread.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"

#define COMPLAINTS_MAX 100
#define DEPTH_MAX      32 /* of what is passed over: libyaml takes time by its square */

void yamlread_complain(struct yamlread *y, unsigned line, unsigned column, const char *fmt, ...)
{
	char what[512];
	va_list args;
	if (y->complaints++ >= COMPLAINTS_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(what, sizeof what, fmt, args);
	va_end(args);
	y->complain(y->ctx, line, column, what);
}

void yamlread_memory(struct yamlread *y)
{
	yamlread_complain(y, 0, 0, "%s", err_sentence(ERR_MEMORY));
	y->stopped = true;
}

/* Says what libyaml found. */
static void bad_yaml(struct yamlread *y)
{
	const yaml_parser_t *p = &y->parser;
	unsigned line = (unsigned)p->problem_mark.line + 1,
		 column = (unsigned)p->problem_mark.column + 1;
	y->stopped = true;
	if (p->error == YAML_MEMORY_ERROR) {
		yamlread_memory(y);
		return;
	}
	if (p->error == YAML_READER_ERROR) { /* which has a place in bytes alone */
		line = column = 1;
		for (size_t i = 0; i < p->problem_offset && i < y->len; i++) {
			line += y->text[i] == '\n';
			column = y->text[i] == '\n' ? 1 : column + 1;
		}
	}
	yamlread_complain(y, line, column, "found no YAML: %s%s%s", p->context ? p->context : "",
		p->context ? ": " : "", p->problem ? p->problem : "it cannot be read");
}

bool yamlread_next(struct yamlread *y)
{
	if (y->stopped)
		return false;
	yaml_event_delete(&y->event);
	if (yaml_parser_parse(&y->parser, &y->event))
		return true;
	bad_yaml(y);
	return false;
}

const char *yamlread_kind(const struct yamlread *y)
{
	switch (y->event.type) {
	case YAML_MAPPING_START_EVENT: return "a mapping";
	case YAML_SEQUENCE_START_EVENT: return "a list";
	case YAML_ALIAS_EVENT: return "an alias";
	default: return y->event.data.scalar.length ? "text" : "nothing";
	}
}

bool yamlread_is(const struct yamlread *y, yaml_event_type_t type)
{
	return y->event.type == type;
}

const char *yamlread_text(const struct yamlread *y)
{
	return (const char *)y->event.data.scalar.value;
}

bool yamlread_null(const struct yamlread *y)
{
	if (!yamlread_is(y, YAML_SCALAR_EVENT) ||
		y->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	const char *text = yamlread_text(y);
	return !*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

void yamlread_skip(struct yamlread *y)
{
	unsigned depth = 0;
	do {
		if (yamlread_is(y, YAML_MAPPING_START_EVENT) ||
			yamlread_is(y, YAML_SEQUENCE_START_EVENT))
			depth++;
		else if (yamlread_is(y, YAML_MAPPING_END_EVENT) ||
			 yamlread_is(y, YAML_SEQUENCE_END_EVENT))
			depth--;
		if (depth > DEPTH_MAX) {
			YAMLREAD_COMPLAIN(
				y, "found more than %d levels, expected fewer", DEPTH_MAX);
			y->stopped = true;
		}
	} while (depth && yamlread_next(y));
}

static bool has_control(const struct yamlread *y)
{
	for (size_t i = 0; i < y->event.data.scalar.length; i++) {
		unsigned char c = y->event.data.scalar.value[i];
		if (c < 0x20 || c == 0x7f)
			return true;
	}
	return false;
}

bool yamlread_scalar(struct yamlread *y, const char *where, const char *expected)
{
	bool text = yamlread_is(y, YAML_SCALAR_EVENT);
	if (text && !has_control(y))
		return true;
	YAMLREAD_COMPLAIN(y, "%s: found %s, expected %s", where,
		text ? "control characters" : yamlread_kind(y), expected);
	yamlread_skip(y);
	return false;
}

bool yamlread_grow(struct yamlread *y, void **list, size_t count, size_t *cap, size_t size)
{
	if (count < *cap)
		return true;
	size_t wanted = *cap ? 2 * *cap : 8;
	void *grown = realloc(*list, wanted * size);
	if (!grown) {
		yamlread_memory(y);
		return false;
	}
	*list = grown;
	*cap = wanted;
	return true;
}

/* The events of the stream: at most one document. */
static void take_stream(struct yamlread *y, void (*take)(struct yamlread *y))
{
	bool first = true;
	while (yamlread_next(y) && !yamlread_is(y, YAML_STREAM_END_EVENT)) {
		if (!yamlread_is(y, YAML_DOCUMENT_START_EVENT))
			continue;
		if (!first) {
			YAMLREAD_COMPLAIN(y, "found a second document, expected one");
			return;
		}
		first = false;
		if (yamlread_next(y))
			take(y);
	}
}

bool yamlread(struct yamlread *y, const char *text, size_t len, void (*take)(struct yamlread *y))
{
	y->text = text;
	y->len = len;
	if (len > YAMLREAD_FILE_MAX) {
		yamlread_complain(
			y, 0, 0, "found more than %d bytes, expected fewer", YAMLREAD_FILE_MAX);
		return false;
	}
	if (!yaml_parser_initialize(&y->parser)) {
		yamlread_memory(y);
		return false;
	}
	yaml_parser_set_encoding(&y->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&y->parser, (const unsigned char *)text, len);
	take_stream(y, take);
	yaml_event_delete(&y->event);
	yaml_parser_delete(&y->parser);
	return !y->complaints;
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

char *yamlread_file(const char *path, size_t *len, complain_fn *complain, void *ctx)
{
	char *text = malloc(YAMLREAD_FILE_MAX + 1);
	ssize_t n = text ? read_file(path, text, YAMLREAD_FILE_MAX + 1) : -1;
	if (n < 0) {
		complain(ctx, 0, 0, text ? strerror(errno) : err_sentence(ERR_MEMORY));
		free(text);
		return NULL;
	}
	*len = (size_t)n;
	return text;
}
