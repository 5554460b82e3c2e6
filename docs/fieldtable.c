/* fieldtable: makes goflow-record(5) of its source: standard input to standard output, with the
 * table of fields where a line says .\" FIELDS, and that of their words where one says .\" WORDS.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base.h"
#include "lib/elements.h"
#include "lib/fields.h"
#include "lib/template.h"

static const char *const kind_names[KIND_COUNT] = {
	[KIND_U8] = "integer to 255",
	[KIND_U16] = "integer to 65535",
	[KIND_U32] = "integer to 2^32-1",
	[KIND_U64] = "integer to 2^64-1",
	[KIND_IP] = "address",
	[KIND_MAC] = "MAC address",
	[KIND_TIME] = "time",
	[KIND_TEXT] = "text",
	[KIND_WORD] = "word",
};

/* The part of an element or the unit that is taken, where it is not simply its value. */
static const char *const form_names[] = {
	[FORM_HIGH] = ", first byte",
	[FORM_LOW] = ", second byte",
	[FORM_V6] = "",
	[FORM_LABEL] = ", its label",
};

static void print_sources(const struct field *f)
{
	for (unsigned i = 0; i < f->source_count && f->sources[i].pen != PEN_PADDING; i++) {
		char name[ELEMENT_NAME_MAX];
		const struct field_source *s = &f->sources[i];
		const char *part =
			s->form < LEN(form_names) && form_names[s->form] ? form_names[s->form] : "";
		element_name(s->pen, s->id, name);
		printf("%s%s\n.Pq %u%s %s\n", i ? "" : "From ", name, s->id, part,
			i + 1 < f->source_count ? "," : ".");
	}
}

static void print_fields(void)
{
	puts(".Bl -tag -width Ds");
	for (int id = 0; id < FIELD_COUNT; id++) {
		const struct field *f = &fields[id];
		printf(".It Va %s No %s%s%s%s\n", f->name, kind_names[f->kind],
			f->unit[0] ? ", " : "", f->unit, f->by_default ? ", default" : "");
		printf("\\&%s.\n", f->doc);
		print_sources(f);
	}
	puts(".El");
}

static void print_words(void)
{
	puts(".Bl -column \"sampling_source\" \"000\" \"first_switched\"");
	for (enum field_id id = 0; id < FIELD_COUNT; id++)
		for (unsigned value = 1; fields[id].kind == KIND_WORD && value <= UINT8_MAX;
			value++) {
			const char *word = field_word(id, (uint8_t)value);
			if (word)
				printf(".It Va %s Ta %u Ta %s\n", fields[id].name, value, word);
		}
	puts(".El");
}

int main(void)
{
	char line[1024];
	while (fgets(line, sizeof line, stdin)) {
		if (strcmp(line, ".\\\" FIELDS\n") == 0)
			print_fields();
		else if (strcmp(line, ".\\\" WORDS\n") == 0)
			print_words();
		else
			fputs(line, stdout);
	}
	return ferror(stdin) || fflush(stdout) != 0 ? EXIT_IO : EXIT_DONE;
}
