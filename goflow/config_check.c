/* The environment, the defaults, and what has to fit together. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "goflow/config_impl.h"
#include "lib/err.h"

/* An object that has values: each backend, each frontend, and the rest. */
struct holder {
	struct config_value *values;
	unsigned of;
	enum config_scope first, last; /* of its keys */
	struct config_spot spot;
	const char *kind, *name;
};

static bool next_holder(struct config *c, size_t i, struct holder *h)
{
	if (i == 0) {
		*h = (struct holder){c->values, TYPES_ANY, SCOPE_ROOT, SCOPE_LOG, {0}, "", ""};
	} else if (i <= c->backend_count) {
		struct config_backend *b = &c->backends[i - 1];
		*h = (struct holder){b->values, 1u << b->type, SCOPE_BACKEND, SCOPE_BACKEND_CONFIG,
			b->spot, "backends.", b->name};
		if (!b->values[KEY_BACKEND_TYPE].text)
			h->of = 0;
	} else if (i <= c->backend_count + c->frontend_count) {
		struct config_frontend *f = &c->frontends[i - 1 - c->backend_count];
		*h = (struct holder){f->values, 1u << f->type, SCOPE_FRONTEND,
			SCOPE_FRONTEND_CONFIG, f->spot, "frontends.", f->name};
		if (!f->values[KEY_FRONTEND_TYPE].text)
			h->of = 0;
	} else {
		return false;
	}
	return true;
}

static bool holds(const struct holder *h, const struct config_row *row)
{
	return row->scope >= h->first && row->scope <= h->last && row->of & h->of;
}

/* One variable into all that it belongs to; an error in it is said once. */
static void apply(
	struct config *c, const struct config_row *row, const char *text, struct config_report *r)
{
	struct config_value one = {0};
	struct holder h;
	char expected[256];
	bool bad = config_value_read(row, text, &one, expected, sizeof expected) == ERR_SYNTAX,
	     said = false;
	config_value_free(&one);
	for (size_t i = 0; next_holder(c, i, &h); i++) {
		struct config_value *v = &h.values[row->id];
		if (!holds(&h, row))
			continue;
		if (bad && !said) {
			said = true;
			config_error(r, (struct config_spot){0},
				"environment %s: found %s%.80s%s, expected %s", row->environment,
				row->flags & KEY_SECRET ? "a value that is not shown" : "\"",
				row->flags & KEY_SECRET ? "" : text,
				row->flags & KEY_SECRET ? "" : "\"", expected);
		}
		if (!bad && config_value_read(row, text, v, expected, sizeof expected) == 0)
			v->from = FROM_ENVIRONMENT;
	}
}

/* What a row is where nothing is said. */
static const char *default_of(const struct config_row *row, const struct holder *h)
{
	if (row->id != KEY_BINDPORT)
		return row->by_default;
	return h->of == 1u << FRONTEND_IPFIX   ? "4739"
	       : h->of == 1u << FRONTEND_SFLOW ? "6343"
					       : "2055";
}

void config_environment(
	struct config *c, const struct config_environment *env, struct config_report *r)
{
	struct holder h;
	char expected[256];
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const char *name = config_rows[i].environment,
			   *text = name ? env->variable(name) : NULL;
		if (text && *text)
			apply(c, &config_rows[i], text, r);
	}
	for (size_t i = 0; next_holder(c, i, &h); i++)
		for (size_t k = 0; k < KEY_COUNT; k++) {
			const char *text = default_of(&config_rows[k], &h);
			struct config_value *v = &h.values[k];
			if (!text || !holds(&h, &config_rows[k]) || v->text)
				continue;
			if (config_value_read(
				    &config_rows[k], text, v, expected, sizeof expected) == 0)
				v->from = FROM_DEFAULT;
		}
}

static void check_required(struct config *c, struct config_report *r)
{
	struct holder h;
	char expected[256];
	for (size_t i = 0; next_holder(c, i, &h); i++)
		for (size_t k = 0; k < KEY_COUNT; k++) {
			const struct config_row *row = &config_rows[k];
			if (!(row->flags & KEY_REQUIRED) || !holds(&h, row) || h.values[k].text ||
				h.values[k].spot.line)
				continue;
			config_value_expected(row, expected, sizeof expected);
			config_error(r, h.spot, "%s%s.config: found no %s, expected %s: %s", h.kind,
				h.name, row->name, expected, row->doc);
		}
}

/* The backend of that name; UINT_MAX: there is none. */
static unsigned backend_named(const struct config *c, const char *name)
{
	for (unsigned i = 0; i < c->backend_count; i++)
		if (strcmp(c->backends[i].name, name) == 0)
			return i;
	return UINT_MAX;
}

static void check_routes(const struct config *c, struct config_frontend *f, struct config_report *r)
{
	if (f->route_count == 0)
		config_error(r, f->spot, "frontends.%s: found no backend, expected backend: NAME",
			f->name);
	for (size_t i = 0; i < f->route_count; i++) {
		struct config_route *route = &f->routes[i];
		struct nearest n;
		route->backend = backend_named(c, route->name);
		if (route->backend != UINT_MAX)
			continue;
		nearest_begin(&n, route->name);
		for (size_t k = 0; k < c->backend_count; k++)
			nearest_offer(&n, c->backends[k].name);
		config_error(r, route->spot,
			"frontends.%s: found the backend %.64s, expected one of those under "
			"backends%s%s",
			f->name, route->name, n.best[0] ? "; near is " : "", n.best);
	}
}

struct address {
	int family;
	bool any;
	unsigned char bytes[16];
};

static struct address address_of(const char *text)
{
	static const unsigned char zero[16];
	struct address a = {.family = AF_INET};
	if (inet_pton(AF_INET, text, a.bytes) != 1) {
		a.family = AF_INET6;
		inet_pton(AF_INET6, text, a.bytes);
	}
	a.any = memcmp(a.bytes, zero, a.family == AF_INET ? 4 : 16) == 0;
	return a;
}

/* [::] takes IPv4 too. */
static bool overlap(const struct address *a, const struct address *b)
{
	if (a->family != b->family)
		return (a->any && a->family == AF_INET6) || (b->any && b->family == AF_INET6);
	return a->any || b->any || memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static void check_ports(
	const struct config *c, const struct config_frontend *f, struct config_report *r)
{
	const struct config_value *host = &f->values[KEY_BINDADDR],
				  *port = &f->values[KEY_BINDPORT];
	struct config_spot at = port->spot.line ? port->spot : f->spot;
	if (!host->text || !port->text)
		return;
	struct address mine = address_of(host->text);
	for (const struct config_frontend *o = c->frontends; o < f; o++) {
		const struct config_value *other = &o->values[KEY_BINDADDR];
		if (!other->text || o->values[KEY_BINDPORT].number != port->number)
			continue;
		struct address theirs = address_of(other->text);
		if (!overlap(&mine, &theirs))
			continue;
		config_error(r, at,
			"frontends.%s: found port %s of address %s, which frontends.%s on line %u "
			"has, "
			"expected another port or address",
			f->name, port->text, host->text, o->name, o->spot.line);
		return;
	}
}

/* The pipelines of a frontend with workers are FRONTEND.1 and on. */
static void check_workers(
	const struct config *c, const struct config_frontend *f, struct config_report *r)
{
	char name[CONFIG_NAME_MAX + 12];
	for (uint64_t w = 1;
		f->values[KEY_WORKERS].number > 1 && w <= f->values[KEY_WORKERS].number; w++) {
		snprintf(name, sizeof name, "%s.%u", f->name, (unsigned)w);
		for (size_t i = 0; i < c->frontend_count; i++)
			if (strcmp(c->frontends[i].name, name) == 0)
				config_error(r, c->frontends[i].spot,
					"frontends.%s: found the name that worker %u of frontends.%s on line %u has, "
					"expected another",
					name, (unsigned)w, f->name, f->spot.line);
	}
}

static void check_names(const struct config *c, struct config_report *r)
{
	struct config_spot top = {1, 1};
	if (r->errors)
		return; /* the reason has been said */
	if (c->backend_count == 0)
		config_error(r, top, "found no backends, expected at least one");
	if (c->frontend_count == 0)
		config_error(r, top, "found no frontends, expected at least one");
}

/* A secret stands in one place. */
static void check_secret(const struct config_value *direct, const struct config_value *file,
	const char *path, struct config_report *r)
{
	if (direct->from == FROM_FILE && file->text)
		config_error(r, file->spot,
			"%s: found a file with a secret that stands on line %u too, expected one "
			"of them",
			path, direct->spot.line);
}

static void check_secrets(const struct config *c, struct config_report *r)
{
	char path[128];
	check_secret(
		&c->values[KEY_API_TOKEN], &c->values[KEY_API_TOKEN_FILE], "api_token_file", r);
	for (size_t i = 0; i < c->backend_count; i++) {
		const struct config_backend *b = &c->backends[i];
		const struct config_value *direct = &b->values[KEY_SQL_PASSWORD];
		if (!direct->text)
			direct = &b->values[KEY_SASL_PASSWORD];
		snprintf(path, sizeof path, "backends.%s.config.password_file", b->name);
		check_secret(direct, &b->values[KEY_PASSWORD_FILE], path, r);
	}
}

void config_check(struct config *c, struct config_report *r)
{
	check_names(c, r);
	check_required(c, r);
	check_secrets(c, r);
	for (size_t i = 0; i < c->frontend_count; i++) {
		struct config_frontend *f = &c->frontends[i];
		if (c->backend_count > 0)
			check_routes(c, f, r);
		check_ports(c, f, r);
		check_workers(c, f, r);
	}
}
