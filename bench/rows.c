/* rows STREAM DATABASE ROWS: writes the rows that nfsink-sqlite made of a stream into a file for
 * plainload. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/rowfile.h"
#include "lib/input.h"

static void put_column(FILE *out, sqlite3_stmt *rows, int i)
{
	sqlite3_int64 v;
	uint32_t len;
	switch (sqlite3_column_type(rows, i)) {
	case SQLITE_NULL: fputc(ROW_NULL, out); break;
	case SQLITE_INTEGER:
		v = sqlite3_column_int64(rows, i);
		fputc(ROW_INTEGER, out);
		fwrite(&v, sizeof v, 1, out);
		break;
	default:
		len = (uint32_t)sqlite3_column_bytes(rows, i);
		fputc(ROW_TEXT, out);
		fwrite(&len, sizeof len, 1, out);
		fwrite(sqlite3_column_text(rows, i), 1, len, out);
		break;
	}
}

/* The frame's mark and as many rows as it has records. Returns whether they were there. */
static int put_frame(FILE *out, const struct frame *f, sqlite3_stmt *rows)
{
	uint64_t count = f->records;
	fputc(ROW_FRAME, out);
	fwrite(f->id.b, sizeof f->id.b, 1, out);
	fwrite(&f->sequence, sizeof f->sequence, 1, out);
	fwrite(&count, sizeof count, 1, out);
	for (uint64_t n = 0; n < count; n++) {
		if (sqlite3_step(rows) != SQLITE_ROW)
			return 0;
		fputc(ROW_ROW, out);
		for (int i = 0; i < sqlite3_column_count(rows); i++)
			put_column(out, rows, i);
	}
	return 1;
}

int main(int argc, char **argv)
{
	sqlite3 *db;
	sqlite3_stmt *rows;
	struct frame f;
	int ok = argc == 4;
	int fd = ok ? open(argv[1], O_RDONLY) : -1;
	FILE *out = ok ? fopen(argv[3], "wb") : NULL;
	struct input *in = input_new();
	if (fd < 0 || !out || !in || sqlite3_open(argv[2], &db) != SQLITE_OK ||
		sqlite3_prepare_v2(db, "SELECT * FROM goflow_records ORDER BY rowid", -1, &rows,
			NULL) != SQLITE_OK) {
		fputs("usage: rows STREAM DATABASE ROWS\n", stderr);
		return 64;
	}
	for (ssize_t got = 1; got > 0 && ok;) {
		got = input_fill(in, fd);
		while (ok && input_next(in, &f, got == 0) > 0)
			ok = put_frame(out, &f, rows);
	}
	ok = fclose(out) == 0 && ok;
	sqlite3_finalize(rows);
	sqlite3_close(db);
	input_free(in);
	close(fd);
	return ok ? 0 : 74;
}
