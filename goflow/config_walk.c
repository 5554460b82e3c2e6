/* From the document to the configuration: mappings, their keys, and the value of each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "goflow/config_impl.h"
#include "lib/err.h"

#define PAIRS_MAX  256   /* in one mapping, with what it merges */
#define MERGES_MAX 8     /* levels of "<<" */
#define VISITS_MAX 65536 /* pairs in all: what aliases repeat is counted each time */

struct walk {
	struct config *c;
	struct config_report *r;
	yaml_document_t *doc;
	unsigned visits;
	char path[512]; /* where the mapping stands that is walked */
};

/* A mapping whose keys are rows. */
struct object {
	enum config_scope scope;
	unsigned of;
	struct config_value *values;
	struct config_frontend *frontend;
	struct config_backend *backend;
	yaml_node_t *config; /* waits until the type is known */
	struct config_spot config_spot;
};

struct pair {
	const char *name;
	struct config_spot spot; /* of the key */
	yaml_node_t *value;
};

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

static struct config_spot spot(const yaml_node_t *n)
{
	return (struct config_spot){
		(unsigned)n->start_mark.line + 1, (unsigned)n->start_mark.column + 1};
}

static const char *text_of(const yaml_node_t *n)
{
	return (const char *)n->data.scalar.value;
}

static bool is_null(const yaml_node_t *n)
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
static const char *kind_of(const yaml_node_t *n)
{
	if (n->type == YAML_MAPPING_NODE)
		return "a mapping";
	if (n->type == YAML_SEQUENCE_NODE)
		return "a list";
	return is_null(n) ? "nothing" : "text";
}

/* Goes down into a key; returns what leave takes. */
static size_t enter(struct walk *w, const char *name)
{
	size_t len = strlen(w->path);
	snprintf(w->path + len, sizeof w->path - len, "%s%.64s", len ? "." : "", name);
	return len;
}

static void leave(struct walk *w, size_t len)
{
	w->path[len] = '\0';
}

static const char *where(const struct walk *w)
{
	return *w->path ? w->path : "the file";
}

/* A key as it may be shown: what follows a blank or a mark of assignment could be a secret. */
static int shown(const char *name)
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
				where(w), shown(p->name), p->name, t->seen[i].line);
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
		config_error(w->r, spot(n),
			"%s.<<: found %s, expected a mapping, or a list of them, no more than "
			"%d levels deep",
			where(w), kind_of(n), MERGES_MAX);
		return;
	}
	for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top;
		i++) {
		yaml_node_t *item = yaml_document_get_node(w->doc, *i);
		if (!visit(w, spot(item)))
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
			struct pair p = {NULL, spot(key), yaml_document_get_node(w->doc, i->value)};
			if (!visit(w, p.spot))
				return;
			if (key->type != YAML_SCALAR_NODE || has_control(key)) {
				if (!merging)
					config_error(w->r, p.spot,
						"%s: found %s for a key, expected a word", where(w),
						kind_of(key));
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
static void walk_mapping(struct walk *w, yaml_node_t *n, struct object *o,
	void (*take)(struct walk *w, struct object *o, const struct pair *p))
{
	struct taker t = {.take = take, .object = o};
	if (n->type == YAML_MAPPING_NODE)
		each_pair(w, n, &t, 0);
	else if (!is_null(n))
		config_error(w->r, spot(n), "%s: found %s, expected KEY: VALUE lines", where(w),
			kind_of(n));
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
	config_error(w->r, p->spot, "%s: found the key %.*s, expected %s", where(w), shown(p->name),
		p->name, expected);
}

/* The text of a scalar of one line, or NULL after an error. */
static const char *one_line(
	struct walk *w, const char *key, const yaml_node_t *n, const char *expected)
{
	const char *found = kind_of(n);
	if (n->type == YAML_SCALAR_NODE && n->start_mark.line == n->end_mark.line &&
		!has_control(n))
		return text_of(n);
	if (n->type == YAML_SCALAR_NODE)
		found = has_control(n) ? "control characters"
				       : "text over several lines, as of a missing colon";
	config_error(w->r, spot(n), "%s%s%s: found %s, expected %s", w->path, *w->path ? "." : "",
		key, found, expected);
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
			one_line(w, row->name, yaml_document_get_node(w->doc, *i), expected);
		if (!text)
			return false;
		at += (size_t)snprintf(out + at, room - at, "%s%s", at ? "," : "", text);
		if (at >= room) {
			config_error(w->r, spot(n), "%s.%s: found more than %zu bytes, expected %s",
				w->path, row->name, room - 1, expected);
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
		config_error(w->r, spot(n), "%s%s%s: found a value that is not shown, expected %s",
			w->path, gap, row->name, expected);
	else
		config_error(w->r, spot(n), "%s%s%s: found \"%.80s\", expected %s", w->path, gap,
			row->name, text, expected);
}

static void warn_of_key(struct walk *w, const struct config_row *row, struct config_spot at)
{
	if (row->flags & KEY_OBSOLETE)
		config_warn(w->r, at, "%s.%s: it %s; leave it out", w->path, row->name, row->doc);
	if (row->flags & KEY_SECRET)
		config_warn(w->r, at,
			"%s%s%s: a secret stands in this file; better %s in the environment, or a "
			"file "
			"of its own",
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
	if (is_null(n) || (n->type == YAML_SCALAR_NODE && n->data.scalar.length == 0))
		return; /* as if the key were not there */
	if (row->kind == VALUE_FIELDS && n->type == YAML_SEQUENCE_NODE) {
		if (!join(w, row, n, list, sizeof list))
			return;
	} else {
		text = one_line(w, row->name, n, expected);
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
		config_error(w->r, spot(n), "%s", err_sentence(err));
	v->from = err ? FROM_NOWHERE : FROM_FILE;
	v->spot = spot(n);
	warn_of_key(w, row, p->spot);
}

static void add_route(
	struct walk *w, struct config_frontend *f, const yaml_node_t *n, const char *key)
{
	const char *name = one_line(w, key, n, "the name of a backend");
	struct config_route *routes;
	if (!name)
		return;
	for (size_t i = 0; i < f->route_count; i++)
		if (strcmp(f->routes[i].name, name) == 0) {
			config_error(w->r, spot(n), "%s.%s: found %.64s again, expected it once",
				w->path, key, name);
			return;
		}
	if (f->route_count == CONFIG_OBJECTS_MAX ||
		!(routes = realloc(f->routes, (f->route_count + 1) * sizeof *routes))) {
		config_error(w->r, spot(n), "%s.%s: found too many names, expected at most %d",
			w->path, key, CONFIG_OBJECTS_MAX);
		return;
	}
	f->routes = routes;
	routes[f->route_count] = (struct config_route){strdup(name), 0, spot(n)};
	if (routes[f->route_count].name)
		f->route_count++;
}

static void take_routes(
	struct walk *w, struct object *o, const struct config_row *row, const struct pair *p)
{
	struct config_frontend *f = o->frontend;
	yaml_node_t *n = p->value;
	if (f->route_count > 0) {
		config_error(w->r, p->spot, "%s: found backend and backends, expected one of them",
			w->path);
		return;
	}
	if (row->id == KEY_FRONTEND_BACKEND) {
		if (!is_null(n))
			add_route(w, f, n, row->name);
		return;
	}
	if (n->type != YAML_SEQUENCE_NODE) {
		config_error(w->r, spot(n), "%s.%s: found %s, expected a list of names of backends",
			w->path, row->name, kind_of(n));
		return;
	}
	for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top;
		i++)
		add_route(w, f, yaml_document_get_node(w->doc, *i), row->name);
}

/* A setting of librdkafka. Whether there is one of that name is librdkafka's to say. */
static void take_property(struct walk *w, struct config_backend *b, const struct pair *p)
{
	static const char *const secrets[] = {"password", "secret", "jaas", "key.pem", "token"};
	struct config_property *all, one = {.spot = p->spot};
	const char *value = one_line(w, "*", p->value, "text");
	if (!value)
		return;
	if (b->property_count == CONFIG_OBJECTS_MAX ||
		!(all = realloc(b->properties, (b->property_count + 1) * sizeof *all))) {
		config_error(w->r, p->spot,
			"%s: found too many settings of librdkafka, expected at most %d", w->path,
			CONFIG_OBJECTS_MAX);
		return;
	}
	b->properties = all;
	for (size_t i = 0; i < LEN(secrets); i++)
		one.secret |= strstr(p->name, secrets[i]) != NULL;
	one.name = strdup(p->name);
	one.value = strdup(value);
	if (one.name && one.value) {
		all[b->property_count++] = one;
	} else {
		free(one.name);
		free(one.value);
	}
}

static void take_api(struct walk *w, yaml_node_t *n);
static void take_backend(struct walk *w, struct object *unused, const struct pair *p);
static void take_frontend(struct walk *w, struct object *unused, const struct pair *p);
static void take_key(struct walk *w, struct object *o, const struct pair *p);

static void take_section(struct walk *w, enum config_scope scope, yaml_node_t *n)
{
	struct object o = {.scope = scope, .of = TYPES_ANY, .values = w->c->values};
	walk_mapping(w, n, &o, take_key);
}

static void take_mapping(
	struct walk *w, struct object *o, const struct config_row *row, const struct pair *p)
{
	size_t len = enter(w, row->name);
	switch (row->id) {
	case KEY_BACKENDS: walk_mapping(w, p->value, NULL, take_backend); break;
	case KEY_FRONTENDS: walk_mapping(w, p->value, NULL, take_frontend); break;
	case KEY_API: take_api(w, p->value); break;
	case KEY_UTILITIES: take_section(w, SCOPE_UTILITIES, p->value); break;
	case KEY_LOG: take_section(w, SCOPE_LOG, p->value); break;
	default: o->config = p->value; break;
	}
	leave(w, len);
}

static void take_key(struct walk *w, struct object *o, const struct pair *p)
{
	const struct config_row *row = config_row_find(o->scope, o->of, p->name);
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

/* The first goflow's form is ADDRESS:PORT. */
static void take_api(struct walk *w, yaml_node_t *n)
{
	static const char expected[] = "ADDRESS:PORT, or a mapping of bindaddr and bindport";
	char address[64], why[256];
	struct config_value *host = &w->c->values[KEY_API_BINDADDR],
			    *port = &w->c->values[KEY_API_BINDPORT];
	if (n->type == YAML_MAPPING_NODE || is_null(n)) {
		take_section(w, SCOPE_API, n);
		return;
	}
	const char *text = one_line(w, "", n, expected), *colon = text ? strrchr(text, ':') : NULL;
	if (!text)
		return;
	size_t len = colon ? (size_t)(colon - text) : sizeof address;
	bool bracketed = colon && len >= 2 && *text == '[' && colon[-1] == ']';
	if (len < sizeof address)
		snprintf(address, sizeof address, "%.*s", (int)(bracketed ? len - 2 : len),
			text + bracketed);
	if (len == 0)
		snprintf(address, sizeof address, "::");
	else if (len < sizeof address && strcmp(address, "localhost") == 0)
		snprintf(address, sizeof address, "127.0.0.1");
	if (len >= sizeof address ||
		config_value_read(&config_rows[KEY_API_BINDADDR], address, host, why, sizeof why) ||
		config_value_read(
			&config_rows[KEY_API_BINDPORT], colon + 1, port, why, sizeof why)) {
		config_error(
			w->r, spot(n), "%s: found \"%.80s\", expected %s", w->path, text, expected);
		return;
	}
	host->from = port->from = FROM_FILE;
	host->spot = port->spot = spot(n);
}

/* A name that can stand in a path, a log line and the name of a socket. */
static bool take_name(struct walk *w, const struct pair *p, char out[static CONFIG_NAME_MAX + 1])
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_. ";
	size_t len = strlen(p->name);
	if (len == 0 || len > CONFIG_NAME_MAX || strspn(p->name, letters) != len ||
		*p->name == '.') {
		config_error(w->r, p->spot,
			"%s: found the name %.*s, expected up to %d letters, digits, blanks and "
			"any of -_.",
			where(w), shown(p->name), p->name, CONFIG_NAME_MAX);
		return false;
	}
	snprintf(out, CONFIG_NAME_MAX + 1, "%s", p->name);
	return true;
}

/* Room for one object more in an array; NULL after an error. */
static void *grow(struct walk *w, void *array, size_t count, size_t size, const struct pair *p)
{
	char *bigger = count < CONFIG_OBJECTS_MAX ? realloc(array, (count + 1) * size) : NULL;
	if (bigger)
		memset(bigger + count * size, 0, size);
	else
		config_error(w->r, p->spot, "%s: found too many, expected at most %d", w->path,
			CONFIG_OBJECTS_MAX);
	return bigger;
}

/* What `type` says: a bit, or all where it is missing or wrong, so that nothing else is blamed. */
static unsigned types_of(const struct config_value *type)
{
	return type->text ? 1u << type->number : TYPES_ANY;
}

static void walk_config(struct walk *w, struct object *o, enum config_scope scope)
{
	if (!o->config)
		return;
	size_t len = enter(w, "config");
	o->scope = scope;
	walk_mapping(w, o->config, o, take_key);
	leave(w, len);
}

static void take_backend(struct walk *w, struct object *unused, const struct pair *p)
{
	struct config *c = w->c;
	struct config_backend *all = grow(w, c->backends, c->backend_count, sizeof *all, p), *b;
	(void)unused;
	if (!all)
		return;
	c->backends = all;
	b = &all[c->backend_count++];
	b->spot = p->spot;
	take_name(w, p, b->name);
	struct config_value *type = &b->values[KEY_BACKEND_TYPE];
	struct object o = {
		.scope = SCOPE_BACKEND, .of = TYPES_ANY, .values = b->values, .backend = b};
	size_t len = enter(w, p->name), errors = w->r->errors;
	walk_mapping(w, p->value, &o, take_key);
	if (!type->text && w->r->errors == errors)
		config_error(w->r, p->spot,
			"%s: found no type, expected one of mysql, timescale, postgres, kafka, "
			"sqlite, dump",
			w->path);
	b->type = (enum backend_type)type->number;
	o.of = types_of(type);
	walk_config(w, &o, SCOPE_BACKEND_CONFIG);
	leave(w, len);
}

/* A frontend's type is its name, where it has none. */
static void default_type(struct walk *w, struct config_value *type, const struct pair *p)
{
	char why[128];
	if (type->text || config_value_read(&config_rows[KEY_FRONTEND_TYPE], p->name, type, why,
				  sizeof why) == 0)
		return;
	config_error(w->r, p->spot,
		"%s: found no type, expected one of %s, or one of these as the name", w->path, why);
}

static void take_frontend(struct walk *w, struct object *unused, const struct pair *p)
{
	struct config *c = w->c;
	struct config_frontend *all = grow(w, c->frontends, c->frontend_count, sizeof *all, p), *f;
	(void)unused;
	if (!all)
		return;
	c->frontends = all;
	f = &all[c->frontend_count++];
	f->spot = p->spot;
	take_name(w, p, f->name);
	struct config_value *type = &f->values[KEY_FRONTEND_TYPE];
	struct object o = {
		.scope = SCOPE_FRONTEND, .of = TYPES_ANY, .values = f->values, .frontend = f};
	size_t len = enter(w, p->name), errors = w->r->errors;
	walk_mapping(w, p->value, &o, take_key);
	if (w->r->errors == errors)
		default_type(w, type, p);
	f->type = (enum frontend_type)type->number;
	o.of = types_of(type);
	walk_config(w, &o, SCOPE_FRONTEND_CONFIG);
	leave(w, len);
}

void config_walk(struct config *c, yaml_document_t *doc, struct config_report *r)
{
	struct walk w = {.c = c, .r = r, .doc = doc};
	yaml_node_t *root = yaml_document_get_root_node(doc);
	if (root)
		take_section(&w, SCOPE_ROOT, root);
}
