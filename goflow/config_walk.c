/* From the document to the configuration: mappings, their keys, and the value of each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "goflow/config_walk.h"
#include "lib/err.h"

#define PAIRS_MAX  256   /* in one mapping, with what it merges */
#define MERGES_MAX 8     /* levels of "<<" */
#define VISITS_MAX 65536 /* pairs in all: what aliases repeat is counted each time */

/* What is done with each pair of a mapping. */
struct taker {
	void (*take)(struct walk *w, struct object *o, const struct pair *p);
	struct object *object;
	struct {
		const char *name;
		unsigned line;
	} seen[PAIRS_MAX];
	size_t count;
};

struct config_spot node_spot(const yaml_node_t *n)
{
	return (struct config_spot){
		(unsigned)n->start_mark.line + 1, (unsigned)n->start_mark.column + 1};
}

static const char *text_of(const yaml_node_t *n)
{
	return (const char *)n->data.scalar.value;
}

bool node_is_null(const yaml_node_t *n)
{
	static const char *const words[] = {"", "~", "null", "Null", "NULL"};
	if (n->type != YAML_SCALAR_NODE || n->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	for (size_t i = 0; i < LEN(words); i++)
		if (strcmp(text_of(n), words[i]) == 0)
			return true;
	return false;
}

/* The kind of a node, without what stands in it: that may be a password whose key is broken. */
const char *node_kind(const yaml_node_t *n)
{
	if (n->type == YAML_MAPPING_NODE)
		return "a mapping";
	if (n->type == YAML_SEQUENCE_NODE)
		return "a list";
	return node_is_null(n) ? "nothing" : "text";
}

/* Goes down into a key; returns what leave takes. */
size_t walk_enter(struct walk *w, const char *name)
{
	size_t len = strlen(w->path);
	snprintf(w->path + len, sizeof w->path - len, "%s%.64s", len ? "." : "", name);
	return len;
}

void walk_leave(struct walk *w, size_t len)
{
	w->path[len] = '\0';
}

static const char *where(const struct walk *w)
{
	return *w->path ? w->path : "the file";
}

/* A key as it may be shown: what follows a blank or a mark of assignment could be a secret. */
int key_shown(const char *name)
{
	size_t len = strcspn(name, " \t=,:/@");
	return (int)(len < 48 ? len : 48);
}

static bool is_new(struct walk *w, struct taker *t, const struct pair *p, size_t first)
{
	for (size_t i = 0; i < t->count; i++) {
		if (strcmp(t->seen[i].name, p->name) != 0)
			continue;
		if (i >= first)
			config_error(w->r, p->spot,
				"%s: found the key %.*s again, expected it once: it stands on line "
				"%u too",
				where(w), key_shown(p->name), p->name, t->seen[i].line);
		return false; /* a merged mapping is overridden by what merges it */
	}
	if (t->count == PAIRS_MAX) {
		config_error(w->r, p->spot, "%s: found more than %d keys, expected fewer", where(w),
			PAIRS_MAX);
		w->visits = VISITS_MAX;
		return false;
	}
	t->seen[t->count].name = p->name;
	t->seen[t->count++].line = p->spot.line;
	return true;
}

/* One pair more, if there have not been too many. */
static bool visit(struct walk *w, struct config_spot at)
{
	if (w->visits >= VISITS_MAX || w->r->errors >= CONFIG_FINDINGS_MAX)
		return false;
	if (++w->visits == VISITS_MAX)
		config_error(w->r, at, "found more than %d keys, with aliases, expected fewer",
			VISITS_MAX);
	return w->visits < VISITS_MAX;
}

static bool has_control(const yaml_node_t *n)
{
	const unsigned char *s = n->data.scalar.value;
	for (size_t i = 0; i < n->data.scalar.length; i++)
		if (s[i] < 0x20 || s[i] == 0x7f || (s[i] == 0xc2 && s[i + 1] < 0xa0))
			return true;
	return false;
}

static void each_pair(struct walk *w, yaml_node_t *n, struct taker *t, unsigned level);

/* "<<": a mapping, or a list of them, whose keys count where they do not stand here. */
static void merge(struct walk *w, yaml_node_t *n, struct taker *t, unsigned level)
{
	if (n->type == YAML_MAPPING_NODE && level < MERGES_MAX) {
		each_pair(w, n, t, level + 1);
		return;
	}
	if (n->type != YAML_SEQUENCE_NODE || level >= MERGES_MAX) {
		config_error(w->r, node_spot(n),
			"%s.<<: found %s, expected a mapping, or a list of them, no more than "
			"%d levels deep",
			where(w), node_kind(n), MERGES_MAX);
		return;
	}
	for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top;
		i++) {
		yaml_node_t *item = yaml_document_get_node(w->doc, *i);
		if (!visit(w, node_spot(item)))
			return;
		merge(w, item, t, level + 1);
	}
}

/* Gives each pair of a mapping to the taker, what it merges behind its own. */
static void each_pair(struct walk *w, yaml_node_t *n, struct taker *t, unsigned level)
{
	size_t first = t->count;
	for (int merging = 0; merging < 2; merging++) {
		for (yaml_node_pair_t *i = n->data.mapping.pairs.start;
			i < n->data.mapping.pairs.top; i++) {
			yaml_node_t *key = yaml_document_get_node(w->doc, i->key);
			struct pair p = {
				NULL, node_spot(key), yaml_document_get_node(w->doc, i->value)};
			if (!visit(w, p.spot))
				return;
			if (key->type != YAML_SCALAR_NODE || has_control(key)) {
				if (!merging)
					config_error(w->r, p.spot,
						"%s: found %s for a key, expected a word", where(w),
						node_kind(key));
				continue;
			}
			p.name = text_of(key);
			if ((strcmp(p.name, "<<") == 0) != merging)
				continue;
			if (merging)
				merge(w, p.value, t, level);
			else if (is_new(w, t, &p, first))
				t->take(w, t->object, &p);
		}
	}
}

/* Walks the value of a key that is a mapping, or nothing. */
void walk_mapping(struct walk *w, yaml_node_t *n, struct object *o,
	void (*take)(struct walk *w, struct object *o, const struct pair *p))
{
	struct taker t = {.take = take, .object = o};
	if (n->type == YAML_MAPPING_NODE)
		each_pair(w, n, &t, 0);
	else if (!node_is_null(n))
		config_error(w->r, node_spot(n), "%s: found %s, expected KEY: VALUE lines",
			where(w), node_kind(n));
}

/* Where else a key of that name stands: within this mapping's own config, or anywhere. */
static const struct config_row *elsewhere(enum config_scope scope, const char *name)
{
	const struct config_row *row = NULL;
	if (scope == SCOPE_BACKEND || scope == SCOPE_FRONTEND)
		row = config_row_find(scope + 1, TYPES_ANY, name);
	for (size_t i = 0; !row && i < KEY_COUNT; i++)
		if (strcmp(config_rows[i].name, name) == 0)
			row = &config_rows[i];
	return row;
}

/* What was expected in place of a key that this mapping does not have. */
static void expected_key(const struct object *o, const char *name, char *out, size_t room)
{
	const struct config_row *row = config_row_find(o->scope, TYPES_ANY, name);
	struct nearest n;
	nearest_begin(&n, name);
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (config_rows[i].scope == o->scope && config_rows[i].of & o->of)
			nearest_offer(&n, config_rows[i].name);
	if (row) {
		size_t at =
			(size_t)snprintf(out, room, "a key of this type; %s is one of ", row->name);
		config_types(row, out + at, room - at);
	} else if (n.best[0]) {
		snprintf(out, room, "%s, which is near", n.best);
	} else if ((row = elsewhere(o->scope, name))) {
		snprintf(out, room, "it %s%s, which its indentation says",
			row->scope == SCOPE_ROOT ? "at the start of a line" : "under ",
			config_scope_path(row->scope));
	} else {
		snprintf(out, room, "one of those that \"goflow help config\" lists");
	}
}

static void unknown_key(struct walk *w, const struct object *o, const struct pair *p)
{
	char expected[256];
	expected_key(o, p->name, expected, sizeof expected);
	config_error(w->r, p->spot, "%s: found the key %.*s, expected %s", where(w),
		key_shown(p->name), p->name, expected);
}

/* The text of a scalar of one line, or NULL after an error. */
const char *walk_text(struct walk *w, const char *key, const yaml_node_t *n, const char *expected)
{
	const char *found = node_kind(n);
	if (n->type == YAML_SCALAR_NODE && n->start_mark.line == n->end_mark.line &&
		!has_control(n))
		return text_of(n);
	if (n->type == YAML_SCALAR_NODE)
		found = has_control(n) ? "control characters"
				       : "text over several lines, as of a missing colon";
	config_error(w->r, node_spot(n), "%s%s%s: found %s, expected %s", w->path,
		*w->path ? "." : "", key, found, expected);
	return NULL;
}

/* A list as one text with commas. Returns false after an error. */
static bool join(
	struct walk *w, const struct config_row *row, const yaml_node_t *n, char *out, size_t room)
{
	size_t at = 0;
	char expected[512];
	config_value_expected(row, expected, sizeof expected);
	out[0] = '\0';
	for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top;
		i++) {
		const char *text =
			walk_text(w, row->name, yaml_document_get_node(w->doc, *i), expected);
		if (!text)
			return false;
		at += (size_t)snprintf(out + at, room - at, "%s%s", at ? "," : "", text);
		if (at >= room) {
			config_error(w->r, node_spot(n),
				"%s.%s: found more than %zu bytes, expected %s", w->path, row->name,
				room - 1, expected);
			return false;
		}
	}
	return true;
}

static void bad_value(struct walk *w, const struct config_row *row, const yaml_node_t *n,
	const char *text, const char *expected)
{
	const char *gap = *w->path ? "." : "";
	if (row->flags & KEY_SECRET)
		config_error(w->r, node_spot(n),
			"%s%s%s: found a value that is not shown, expected %s", w->path, gap,
			row->name, expected);
	else
		config_error(w->r, node_spot(n), "%s%s%s: found \"%.80s\", expected %s", w->path,
			gap, row->name, text, expected);
}

static void warn_of_key(struct walk *w, const struct config_row *row, struct config_spot at)
{
	if (row->flags & KEY_OBSOLETE)
		config_warn(w->r, at, "%s.%s: it %s; leave it out", w->path, row->name, row->doc);
	if (row->flags & KEY_SECRET)
		config_warn(w->r, at,
			"%s%s%s: a secret stands in this file; better %s in the environment, or "
			"a file of its own",
			w->path, *w->path ? "." : "", row->name, row->environment);
}

/* Without the blanks that stand beside commas. */
static void copy_list(char *out, size_t room, const char *text)
{
	size_t at = 0;
	for (; *text && at + 1 < room; text++)
		if (*text != ' ')
			out[at++] = *text;
	out[at] = '\0';
}

static void take_value(
	struct walk *w, const struct config_row *row, struct config_value *v, const struct pair *p)
{
	char expected[512], list[4096];
	yaml_node_t *n = p->value;
	const char *text = list;
	config_value_expected(row, expected, sizeof expected);
	if (node_is_null(n) || (n->type == YAML_SCALAR_NODE && n->data.scalar.length == 0))
		return; /* as if the key were not there */
	v->spot = node_spot(n);
	if (row->kind == VALUE_FIELDS && n->type == YAML_SEQUENCE_NODE) {
		if (!join(w, row, n, list, sizeof list))
			return;
	} else {
		text = walk_text(w, row->name, n, expected);
		if (!text)
			return;
		if (row->kind == VALUE_FIELDS) {
			copy_list(list, sizeof list, text);
			text = list;
		}
	}
	int err = config_value_read(row, text, v, expected, sizeof expected);
	if (err == ERR_SYNTAX)
		bad_value(w, row, n, text, expected);
	else if (err)
		config_error(w->r, node_spot(n), "%s", err_sentence(err));
	v->from = err ? FROM_NOWHERE : FROM_FILE;
	warn_of_key(w, row, p->spot);
}

void walk_section(struct walk *w, enum config_scope scope, yaml_node_t *n)
{
	struct object o = {.scope = scope, .of = TYPES_ANY, .values = w->c->values};
	walk_mapping(w, n, &o, take_key);
}

static void take_mapping(
	struct walk *w, struct object *o, const struct config_row *row, const struct pair *p)
{
	size_t len = walk_enter(w, row->name);
	switch (row->id) {
	case KEY_BACKENDS: walk_mapping(w, p->value, NULL, take_backend); break;
	case KEY_FRONTENDS: walk_mapping(w, p->value, NULL, take_frontend); break;
	case KEY_API: take_api(w, p->value); break;
	case KEY_UTILITIES: walk_section(w, SCOPE_UTILITIES, p->value); break;
	case KEY_LOG: walk_section(w, SCOPE_LOG, p->value); break;
	default: o->config = p->value; break;
	}
	walk_leave(w, len);
}

void take_key(struct walk *w, struct object *o, const struct pair *p)
{
	const struct config_row *row = config_row_find(o->scope, o->of, p->name);
	if (o->scope == SCOPE_ROOT && strncmp(p->name, "x-", 2) == 0)
		return; /* a place for anchors */
	if (!row && o->backend && o->of == 1u << BACKEND_KAFKA && strchr(p->name, '.'))
		take_property(w, o->backend, p);
	else if (!row)
		unknown_key(w, o, p);
	else if (row->kind == VALUE_MAPPING)
		take_mapping(w, o, row, p);
	else if (row->kind == VALUE_NAMES)
		take_routes(w, o, row, p);
	else
		take_value(w, row, &o->values[row->id], p);
}

void config_walk(struct config *c, yaml_document_t *doc, bool whole, struct config_report *r)
{
	struct walk w = {.c = c, .r = r, .doc = doc, .whole = whole};
	yaml_node_t *root = yaml_document_get_root_node(doc);
	if (root)
		walk_section(&w, SCOPE_ROOT, root);
}
