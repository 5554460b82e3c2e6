/* lists: structured data (RFC 6313): values that are lists, of one element (basicList), of records by one template
 * (subTemplateList), or of such lists (subTemplateMultiList), which may have lists in them.
 *
 * A record keeps them as extras, with the exporter's bytes. So that whoever gets it can read them without the
 * exporter's templates, these go with it: as extras too, of PEN_LIST_TEMPLATE, behind all others. */
#ifndef GOFLOW_LISTS_H
#define GOFLOW_LISTS_H

#include "lib/announced.h"
#include "lib/cursor.h"
#include "lib/elements.h"
#include "lib/record.h"

#define LISTS_TEMPLATES_MAX 16  /* that go with a record; lists by others stay bytes */
#define LISTS_FIELDS_MAX    128 /* of such a template */
#define LISTS_DEPTH_MAX     8   /* lists in lists; what lies deeper stays bytes */
#define LISTS_BYTES_MAX     (LISTS_TEMPLATES_MAX * LISTS_FIELDS_MAX * 8)

/* A list's type by its element, or -1: it is none. */
int list_type(uint32_t pen, uint16_t id);

struct list {
	uint8_t type;                  /* one of ELEMENT_BASIC_LIST and its two neighbours */
	uint8_t semantic;              /* RFC 6313, 4.4 */
	struct template_field element; /* of a basicList */
	uint16_t template_id;          /* of a subTemplateList */
	struct cursor content;         /* the values, records or lists */
};

/* Reads the head of a list. Returns false if the bytes are none. */
bool list_open(int type, struct cursor bytes, struct list *out);

/* The next list of a subTemplateMultiList, as a subTemplateList. Returns false at the end, with the cursor of `multi`
 * failed if it is no whole one. */
bool list_next(struct list *multi, struct list *out);

/* The value of a field at c, of fixed or variable length (RFC 7011, section 7); failed if it is not there. */
struct cursor list_value(struct cursor *c, const struct template_field *f);

/* For a flow record whose template has lists: adds the templates that its lists are by, as far as the exporter has
 * announced them, to its extras, which have room for LISTS_TEMPLATES_MAX more. They borrow from `bytes`, which has
 * LISTS_BYTES_MAX. The domain is the one in hand; the templates are used now. */
void lists_add_templates(struct exporters *all, struct domain *domain, uint64_t now_ns, struct record *r,
	uint8_t *bytes);

/* A template that goes with a record. */
struct list_template {
	uint16_t count;
	struct template_field fields[LISTS_FIELDS_MAX];
	uint8_t next[LISTS_FIELDS_MAX]; /* the next field of the same element; 0: none */
	bool again[LISTS_FIELDS_MAX];   /* there is one before it */
};

/* The template of that id. Returns false if none went with it, or it is damaged. */
bool list_template(const struct record *r, uint16_t id, struct list_template *out);

/* Writes the list x of a record as a JSON value, goflow-record(5). Returns its length, or 0 if it is damaged or
 * longer than cap. */
size_t list_json(const struct record *r, const struct extra *x, char *out, size_t cap);

#endif
