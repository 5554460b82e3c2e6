/* The configuration as JSON, with where each value is from, and without its secrets. */
#include <string.h>

#include "goflow/config_impl.h"

#define MASK "********"

static json_t *value_json(const struct config_row *row, const struct config_value *v)
{
	if (!v->text)
		return json_null();
	if (row->flags & KEY_SECRET)
		return json_string(MASK);
	if (row->kind == VALUE_SWITCH)
		return json_boolean(v->number != 0);
	if (row->kind == VALUE_NUMBER)
		return json_integer((json_int_t)v->number);
	return json_string(v->text);
}

static json_t *entry(const struct config_row *row, const struct config_value *v)
{
	static const char *const names[] = {
		[FROM_NOWHERE] = "nowhere",
		[FROM_DEFAULT] = "default",
		[FROM_FILE] = "file",
		[FROM_SECRET_FILE] = "secret file",
		[FROM_ENVIRONMENT] = "environment",
	};
	json_t *o = json_object();
	json_object_set_new(o, "value", value_json(row, v));
	json_object_set_new(o, "from", json_string(names[v->from]));
	if (v->from == FROM_FILE || v->from == FROM_SECRET_FILE)
		json_object_set_new(o, "line", json_integer(v->spot.line));
	if (v->from == FROM_ENVIRONMENT)
		json_object_set_new(o, "variable", json_string(row->environment));
	return o;
}

/* Adds the keys of a scope that an object of these types has. */
static json_t *add_scope(
	json_t *o, enum config_scope scope, unsigned of, const struct config_value *values)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct config_row *row = &config_rows[i];
		if (row->scope == scope && row->of & of && row->kind != VALUE_MAPPING &&
			row->kind != VALUE_NAMES && !(row->flags & KEY_OBSOLETE))
			json_object_set_new(o, row->name, entry(row, &values[i]));
	}
	return o;
}

static json_t *backend_json(const struct config_backend *b)
{
	json_t *o = add_scope(json_object(), SCOPE_BACKEND, TYPES_ANY, b->values);
	json_t *set = add_scope(json_object(), SCOPE_BACKEND_CONFIG, 1u << b->type, b->values);
	for (size_t i = 0; i < b->property_count; i++) {
		const struct config_property *p = &b->properties[i];
		json_object_set_new(set, p->name,
			json_pack("{s:s, s:s, s:i}", "value", p->secret ? MASK : p->value, "from",
				"file", "line", (int)p->spot.line));
	}
	json_object_set_new(o, "config", set);
	return o;
}

static json_t *frontend_json(const struct config_frontend *f)
{
	json_t *o = add_scope(json_object(), SCOPE_FRONTEND, TYPES_ANY, f->values),
	       *names = json_array();
	json_object_set_new(o, "config",
		add_scope(json_object(), SCOPE_FRONTEND_CONFIG, 1u << f->type, f->values));
	for (size_t i = 0; i < f->route_count; i++)
		json_array_append_new(names, json_string(f->routes[i].name));
	json_object_set_new(o, "backends", names);
	return o;
}

json_t *config_json(const struct config *c)
{
	json_t *o = add_scope(json_object(), SCOPE_ROOT, TYPES_ANY, c->values);
	json_t *backends = json_object(), *frontends = json_object();
	json_object_set_new(o, "api", add_scope(json_object(), SCOPE_API, TYPES_ANY, c->values));
	json_object_set_new(
		o, "utilities", add_scope(json_object(), SCOPE_UTILITIES, TYPES_ANY, c->values));
	json_object_set_new(o, "log", add_scope(json_object(), SCOPE_LOG, TYPES_ANY, c->values));
	for (size_t i = 0; i < c->backend_count; i++)
		json_object_set_new(backends, c->backends[i].name, backend_json(&c->backends[i]));
	for (size_t i = 0; i < c->frontend_count; i++)
		json_object_set_new(
			frontends, c->frontends[i].name, frontend_json(&c->frontends[i]));
	json_object_set_new(o, "backends", backends);
	json_object_set_new(o, "frontends", frontends);
	return o;
}
