/* table: rows of text in columns as wide as their content. */
#ifndef NFCTL_TABLE_H
#define NFCTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/base.h"

struct column {
	const char *title;
	bool right; /* numbers */
};

#define TABLE_COLUMNS_MAX 16

struct table {
	const struct column *columns; /* borrowed */
	size_t column_count;
	char **cells; /* owned, row by row */
	size_t count, room;
};

void table_init(struct table *t, const struct column *columns, size_t count);

/* The next cell, from left to right and from row to row. What came from outside is cleaned of
 * control characters. Without memory the cell is "?". */
void table_cell(struct table *t, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Prints the titles (bold where `bold`) and at most rows_max rows, and frees the cells. */
void table_print(struct table *t, FILE *out, bool bold, size_t rows_max);

#endif
