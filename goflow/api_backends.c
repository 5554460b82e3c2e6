#include "goflow/api_backends.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "goflow/config_impl.h"
#include "lib/doc.h"

static bool is_sink(const json_t *doc, const char *name)
{
	return strcmp(doc_text(doc, "backend"), name) == 0;
}

static uint64_t sum_of(const json_t *numbers)
{
	uint64_t sum = 0;
	const char *key;
	for (void *i = NULL; (key = doc_next(numbers, &i));)
		sum += doc_number(numbers, key);
	return sum;
}

static void add_rates(json_t *backend, const json_t *stages)
{
	double sum = 0;
	bool known = false;
	for (size_t i = 0; i < json_array_size(stages); i++) {
		const json_t *stage = json_array_get(stages, i),
			     *rates = json_object_get(stage, "rates");
		if (!rates || !is_sink(stage, doc_text(backend, "name")))
			continue;
		sum += json_real_value(json_object_get(rates, "out"));
		known = true;
	}
	if (known)
		json_object_set_new(backend, "stored_per_s", json_real(sum));
}

static json_t *backend_of(const char *name, const char *type, const json_t *rows)
{
	uint64_t stored = 0, waiting = 0, lost = 0, lag = 0;
	bool found = false, up = true, lags = false;
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		if (!is_sink(row, name))
			continue;
		found = true;
		up = up && doc_number(row, "up");
		stored += doc_number(row, "out");
		waiting += doc_number(row, "waiting");
		lost += sum_of(json_object_get(row, "lost"));
		lags = lags || json_object_get(row, "lag_ms");
		if (doc_number(row, "lag_ms") > lag)
			lag = doc_number(row, "lag_ms");
	}
	json_t *doc = json_pack("{s:s, s:s, s:b, s:I, s:I, s:I}", "name", name, "type", type, "up",
		found && up, "stored", (json_int_t)stored, "waiting", (json_int_t)waiting, "lost",
		(json_int_t)lost);
	if (lags)
		json_object_set_new(doc, "lag_ms", json_integer((json_int_t)lag));
	return doc;
}

json_t *api_backends(const struct config *c, const json_t *rows, const json_t *stages)
{
	json_t *list = json_array();
	for (size_t i = 0; i < c->backend_count; i++) {
		const struct config_backend *b = &c->backends[i];
		char type[32];
		config_word(config_rows[KEY_BACKEND_TYPE].words, b->type, type);
		json_t *backend = backend_of(b->name, type, rows);
		add_rates(backend, stages);
		json_array_append_new(list, backend);
	}
	return list;
}

char *api_backends_text(const json_t *backends)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	if (!out)
		return NULL;
	for (size_t i = 0; i < json_array_size(backends); i++) {
		const json_t *b = json_array_get(backends, i);
		fprintf(out, "%s (%s): ", doc_text(b, "name"), doc_text(b, "type"));
		if (!json_is_true(json_object_get(b, "up"))) {
			fputs("not running\n", out);
			continue;
		}
		fprintf(out, "running, %" PRIu64 " stored, %" PRIu64 " waiting, %" PRIu64 " lost",
			doc_number(b, "stored"), doc_number(b, "waiting"), doc_number(b, "lost"));
		if (json_object_get(b, "lag_ms"))
			fprintf(out, ", %.1f s behind", (double)doc_number(b, "lag_ms") / 1e3);
		fputc('\n', out);
	}
	fclose(out);
	return text;
}
