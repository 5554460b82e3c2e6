#include "lib/exporters_file.h"

#include <stdlib.h>
#include <string.h>

#include "lib/exporters_impl.h"

static int by_prefix(const void *a, const void *b)
{
	const struct exporter_entry *x = a, *y = b;
	if (x->bits != y->bits)
		return x->bits > y->bits ? -1 : 1;
	int order = memcmp(x->prefix.b, y->prefix.b, sizeof x->prefix.b);
	return order ? order : (x->line > y->line) - (x->line < y->line);
}

static int by_index(const void *a, const void *b)
{
	const struct interface_entry *x = a, *y = b;
	if (x->index != y->index)
		return x->index < y->index ? -1 : 1;
	return (x->line > y->line) - (x->line < y->line);
}

void exporters_file_sort(struct exporters_file *f)
{
	if (f->count)
		qsort(f->list, f->count, sizeof *f->list, by_prefix);
	for (size_t i = 0; i < f->count; i++) {
		struct exporter_entry *e = &f->list[i];
		if (e->interfaces.count)
			qsort(e->interfaces.list, e->interfaces.count, sizeof *e->interfaces.list,
				by_index);
		if (!i || e->bits != e[-1].bits) {
			f->lengths[f->length_count].bits = e->bits;
			f->lengths[f->length_count++].first = i;
		}
		f->lengths[f->length_count - 1].end = i + 1;
	}
}

void exporters_file_free(struct exporters_file *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->count; i++) {
		struct exporter_entry *e = &f->list[i];
		free((char *)e->settings.name.p);
		for (size_t k = 0; k < e->interfaces.count; k++)
			free((char *)e->interfaces.list[k].name.p);
		free(e->interfaces.list);
	}
	free(f->list);
	free(f);
}

size_t exporters_file_count(const struct exporters_file *f)
{
	return f->count;
}

/* The entry of a prefix within list[first .. end), or NULL. */
static const struct exporter_entry *find_prefix(
	const struct exporters_file *f, size_t first, size_t end, const struct ip *prefix)
{
	while (first < end) {
		size_t middle = first + (end - first) / 2;
		int order = memcmp(prefix->b, f->list[middle].prefix.b, sizeof prefix->b);
		if (order == 0)
			return &f->list[middle];
		if (order < 0)
			end = middle;
		else
			first = middle + 1;
	}
	return NULL;
}

static struct ip masked(const struct ip *address, unsigned bits)
{
	struct ip p = *address;
	for (unsigned i = 0; i < sizeof p.b; i++) {
		unsigned kept = bits > 8 * i ? bits - 8 * i : 0;
		if (kept < 8)
			p.b[i] &= (uint8_t)(0xff00 >> kept);
	}
	return p;
}

/* Takes what is not known from a shorter prefix yet. */
static void inherit(struct exporter_settings *s, const struct exporter_entry *e, unsigned *known)
{
	unsigned new = e->has & ~*known;
	if (new &SETTING_NAME)
		s->name = e->settings.name;
	if (new &SETTING_SAMPLING)
		s->sampling = e->settings.sampling;
	if (new &SETTING_QUIRKS)
		s->quirks = e->settings.quirks;
	if (new &SETTING_INTERFACES)
		s->interfaces = &e->interfaces;
	*known |= e->has;
}

struct exporter_settings exporters_file_find(
	const struct exporters_file *f, const struct ip *address)
{
	struct exporter_settings s = {.sampling = 0};
	unsigned known = 0;
	unsigned least = ip_is4(address) ? IPV4_AT : 0; /* ::/0 is of IPv6 alone */
	for (size_t i = 0; f && i < f->length_count && f->lengths[i].bits >= least; i++) {
		struct ip prefix = masked(address, f->lengths[i].bits);
		const struct exporter_entry *e =
			find_prefix(f, f->lengths[i].first, f->lengths[i].end, &prefix);
		if (e)
			inherit(&s, e, &known);
	}
	return s;
}

const struct text *interface_name(const struct interface_names *all, uint32_t index)
{
	size_t first = 0, end = all ? all->count : 0;
	while (first < end) {
		size_t middle = first + (end - first) / 2;
		const struct interface_entry *e = &all->list[middle];
		if (e->index == index)
			return &e->name;
		if (index < e->index)
			end = middle;
		else
			first = middle + 1;
	}
	return NULL;
}
