#include "nfctl/table.h"

#include <stdarg.h>
#include <stdlib.h>

#include "lib/log.h"

static char unknown[] = "?"; /* stands for a cell that there was no memory for */

void table_init(struct table *t, const struct column *columns, size_t count)
{
	*t = (struct table){.columns = columns, .column_count = count};
}

void table_cell(struct table *t, const char *fmt, ...)
{
	va_list args;
	char *text = NULL;
	if (t->count == t->room) {
		size_t room = t->room ? 2 * t->room : 256;
		char **cells = realloc(t->cells, room * sizeof *cells);
		if (!cells)
			return;
		t->cells = cells;
		t->room = room;
	}
	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = unknown;
	else
		log_clean(text);
	va_end(args);
	t->cells[t->count++] = text;
}

/* Characters of UTF-8 text. */
static int width_of(const char *text)
{
	int n = 0;
	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

static void print_row(const struct table *t, FILE *out, const int *widths, char *const *cells)
{
	for (size_t c = 0; c < t->column_count; c++) {
		const char *text = cells ? cells[c] : t->columns[c].title;
		int fill = widths[c] - width_of(text);
		bool last = c + 1 == t->column_count;
		if (t->columns[c].right)
			fprintf(out, "%*s%s", fill, "", text);
		else
			fprintf(out, "%s%*s", text, last ? 0 : fill, "");
		if (!last)
			fputs("  ", out);
	}
}

void table_print(struct table *t, FILE *out, bool bold, size_t rows_max)
{
	int widths[TABLE_COLUMNS_MAX] = {0};
	size_t rows = t->count / t->column_count;
	if (rows > rows_max)
		rows = rows_max;
	for (size_t c = 0; c < t->column_count; c++) {
		widths[c] = width_of(t->columns[c].title);
		for (size_t r = 0; r < rows; r++) {
			int width = width_of(t->cells[r * t->column_count + c]);
			if (width > widths[c])
				widths[c] = width;
		}
	}
	fputs(bold ? "\033[1m" : "", out);
	print_row(t, out, widths, NULL);
	fputs(bold ? "\033[0m\n" : "\n", out);
	for (size_t r = 0; r < rows; r++) {
		print_row(t, out, widths, t->cells + r * t->column_count);
		fputc('\n', out);
	}
	for (size_t i = 0; i < t->count; i++)
		if (t->cells[i] != unknown)
			free(t->cells[i]);
	free(t->cells);
	*t = (struct table){0};
}
