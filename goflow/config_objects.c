/* Backends, frontends, and the API's address: what is more than a value by itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "goflow/config_walk.h"
#include "lib/base.h"

static void add_route(
	struct walk *w, struct config_frontend *f, const yaml_node_t *n, const char *key)
{
	const char *name = walk_text(w, key, n, "the name of a backend");
	struct config_route *routes;
	if (!name)
		return;
	for (size_t i = 0; i < f->route_count; i++)
		if (strcmp(f->routes[i].name, name) == 0) {
			config_error(w->r, node_spot(n),
				"%s.%s: found %.64s again, expected it once", w->path, key, name);
			return;
		}
	if (f->route_count == CONFIG_ROUTES_MAX ||
		!(routes = realloc(f->routes, (f->route_count + 1) * sizeof *routes))) {
		config_error(w->r, node_spot(n), "%s.%s: found too many names, expected at most %d",
			w->path, key, CONFIG_ROUTES_MAX);
		return;
	}
	f->routes = routes;
	routes[f->route_count] = (struct config_route){strdup(name), 0, node_spot(n)};
	if (routes[f->route_count].name)
		f->route_count++;
}

void take_routes(
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
		if (!node_is_null(n))
			add_route(w, f, n, row->name);
		return;
	}
	if (n->type != YAML_SEQUENCE_NODE) {
		config_error(w->r, node_spot(n),
			"%s.%s: found %s, expected a list of names of backends", w->path, row->name,
			node_kind(n));
		return;
	}
	for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top;
		i++)
		add_route(w, f, yaml_document_get_node(w->doc, *i), row->name);
}

/* A setting of librdkafka. Whether there is one of that name is librdkafka's to say. */
void take_property(struct walk *w, struct config_backend *b, const struct pair *p)
{
	static const char *const secrets[] = {"password", "secret", "jaas", "key.pem", "token"};
	struct config_property *all, one = {.spot = p->spot};
	const char *value = walk_text(w, "*", p->value, "text");
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

/* The first goflow's form is ADDRESS:PORT. */
void take_api(struct walk *w, yaml_node_t *n)
{
	static const char expected[] = "ADDRESS:PORT, or a mapping of bindaddr and bindport";
	char address[64], why[256];
	struct config_value *host = &w->c->values[KEY_API_BINDADDR],
			    *port = &w->c->values[KEY_API_BINDPORT];
	if (n->type == YAML_MAPPING_NODE || node_is_null(n)) {
		walk_section(w, SCOPE_API, n);
		return;
	}
	const char *text = walk_text(w, "", n, expected), *colon = text ? strrchr(text, ':') : NULL;
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
		config_error(w->r, node_spot(n), "%s: found \"%.80s\", expected %s", w->path, text,
			expected);
		return;
	}
	host->from = port->from = FROM_FILE;
	host->spot = port->spot = node_spot(n);
}

/* A name that can stand in a path, a log line and the name of a socket; else it stays empty. */
static void take_name(struct walk *w, const struct pair *p, char out[static CONFIG_NAME_MAX + 1])
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_. ";
	size_t len = strlen(p->name);
	if (len == 0 || len > CONFIG_NAME_MAX || strspn(p->name, letters) != len ||
		*p->name == '.') {
		config_error(w->r, p->spot,
			"%s: found the name %.*s, expected up to %d letters, digits, blanks and "
			"any of -_.",
			w->path, key_shown(p->name), p->name, CONFIG_NAME_MAX);
		return;
	}
	snprintf(out, CONFIG_NAME_MAX + 1, "%s", p->name);
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

/* Whether a type is to be missed: not where it is wrong, or what should have it is no mapping or
 * cut short. */
static bool lacks_type(const struct walk *w, const struct config_value *type, const yaml_node_t *n)
{
	return w->whole && !type->text && !type->spot.line &&
	       (n->type == YAML_MAPPING_NODE || node_is_null(n));
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
	size_t len = walk_enter(w, "config");
	o->scope = scope;
	walk_mapping(w, o->config, o, take_key);
	walk_leave(w, len);
}

void take_backend(struct walk *w, struct object *unused, const struct pair *p)
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
	size_t len = walk_enter(w, p->name);
	walk_mapping(w, p->value, &o, take_key);
	if (lacks_type(w, type, p->value))
		config_error(w->r, p->spot,
			"%s: found no type, expected one: mysql, timescale, postgres, kafka, "
			"sqlite or dump",
			w->path);
	b->type = (enum backend_type)type->number;
	o.of = types_of(type);
	walk_config(w, &o, SCOPE_BACKEND_CONFIG);
	walk_leave(w, len);
}

/* A frontend's type is its name, where it has none. */
static void default_type(struct walk *w, struct config_value *type, const struct pair *p)
{
	const struct config_row *row = &config_rows[KEY_FRONTEND_TYPE];
	char expected[128];
	if (config_value_read(row, p->name, type, expected, sizeof expected) == 0) {
		type->from = FROM_DEFAULT;
		return;
	}
	config_value_expected(row, expected, sizeof expected);
	config_error(w->r, p->spot,
		"%s: found no type, expected one: %s; or one of these as the frontend's name",
		w->path, expected);
}

void take_frontend(struct walk *w, struct object *unused, const struct pair *p)
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
	size_t len = walk_enter(w, p->name);
	walk_mapping(w, p->value, &o, take_key);
	if (lacks_type(w, type, p->value))
		default_type(w, type, p);
	f->type = (enum frontend_type)type->number;
	o.of = types_of(type);
	walk_config(w, &o, SCOPE_FRONTEND_CONFIG);
	walk_leave(w, len);
}
