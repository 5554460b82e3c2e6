/* Text into a YAML document, and the place of what keeps it from being one. */
#include <stdio.h>
#include <string.h>

#include "goflow/config_impl.h"
#include "lib/err.h"
#include "lib/jsontext.h"

#define BRACKETS_MAX 32 /* within each other */
#define ANCHORS_MAX  256

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

/* What YAML 1.1 calls printable (section 5.1), short of the surrogates, which are not UTF-8, and of
 * its line breaks other than newlines, so that lines are what editors count. */
static bool printable(const unsigned char *p, size_t n, bool before_newline)
{
	if (n == 1)
		return *p >= 0x20 ? *p != 0x7f
				  : *p == '\t' || *p == '\n' || (*p == '\r' && before_newline);
	if (n == 2)
		return p[0] != 0xc2 || p[1] >= 0xa0;
	if (n == 3 && p[0] == 0xe2 && p[1] == 0x80)
		return p[2] != 0xa8 && p[2] != 0xa9;
	return !(n == 3 && p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe);
}

static int check_bytes(const char *text, size_t len, struct config_report *r)
{
	const unsigned char *p = (const unsigned char *)text;
	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_length(p + i, len - i);
		if (n && printable(p + i, n, i + 1 < len && p[i + 1] == '\n'))
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

/* A line of the text, without comment and blanks at its end. */
struct row {
	const char *start, *end;
	unsigned line;
};

static void trim(struct row *row, const char *eol)
{
	for (const char *q = row->start; q < eol; q++)
		if (*q == '#' && (q == row->start || q[-1] == ' ' || q[-1] == '\t'))
			eol = q;
	while (eol > row->start && strchr(" \t\r", eol[-1]))
		eol--;
	row->end = eol;
}

/* The line that holds a place. */
static struct row row_at(const char *text, size_t len, struct config_spot at)
{
	struct row row = {text, text + len, at.line};
	const char *eol = memchr(text, '\n', len);
	for (unsigned line = 1; line < at.line && eol; line++) {
		row.start = eol + 1;
		eol = memchr(row.start, '\n', (size_t)(text + len - row.start));
	}
	trim(&row, eol ? eol : text + len);
	return row;
}

static bool row_above(const char *text, struct row *row)
{
	if (row->start == text)
		return false;
	const char *eol = row->start - 1, *before = memrchr(text, '\n', (size_t)(eol - text));
	row->start = before ? before + 1 : text;
	row->line--;
	trim(row, eol);
	return true;
}

static const char *first_mark(const struct row *row)
{
	const char *p = row->start;
	while (p < row->end && *p == ' ')
		p++;
	return p;
}

static struct config_spot spot_in(const struct row *row, const char *p)
{
	return (struct config_spot){row->line, (unsigned)(p - row->start) + 1};
}

static bool has_key(const struct row *row)
{
	for (const char *p = row->start; p < row->end; p++)
		if (*p == ':' && (p + 1 == row->end || p[1] == ' '))
			return true;
	return false;
}

/* A key whose colon is missing makes one text with the line behind it, whose colon is then one too
 * many: the place is the nearest line above that has something on it, if it has no key. */
static bool lacks_colon(const char *text, size_t len, struct config_spot *at)
{
	struct row row = row_at(text, len, *at);
	while (row_above(text, &row)) {
		const char *p = first_mark(&row);
		if (p == row.end)
			continue;
		if (has_key(&row) || *p == '-')
			return false;
		*at = spot_in(&row, p);
		return true;
	}
	return false;
}

/* A quotation mark that is missing is found in a remark or a value further down, and what is wrong
 * is what stands behind that: the place is the nearest value above that begins with one and does
 * not end on its line. */
static bool lacks_quote(const char *text, size_t len, struct config_spot *at)
{
	struct row row = row_at(text, len, *at);
	do {
		const char *p = first_mark(&row);
		while (p < row.end && *p != ':' && *p != '#')
			p++;
		while (p < row.end && (*p == ':' || *p == ' '))
			p++;
		if (p < row.end && (*p == '\'' || *p == '"') &&
			!memchr(p + 1, *p, (size_t)(row.end - p - 1))) {
			*at = spot_in(&row, p);
			return true;
		}
	} while (row_above(text, &row));
	return false;
}

static bool is_first_on_line(const char *text, size_t len, struct config_spot at)
{
	struct row row = row_at(text, len, at);
	return first_mark(&row) - row.start + 1 >= at.column;
}

static void block_problem(const yaml_parser_t *p, const char *text, size_t len,
	struct config_report *r, struct config_spot *at)
{
	if (is_first_on_line(text, len, *at))
		config_error(r, *at,
			"found a line that is indented unlike its neighbours, expected a key in "
			"line with "
			"that of line %zu",
			p->context_mark.line + 1);
	else if (lacks_quote(text, len, at))
		config_error(r, *at, "found a quotation mark, expected another that ends the text");
	else
		config_error(r, *at,
			"found more behind a value, expected the end of the line, or quotes around "
			"it");
}

static void colon_problem(
	const char *text, size_t len, struct config_report *r, struct config_spot *at)
{
	if (lacks_colon(text, len, at))
		config_error(r, *at, "found a line without a colon, expected KEY: VALUE");
	else
		config_error(r, *at,
			"found a colon where no key can stand, expected a line that is indented as "
			"its "
			"neighbours, or quotes around a value with a colon");
}

/* Says what libyaml found, in words of this file; *at is the place. */
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
		colon_problem(text, len, r, at);
	} else if (strcmp(problem, "could not find expected ':'") == 0) {
		*at = spot(p->context_mark);
		config_error(r, *at, "found a line without a colon, expected KEY: VALUE");
	} else if (strstr(context, "quoted scalar")) {
		*at = spot(p->context_mark);
		config_error(r, *at, "found a quotation mark, expected another that ends the text");
	} else if (strstr(context, "flow")) {
		*at = spot(p->context_mark);
		config_error(r, *at, "found a bracket, expected another that ends the list");
	} else if (strstr(context, "block mapping")) {
		block_problem(p, text, len, r, at);
	} else if (strcmp(problem, "found character that cannot start any token") == 0 ||
		   strstr(problem, "tab character")) {
		config_error(r, *at,
			"found a tab or another mark that no value begins with, expected blanks, "
			"or "
			"quotes around it");
	} else {
		config_error(
			r, *at, "%s%s%s, expected YAML", context, *context ? ": " : "", problem);
	}
}

static bool is_within(
	const yaml_token_t *t, unsigned *depth, unsigned *anchors, struct config_report *r)
{
	if (t->type == YAML_FLOW_SEQUENCE_START_TOKEN || t->type == YAML_FLOW_MAPPING_START_TOKEN)
		++*depth;
	if (*depth > 0 &&
		(t->type == YAML_FLOW_SEQUENCE_END_TOKEN || t->type == YAML_FLOW_MAPPING_END_TOKEN))
		--*depth;
	*anchors += t->type == YAML_ANCHOR_TOKEN;
	if (*depth <= BRACKETS_MAX && *anchors <= ANCHORS_MAX)
		return true;
	config_error(r, spot(t->start_mark), "found more than %d %s, expected fewer",
		*depth > BRACKETS_MAX ? BRACKETS_MAX : ANCHORS_MAX,
		*depth > BRACKETS_MAX ? "brackets within each other" : "anchors");
	return false;
}

/* libyaml takes time by the square of some numbers, which are bounded here. What is no YAML is left
 * to the parser to say. */
static int check_bounds(const char *text, size_t len, struct config_report *r)
{
	yaml_parser_t p;
	yaml_token_t token;
	unsigned depth = 0, anchors = 0;
	bool more = true, within = true;
	if (!yaml_parser_initialize(&p))
		return 0;
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p, (const unsigned char *)text, len);
	while (more && within && yaml_parser_scan(&p, &token)) {
		within = is_within(&token, &depth, &anchors, r);
		more = token.type != YAML_STREAM_END_TOKEN;
		yaml_token_delete(&token);
	}
	yaml_parser_delete(&p);
	return within ? 0 : ERR_SYNTAX;
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
	if (check_bytes(text, len, r) || check_bounds(text, len, r))
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
