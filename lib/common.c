#include "lib/common.h"

#include <string.h>

#include "lib/announced.h"
#include "lib/crc32c.h"

#define IE_COMMON_PROPERTIES 137

/* What is remembered, with the record's bytes behind it. By the checksum the template is known to
 * be the same still. */
struct properties {
	uint32_t domain, checksum;
	uint16_t template_id;
};

#define PROPERTIES_MAX (NAME_MAX_LEN - sizeof(struct properties))

static bool is_common(const struct template_field *f)
{
	return f->id == IE_COMMON_PROPERTIES && f->pen == 0 && f->len >= 1 && f->len <= 8;
}

bool common_template(const struct template_field *defs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_common(&defs[i]))
			return true;
	return false;
}

static uint32_t checksum_of(const struct template *t)
{
	return crc32c(0, t->fields, t->field_count * sizeof *t->fields);
}

static size_t length_of(const struct template *t, const struct field_position *pos)
{
	const struct field_position *last = &pos[t->field_count - 1];
	return last->offset + last->len;
}

void common_learn(struct exporters *all, struct domain *domain, const struct template *t,
	const uint8_t *p, const struct field_position *pos)
{
	char bytes[NAME_MAX_LEN];
	const size_t len = length_of(t, pos);
	if (t->scope_count != 1 || !is_common(&t->fields[0]) || len > PROPERTIES_MAX ||
		t->field_count > COMMON_FIELDS_MAX)
		return;
	const struct properties head = {domain->id, checksum_of(t), t->id};
	const struct name_key key = {
		NAME_PROPERTIES, domain->id, be_uint(p + pos[0].offset, pos[0].len)};
	memcpy(bytes, &head, sizeof head);
	memcpy(bytes + sizeof head, p, len);
	const struct text text = {bytes, (uint32_t)(sizeof head + len)};
	exporter_name_put(all, domain->exporter, &key, &text, true);
}

/* The option record of an id, and the template that it is by; NULL: not known. */
static const struct template *find(struct exporters *all, struct domain *domain, uint64_t id,
	uint64_t now_ns, struct cursor *record)
{
	const struct name_key key = {NAME_PROPERTIES, domain->id, id};
	const struct names *names = domain->exporter->names;
	const struct text *text = names ? names_find(names, &key) : NULL;
	struct properties head;
	if (!text || text->len < sizeof head)
		return NULL;
	memcpy(&head, text->p, sizeof head);
	const struct announced *a =
		head.domain == domain->id ? announced_beside(all, domain, head.template_id, now_ns)
					  : NULL;
	if (!a || !a->template->options || checksum_of(a->template) != head.checksum)
		return NULL;
	*record = cursor_over((const uint8_t *)text->p + sizeof head, text->len - sizeof head);
	return a->template->field_count <= COMMON_FIELDS_MAX ? a->template : NULL;
}

/* Whether the template, or one of the first extras, is of that element. */
static bool is_there(
	const struct template *t, const struct record *r, uint32_t first, const struct extra *x)
{
	for (size_t i = 0; i < t->field_count; i++)
		if (t->fields[i].id == x->id && t->fields[i].pen == x->pen)
			return true;
	for (uint32_t i = 0; i < first; i++)
		if (r->extras[i].id == x->id && r->extras[i].pen == x->pen)
			return true;
	return false;
}

/* Of the extras from `first` on, those that stay: neither the record itself nor other properties
 * have such an element. */
static void sift(struct record *r, uint32_t first, const struct template *t)
{
	uint32_t kept = first;
	for (uint32_t i = first; i < r->extra_count && kept < COMMON_EXTRAS_MAX; i++)
		if (!is_there(t, r, first, &r->extras[i]))
			r->extras[kept++] = r->extras[i];
	r->extra_count = kept;
}

void common_fill(struct exporters *all, struct domain *domain, const struct template *t,
	const uint8_t *p, const struct field_position *pos, uint64_t now_ns, struct record *r,
	struct plan_times *times)
{
	struct field_position own[COMMON_FIELDS_MAX];
	uint32_t offset = 0, ids = 0;
	for (size_t i = 0; i < t->field_count && ids < COMMON_IDS_MAX;
		offset += t->fields[i++].len) {
		struct cursor record;
		if (!is_common(&t->fields[i]))
			continue;
		ids++;
		const uint8_t *at = p + (pos ? pos[i].offset : offset);
		const struct template *by =
			find(all, domain, be_uint(at, t->fields[i].len), now_ns, &record);
		if (!by || template_locate(by, record, own) != cursor_left(&record))
			continue;
		const uint32_t first = r->extra_count;
		plan_run(by, record.p, own, r, times);
		sift(r, first, t);
		for (unsigned w = 0; w < FIELD_WORDS; w++)
			r->present[w] |= by->present[w];
	}
}
