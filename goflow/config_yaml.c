/* Text into a YAML document, and the place of what keeps it from being one. */
#include <stdio.h>
#include <string.h>

#include "goflow/config_impl.h"
#include "lib/err.h"
#include "lib/jsontext.h"

/* The place of a byte. */
static struct config_spot spot_of(const char *text, size_t offset)
{
	struct config_spot at = {1, 1};
	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n')
			at = (struct config_spot){at.line + 1, 1};
		else if (((unsigned char)text[i] & 0xc0) != 0x80)
			at.column++;
	}
	return at;
}

/* What YAML 1.1 calls printable, short of the surrogates, which are not UTF-8 (section 5.1). */
static bool printable(const unsigned char *p, size_t n)
{
	if (n == 1)
		return *p >= 0x20 ? *p != 0x7f : *p == '\t' || *p == '\n' || *p == '\r';
	if (n == 2 && p[0] == 0xc2)
		return p[1] >= 0xa0 || p[1] == 0x85;
	return !(n == 3 && p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe);
}

static int check_bytes(const char *text, size_t len, struct config_report *r)
{
	const unsigned char *p = (const unsigned char *)text;
	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_length(p + i, len - i);
		if (n && printable(p + i, n))
			continue;
		config_error(r, spot_of(text, i), "found the byte 0x%02x, expected %s", p[i],
			n ? "text without control characters" : "UTF-8");
		return ERR_SYNTAX;
	}
	return 0;
}

static struct config_spot spot(yaml_mark_t m)
{
	return (struct config_spot){(unsigned)m.line + 1, (unsigned)m.column + 1};
}

/* The start of a line, from 1, and its length without comment and blanks at its end. */
static const char *line_at(const char *text, size_t len, unsigned line, size_t *length)
{
	const char *p = text, *end = text + len, *eol;
	for (; line > 1 && p < end; line--) {
		eol = memchr(p, '\n', (size_t)(end - p));
		p = eol ? eol + 1 : end;
	}
	eol = memchr(p, '\n', (size_t)(end - p));
	const char *last = eol ? eol : end;
	for (const char *q = p; q < last; q++)
		if (*q == '#' && (q == p || q[-1] == ' ' || q[-1] == '\t'))
			last = q;
	while (last > p && strchr(" \t\r", last[-1]))
		last--;
	*length = (size_t)(last - p);
	return p;
}

/* A key whose colon is missing makes one text with the line behind it, whose colon is then one too
 * many: the place is the nearest line above that has something on it, if it has no colon. */
static bool lacks_colon(const char *text, size_t len, unsigned line, struct config_spot *at)
{
	while (--line > 0) {
		size_t length, indent = 0;
		const char *p = line_at(text, len, line, &length);
		if (length == 0)
			continue;
		while (indent < length && p[indent] == ' ')
			indent++;
		*at = (struct config_spot){line, (unsigned)indent + 1};
		return !memchr(p, ':', length) && p[indent] != '-';
	}
	return false;
}

static bool is_first_on_line(const char *text, size_t len, struct config_spot at)
{
	size_t length;
	const char *p = line_at(text, len, at.line, &length);
	return strspn(p, " ") + 1 >= at.column;
}

static void explain(const yaml_parser_t *p, const char *text, size_t len, struct config_report *r,
	struct config_spot *at)
{
	const char *problem = p->problem ? p->problem : "", *context = p->context ? p->context : "";
	*at = spot(p->problem_mark);
	if (p->error == YAML_MEMORY_ERROR) {
		config_error(r, (struct config_spot){0}, "%s", err_sentence(ERR_MEMORY));
	} else if (p->error == YAML_READER_ERROR) {
		*at = spot_of(text, p->problem_offset < len ? p->problem_offset : len);
		config_error(r, *at, "found %s, expected YAML", problem);
	} else if (strcmp(problem, "mapping values are not allowed in this context") == 0) {
		struct config_spot above;
		if (lacks_colon(text, len, at->line, &above)) {
			*at = above;
			config_error(r, above, "found a line without a colon, expected KEY: VALUE");
		} else {
			config_error(r, *at,
				"found a colon where no key can stand, expected a line that is "
				"indented as "
				"its neighbours, or quotes around a value with a colon");
		}
	} else if (strcmp(problem, "could not find expected ':'") == 0) {
		*at = spot(p->context_mark);
		config_error(r, *at, "found a line without a colon, expected KEY: VALUE");
	} else if (strstr(context, "quoted scalar")) {
		*at = spot(p->context_mark);
		config_error(r, *at, "found a quotation mark, expected another that ends the text");
	} else if (strstr(context, "flow")) {
		*at = spot(p->context_mark);
		config_error(r, *at, "found a bracket, expected another that ends the list");
	} else if (strstr(context, "block mapping") && is_first_on_line(text, len, *at)) {
		config_error(r, *at,
			"found a line that is indented unlike its neighbours, expected a key in "
			"line with "
			"that of line %zu",
			p->context_mark.line + 1);
	} else if (strstr(context, "block mapping")) {
		config_error(r, *at,
			"found more behind a value, expected the end of the line, or quotes around "
			"it");
	} else if (strcmp(problem, "found character that cannot start any token") == 0) {
		config_error(r, *at,
			"found a tab or another mark that no value begins with, expected "
			"blanks, or quotes around it");
	} else {
		config_error(r, *at, "found what is not YAML: %s%s%s", context,
			*context ? ": " : "", problem);
	}
}

static void second_document(yaml_parser_t *p, struct config_report *r)
{
	yaml_document_t doc;
	if (!yaml_parser_load(p, &doc))
		return; /* what stands behind the end of the first is not ours */
	yaml_node_t *root = yaml_document_get_root_node(&doc);
	if (root)
		config_error(r, spot(root->start_mark), "found a second document, expected one");
	yaml_document_delete(&doc);
}

int config_yaml(const char *text, size_t len, yaml_document_t *doc, struct config_report *r,
	unsigned *good_lines)
{
	yaml_parser_t p;
	struct config_spot at = {1, 1};
	*good_lines = 0;
	if (check_bytes(text, len, r))
		return ERR_SYNTAX;
	if (!yaml_parser_initialize(&p)) {
		config_error(r, (struct config_spot){0}, "%s", err_sentence(ERR_MEMORY));
		return ERR_SYNTAX;
	}
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p, (const unsigned char *)text, len);
	int err = yaml_parser_load(&p, doc) ? 0 : ERR_SYNTAX;
	if (err) {
		explain(&p, text, len, r, &at);
		*good_lines = at.line - 1;
	} else {
		second_document(&p, r);
	}
	yaml_parser_delete(&p);
	return err;
}
