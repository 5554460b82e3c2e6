/* The exporters file, read from YAML. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/exporters_impl.h"
#include "lib/quantity.h"
#include "lib/yamlread.h"

struct reader {
	struct yamlread y; /* first: what it calls is given the whole */
	struct exporters_file *file;
	struct exporter_entry *entry; /* the one that is being read */
	char key[YAMLREAD_SHOWN + 1]; /* its address, as it stands there */
};

#define COMPLAIN(r, ...) YAMLREAD_COMPLAIN(&(r)->y, __VA_ARGS__)

/* Whether the node in hand is text; else says so for the property and passes over it. */
static bool is_text(struct reader *r, const char *property, const char *expected)
{
	char where[2 * YAMLREAD_SHOWN];
	snprintf(where, sizeof where, "%s%s", r->key, property);
	return yamlread_scalar(&r->y, where, expected);
}

/* A name: text of 1 to EXPORTERS_NAME_MAX bytes, copied. */
static bool take_name(struct reader *r, const char *property, struct text *out)
{
	size_t len;
	if (!is_text(r, property, "a name"))
		return false;
	len = r->y.event.data.scalar.length;
	if (yamlread_null(&r->y) || len == 0 || len > EXPORTERS_NAME_MAX) {
		COMPLAIN(r, "%s%s: found %s, expected a name of 1 to %d bytes", r->key, property,
			yamlread_null(&r->y) || len == 0 ? "nothing" : "a longer text",
			EXPORTERS_NAME_MAX);
		return false;
	}
	char *copy = malloc(len);
	if (!copy) {
		yamlread_memory(&r->y);
		return false;
	}
	memcpy(copy, yamlread_text(&r->y), len);
	out->p = copy;
	out->len = (uint32_t)len;
	return true;
}

/* A whole number from 1 to `most`. */
static bool take_number(struct reader *r, const char *property, uint32_t *out)
{
	uint64_t v;
	if (!is_text(r, property, "a whole number"))
		return false;
	if (quantity_number(yamlread_text(&r->y), &v) != 0 || v < 1 || v > UINT32_MAX) {
		COMPLAIN(r, "%s%s: found \"%.*s\", expected a whole number from 1 to %" PRIu32,
			r->key, property, YAMLREAD_SHOWN, yamlread_text(&r->y), UINT32_MAX);
		return false;
	}
	*out = (uint32_t)v;
	return true;
}

/* One pair of `interfaces`; its key is in hand. */
static void take_interface(struct reader *r)
{
	struct interface_names *all = &r->entry->interfaces;
	struct interface_entry e = {.line = (unsigned)r->y.event.start_mark.line + 1};
	char property[YAMLREAD_SHOWN];
	bool good = take_number(r, ".interfaces", &e.index);
	snprintf(property, sizeof property, ".interfaces.%" PRIu32, e.index);
	if (!yamlread_next(&r->y))
		return;
	if (!good) {
		yamlread_skip(&r->y);
		return;
	}
	if (!take_name(r, property, &e.name))
		return;
	if (!yamlread_grow(&r->y, (void **)&all->list, all->count, &all->cap, sizeof *all->list)) {
		free((char *)e.name.p);
		return;
	}
	all->list[all->count++] = e;
}

static void take_interfaces(struct reader *r)
{
	if (yamlread_null(&r->y))
		return;
	if (!yamlread_is(&r->y, YAML_MAPPING_START_EVENT)) {
		COMPLAIN(r, "%s.interfaces: found %s, expected a mapping from ifIndex to name",
			r->key, yamlread_kind(&r->y));
		yamlread_skip(&r->y);
		return;
	}
	while (yamlread_next(&r->y) && !yamlread_is(&r->y, YAML_MAPPING_END_EVENT))
		take_interface(r);
}

static void take_quirk(struct reader *r)
{
	if (!is_text(r, ".quirks", "names of quirks"))
		return;
	int quirk = quirk_by_name(yamlread_text(&r->y), r->y.event.data.scalar.length);
	if (quirk < 0)
		COMPLAIN(r, "%s.quirks: found \"%.*s\", expected one of %s", r->key, YAMLREAD_SHOWN,
			yamlread_text(&r->y), quirks_settable());
	else
		r->entry->settings.quirks |= UINT64_C(1) << quirk;
}

static void take_quirks(struct reader *r)
{
	if (yamlread_null(&r->y))
		return;
	if (!yamlread_is(&r->y, YAML_SEQUENCE_START_EVENT)) {
		COMPLAIN(r, "%s.quirks: found %s, expected a list of %s", r->key,
			yamlread_kind(&r->y), quirks_settable());
		yamlread_skip(&r->y);
		return;
	}
	while (yamlread_next(&r->y) && !yamlread_is(&r->y, YAML_SEQUENCE_END_EVENT))
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
		if (strcmp(yamlread_text(&r->y), all[i].name) == 0) {
			if (!(r->entry->has & all[i].setting))
				return all[i].setting;
			COMPLAIN(r, "%s: found %s again, expected it once", r->key, all[i].name);
			return 0;
		}
	COMPLAIN(r, "%s: found \"%.*s\", expected name, sampling, interfaces or quirks", r->key,
		YAMLREAD_SHOWN, yamlread_text(&r->y));
	return 0;
}

/* One pair of an exporter's properties; its key is in hand. */
static void take_property(struct reader *r)
{
	enum setting setting = setting_of(r);
	struct exporter_settings *s = &r->entry->settings;
	if (!yamlread_next(&r->y))
		return;
	r->entry->has |= setting;
	switch (setting) {
	case SETTING_NAME: take_name(r, ".name", &s->name); break;
	case SETTING_SAMPLING: take_number(r, ".sampling", &s->sampling); break;
	case SETTING_INTERFACES: take_interfaces(r); break;
	case SETTING_QUIRKS: take_quirks(r); break;
	default: yamlread_skip(&r->y); break;
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
	e->bits = (unsigned)bits + (slash && is4 ? IPV4_AT : 0);
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
	struct exporter_entry e = {.line = (unsigned)r->y.event.start_mark.line + 1,
		.column = (unsigned)r->y.event.start_mark.column + 1};
	struct exporters_file *f = r->file;
	r->key[0] = '\0';
	bool good = is_text(r, "the file", expected);
	if (good && parse_prefix(yamlread_text(&r->y), &e) != 0) {
		COMPLAIN(r, "found \"%.*s\", expected %s", YAMLREAD_SHOWN, yamlread_text(&r->y),
			expected);
		good = false;
	}
	if (good)
		snprintf(r->key, sizeof r->key, "%s", yamlread_text(&r->y));
	if (!yamlread_next(&r->y))
		return;
	if (good && !yamlread_is(&r->y, YAML_MAPPING_START_EVENT) && !yamlread_null(&r->y)) {
		COMPLAIN(r, "%s: found %s, expected name, sampling, interfaces or quirks", r->key,
			yamlread_kind(&r->y));
		good = false;
	}
	if (!good || yamlread_null(&r->y)) {
		yamlread_skip(&r->y);
		return;
	}
	if (!yamlread_grow(&r->y, (void **)&f->list, f->count, &f->cap, sizeof *f->list))
		return;
	r->entry = &f->list[f->count++];
	*r->entry = e;
	while (yamlread_next(&r->y) && !yamlread_is(&r->y, YAML_MAPPING_END_EVENT))
		take_property(r);
}

static void take_exporters(struct yamlread *y)
{
	struct reader *r = (struct reader *)y;
	if (yamlread_null(&r->y))
		return;
	if (!yamlread_is(&r->y, YAML_MAPPING_START_EVENT)) {
		COMPLAIN(r, "the file: found %s, expected a mapping of exporters",
			yamlread_kind(&r->y));
		yamlread_skip(&r->y);
		return;
	}
	while (yamlread_next(&r->y) && !yamlread_is(&r->y, YAML_MAPPING_END_EVENT))
		take_exporter(r);
}

static void check_interfaces(struct reader *r, const struct exporter_entry *e)
{
	char address[IP_TEXT_MAX];
	for (size_t i = 1; i < e->interfaces.count; i++) {
		const struct interface_entry *n = &e->interfaces.list[i];
		if (n->index == n[-1].index)
			yamlread_complain(&r->y, n->line, 1,
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
			yamlread_complain(&r->y, e->line, e->column,
				"found %s again, expected it once: it stands on line %u too",
				ip_text(&e->prefix, address), e[-1].line);
	}
}

struct exporters_file *exporters_file_parse(
	const char *text, size_t len, complain_fn *complain, void *ctx)
{
	struct reader r = {.y = {.complain = complain, .ctx = ctx}};
	r.file = calloc(1, sizeof *r.file);
	if (!r.file) {
		yamlread_memory(&r.y);
		return NULL;
	}
	yamlread(&r.y, text, len, take_exporters);
	exporters_file_sort(r.file);
	check_twice(&r);
	if (!r.y.complaints)
		return r.file;
	exporters_file_free(r.file);
	return NULL;
}

struct exporters_file *exporters_file_load(const char *path, complain_fn *complain, void *ctx)
{
	size_t len;
	char *text = yamlread_file(path, &len, complain, ctx);
	struct exporters_file *f = text ? exporters_file_parse(text, len, complain, ctx) : NULL;
	free(text);
	return f;
}
