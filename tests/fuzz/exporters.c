/* An exporters file: it is taken, or there is a complaint with a place within the text; what is
 * taken can be looked up, and every address of the file has settings of its own. */
#include <stdlib.h>
#include <string.h>

#include "lib/exporters_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct complaints {
	unsigned count, lines;
};

static void complain(void *ctx, unsigned line, unsigned column, const char *what)
{
	struct complaints *c = ctx;
	if (!*what || line > c->lines || (line && !column))
		abort();
	c->count++;
}

/* What is found for an address is what its own entry says, where that says something. */
static void check_entry(const struct exporters_file *f, const struct exporter_entry *e)
{
	struct exporter_settings s = exporters_file_find(f, &e->prefix);
	if (e->bits != 128)
		return;
	if (e->has & SETTING_NAME && s.name.p != e->settings.name.p)
		abort();
	if (e->has & SETTING_SAMPLING && s.sampling != e->settings.sampling)
		abort();
	if (e->has & SETTING_QUIRKS && s.quirks != e->settings.quirks)
		abort();
	for (size_t i = 0; i < e->interfaces.count; i++)
		if (interface_name(s.interfaces, e->interfaces.list[i].index) !=
			&e->interfaces.list[i].name)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct complaints c = {0, 2}; /* the end of the text is the line behind its last one */
	for (size_t i = 0; i < size; i++)
		c.lines += data[i] == '\n' || data[i] == '\r' || data[i] >= 0x80;
	struct exporters_file *f = exporters_file_parse((const char *)data, size, complain, &c);
	if ((f == NULL) != (c.count > 0))
		abort();
	for (size_t i = 0; f && i < f->count; i++)
		check_entry(f, &f->list[i]);
	exporters_file_free(f);
	return 0;
}
