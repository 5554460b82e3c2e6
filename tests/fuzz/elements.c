/* An elements file: it is taken, or there is a complaint with a place within the text; each element
 * that is taken is found by its numbers and by its name, what it fills can be filled by it, and a
 * template of all of them compiles and runs. */
#include <stdlib.h>
#include <string.h>

#include "lib/elements_file.h"
#include "lib/template.h"

#define FIELDS 64 /* in the template */
#define LENGTH 8  /* of each of its fields */

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

static void check_element(const struct own_element *e)
{
	char name[ELEMENT_NAME_MAX];
	uint32_t pen;
	uint16_t id;
	size_t len = element_name(e->element.pen, e->element.id, name);
	if (element_own(e->element.pen, e->element.id) != e ||
		element_find(e->element.pen, e->element.id) != &e->element ||
		!element_is_own(&e->element))
		abort();
	if (strcmp(name, e->element.name) != 0 || element_by_name(name, len, &pen, &id) != 0 ||
		pen != e->element.pen || id != e->element.id)
		abort();
	if (e->field >= FIELD_COUNT || (e->field >= 0 && fields[e->field].kind == KIND_WORD))
		abort();
}

/* A template of the file's first elements, over a record of bits that are all set. */
static void check_plan(const struct own_elements *all)
{
	static struct template_field defs[FIELDS];
	static struct extra extras[RECORD_EXTRAS_MAX];
	static uint8_t bytes[FIELDS * LENGTH];
	struct plan_times times = {.export_ns = 1};
	struct record r = {.extras = extras};
	size_t count = all->count < FIELDS ? all->count : FIELDS;
	int err;
	for (size_t i = 0; i < count; i++)
		defs[i] = (struct template_field){
			all->list[i].element.pen, all->list[i].element.id, LENGTH};
	struct template *t = template_compile(256, defs, count, 0, false, &err);
	if (!t)
		abort();
	memset(bytes, 0xff, sizeof bytes);
	memcpy(r.present, t->present, sizeof r.present);
	plan_run(t, bytes, NULL, &r, &times);
	if (r.extra_count > RECORD_EXTRAS_MAX)
		abort();
	free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct complaints c = {0, 2}; /* the end of the text is the line behind its last one */
	for (size_t i = 0; i < size; i++)
		c.lines += data[i] == '\n' || data[i] == '\r' || data[i] >= 0x80;
	struct elements_file *f = elements_file_parse((const char *)data, size, complain, &c);
	if ((f == NULL) != (c.count > 0))
		abort();
	if (!f)
		return 0;
	const struct own_elements *all = elements_file_all(f);
	elements_extend(all);
	for (size_t i = 0; i < all->count; i++)
		check_element(&all->list[i]);
	if (all->count)
		check_plan(all);
	elements_extend(NULL);
	elements_file_free(f);
	return 0;
}
