/* The table of keys as data, and what is found in it. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "goflow/config_impl.h"

#define ANY              TYPES_ANY
#define OF(type)         (1u << BACKEND_##type)
#define OF_FRONTEND(t)   (1u << FRONTEND_##t)
#define POSTGRES_SERVERS (OF(POSTGRES) | OF(TIMESCALE))
#define SQL_SERVERS      (OF(MYSQL) | POSTGRES_SERVERS)
#define DATABASES        (SQL_SERVERS | OF(SQLITE))
#define STORES           (DATABASES | OF(KAFKA))
#define LISTENERS        (~OF_FRONTEND(PCAP))
/* in the order of enum backend_type and enum frontend_type */
#define BACKEND_WORDS  "mysql|timescale|postgres|kafka|sqlite|dump"
#define FRONTEND_WORDS "netflow|ipfix|pcap|sflow"

const struct config_row config_rows[KEY_COUNT] = {
#define K(id, name, scope, of, kind, ...)                                                          \
	{KEY_##id, name, SCOPE_##scope, of, VALUE_##kind, __VA_ARGS__},
#include "goflow/config.def"
#undef K
};

const struct config_row *config_row_find(enum config_scope scope, unsigned of, const char *name)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct config_row *row = &config_rows[i];
		if (row->scope == scope && row->of & of && strcmp(row->name, name) == 0)
			return row;
	}
	return NULL;
}

const char *config_scope_path(enum config_scope scope)
{
	static const char *const paths[] = {
		[SCOPE_ROOT] = "",
		[SCOPE_API] = "api",
		[SCOPE_UTILITIES] = "utilities",
		[SCOPE_LOG] = "log",
		[SCOPE_BACKEND] = "backends.NAME",
		[SCOPE_BACKEND_CONFIG] = "backends.NAME.config",
		[SCOPE_FRONTEND] = "frontends.NAME",
		[SCOPE_FRONTEND_CONFIG] = "frontends.NAME.config",
	};
	return paths[scope];
}

const char *config_word(const char *words, size_t at, char out[static 32])
{
	for (; at > 0 && *words; at--) {
		words += strcspn(words, "|");
		words += *words == '|';
	}
	snprintf(out, 32, "%.*s", (int)strcspn(words, "|"), words);
	return out;
}

void config_types(const struct config_row *row, char *out, size_t room)
{
	const char *words = row->scope >= SCOPE_FRONTEND ? FRONTEND_WORDS : BACKEND_WORDS;
	char word[32];
	size_t at = 0;
	out[0] = '\0';
	for (size_t i = 0; row->of != ANY && at < room && *config_word(words, i, word); i++)
		if (row->of & (1u << i))
			at += (size_t)snprintf(out + at, room - at, "%s%s", at ? ", " : "", word);
}

static void help_row(const struct config_row *row)
{
	const char *path = config_scope_path(row->scope);
	char expected[512], types[128];
	printf("%s%s%s\n    %s\n", path, *path ? "." : "", row->name, row->doc);
	config_types(row, types, sizeof types);
	if (*types)
		printf("    of %s\n", types);
	config_value_expected(row, expected, sizeof expected);
	printf("    takes %s\n", expected);
	if (row->by_default)
		printf("    default: %s\n", row->by_default);
	if (row->environment)
		printf("    environment: %s\n", row->environment);
}

size_t config_help(const char *name)
{
	size_t count = 0;
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct config_row *row = &config_rows[i];
		if (strcmp(name, "config") == 0 || strcmp(name, row->name) == 0) {
			help_row(row);
			count++;
		}
	}
	return count;
}

void nearest_begin(struct nearest *n, const char *word)
{
	*n = (struct nearest){.word = word, .distance = strnlen(word, sizeof n->best) / 3 + 1};
}

/* Levenshtein's distance, by rows; words are shorter than 64 bytes. */
static size_t edits(const char *a, const char *b)
{
	size_t row[64], width = strlen(b);
	for (size_t j = 0; j <= width; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t corner = row[0]++;
		for (size_t j = 1; j <= width; j++) {
			bool differ =
				tolower((unsigned char)a[i]) != tolower((unsigned char)b[j - 1]);
			size_t best = corner + differ;
			corner = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[width];
}

void nearest_offer(struct nearest *n, const char *candidate)
{
	size_t most = sizeof n->best - 1;
	if (strnlen(candidate, most + 1) > most || strnlen(n->word, most + 1) > most)
		return;
	size_t distance = edits(n->word, candidate);
	if (distance < n->distance) {
		n->distance = distance;
		snprintf(n->best, sizeof n->best, "%s", candidate);
	}
}
