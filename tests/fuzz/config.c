/* A config.yml: it is taken, or there is an error; either way each finding has a place within the
 * text. */
#include <stdlib.h>
#include <string.h>

#include "goflow/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *nothing(const char *name)
{
	(void)name;
	return NULL;
}

/* Numbers, switches and texts alike take it. */
static const char *one(const char *name)
{
	(void)name;
	return "1";
}

static void check_findings(const struct config_report *r, size_t lines)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct config_finding *f = &r->list[i];
		if (!f->text || !*f->text || f->spot.line > lines || strchr(f->text, '\n'))
			abort();
		if (i > 0 && f->spot.line && f->spot.line < r->list[i - 1].spot.line)
			abort();
	}
}

static void check_routes(const struct config *c)
{
	for (size_t i = 0; i < c->frontend_count; i++) {
		const struct config_frontend *f = &c->frontends[i];
		if (f->route_count == 0)
			abort();
		for (size_t k = 0; k < f->route_count; k++)
			if (f->routes[k].backend >= c->backend_count)
				abort();
	}
}

static void parse(const char *text, size_t size, const struct config_environment *env)
{
	struct config c = {0};
	struct config_report r = {0};
	size_t lines = 2; /* the end of the text is the line behind its last one */
	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n' || text[i] == '\r' || (unsigned char)text[i] >= 0x80;
	int err = config_parse(&c, text, size, env, &r);
	if ((err == 0) != (r.errors == 0))
		abort();
	check_findings(&r, lines);
	if (err == 0)
		check_routes(&c);
	json_t *doc = config_json(&c);
	char *dump = json_dumps(doc, JSON_ENSURE_ASCII);
	if (!dump)
		abort();
	free(dump);
	json_decref(doc);
	config_report_free(&r);
	config_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	parse((const char *)data, size, &(struct config_environment){nothing});
	parse((const char *)data, size, &(struct config_environment){one});
	return 0;
}
