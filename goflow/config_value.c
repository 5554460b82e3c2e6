/* One value: text as its row wants it. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "goflow/config_impl.h"
#include "lib/err.h"
#include "lib/fields.h"
#include "lib/instant.h"
#include "lib/quantity.h"

#define DAYS_MAX  36500
#define TABLE_MAX 48 /* as the sinks' --table */

/* The position of a word, or -1. */
static int find_word(const char *words, const char *text)
{
	char word[32];
	for (int i = 0; words && *config_word(words, (size_t)i, word); i++)
		if (strcmp(text, word) == 0)
			return i;
	return -1;
}

static bool read_switch(const char *text, uint64_t *out)
{
	static const char *const words[] = {
		"0", "1", "false", "true", "f", "t", "no", "yes", "off", "on"};
	for (size_t i = 0; i < LEN(words); i++)
		if (strcasecmp(text, words[i]) == 0) {
			*out = i % 2;
			return true;
		}
	return false;
}

static bool read_address(const char *text)
{
	unsigned char bytes[16];
	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* Every name between commas is a field's. */
static bool read_fields(const char *text)
{
	for (;;) {
		size_t len = strcspn(text, ",");
		if (field_by_name(text, len) < 0)
			return false;
		text += len;
		if (!*text++)
			return true;
	}
}

static bool read_table(const char *text)
{
	static const char letters[] =
		"_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	size_t len = strlen(text);
	return len > 0 && len <= TABLE_MAX && strspn(text, letters) == len &&
	       strspn(text, "0123456789") == 0 && strncmp(text, "pg_", 3) != 0 &&
	       strncmp(text, "sqlite_", 7) != 0 && strcmp(text, "goflow_ledger") != 0;
}

/* Two parts with a mark between them, or the first alone where `alone` is set. */
static bool read_parts(
	const char *text, char mark, bool alone, char first[static 32], const char **second)
{
	const char *at = strchr(text, mark);
	size_t len = at ? (size_t)(at - text) : strlen(text);
	if ((!at && !alone) || len >= 32)
		return false;
	snprintf(first, 32, "%.*s", (int)len, text);
	*second = at ? at + 1 : NULL;
	return true;
}

static bool read_window(const char *text)
{
	const uint64_t most = DAYS_MAX * UINT64_C(86400) * NS_PER_S;
	char back[32];
	const char *ahead;
	uint64_t ns;
	return read_parts(text, ',', true, back, &ahead) && quantity_duration(back, &ns) == 0 &&
	       ns <= most && (!ahead || (quantity_duration(ahead, &ns) == 0 && ns <= most));
}

static bool read_partitions(const char *text)
{
	char partitions[32];
	const char *replicas;
	uint64_t n;
	return read_parts(text, ':', false, partitions, &replicas) &&
	       quantity_number(partitions, &n) == 0 && n >= 1 && n <= 100000 &&
	       quantity_number(replicas, &n) == 0 && n >= 1 && n <= 1000;
}

static bool within(const struct config_row *row, uint64_t n)
{
	return n >= row->min && n <= row->max;
}

static bool read_kind(const struct config_row *row, const char *text, uint64_t *number)
{
	int word;
	switch (row->kind) {
	case VALUE_TEXT: return within(row, strlen(text));
	case VALUE_WORD:
		word = find_word(row->words, text);
		*number = word < 0 ? 0 : (uint64_t)word;
		return word >= 0;
	case VALUE_SWITCH: return read_switch(text, number);
	case VALUE_NUMBER: return quantity_number(text, number) == 0 && within(row, *number);
	case VALUE_SIZE: return quantity_size(text, number) == 0 && within(row, *number);
	case VALUE_DURATION:
		return quantity_duration(text, number) == 0 && *number >= row->min * NS_PER_S &&
		       *number <= row->max * NS_PER_S;
	case VALUE_ADDRESS: return read_address(text);
	case VALUE_FIELDS: return find_word(row->words, text) >= 0 || read_fields(text);
	case VALUE_TABLE: return read_table(text);
	case VALUE_WINDOW: return read_window(text);
	case VALUE_PARTITIONS: return read_partitions(text);
	default: return false;
	}
}

static size_t put(char *out, size_t room, size_t at, const char *text)
{
	int n = at < room ? snprintf(out + at, room - at, "%s", text) : 0;
	return at + (size_t)n;
}

static size_t put_words(const char *words, char *out, size_t room)
{
	char word[32], next[32];
	size_t at = 0;
	out[0] = 0;
	for (size_t i = 0; words && *config_word(words, i, word); i++) {
		bool last = !*config_word(words, i + 1, next);
		at = put(out, room, at, i == 0 ? "" : last ? " or " : ", ");
		at = put(out, room, at, word);
	}
	return at;
}

void config_value_expected(const struct config_row *row, char *out, size_t room)
{
	char low[QUANTITY_TEXT_MAX], high[QUANTITY_TEXT_MAX];
	size_t at;
	switch (row->kind) {
	case VALUE_MAPPING: snprintf(out, room, "a mapping"); break;
	case VALUE_NAMES:
		snprintf(out, room, "%s",
			row->id == KEY_FRONTEND_BACKEND ? "the name of a backend"
							: "a list of names of backends");
		break;
	case VALUE_WORD: put_words(row->words, out, room); break;
	case VALUE_SWITCH: snprintf(out, room, "true or false"); break;
	case VALUE_NUMBER:
		snprintf(out, room, "a number from %" PRIu64 " to %" PRIu64, row->min, row->max);
		break;
	case VALUE_SIZE:
		snprintf(out, room, "a size in bytes from %s to %s, such as 64M",
			quantity_size_text(row->min, low),
			row->max == INT64_MAX ? "2^63 - 1" : quantity_size_text(row->max, high));
		break;
	case VALUE_DURATION:
		snprintf(out, room, "a time from %s to %s, such as 1.5s (units ms, s, m, h, d)",
			quantity_duration_text(row->min * NS_PER_S, low),
			quantity_duration_text(row->max * NS_PER_S, high));
		break;
	case VALUE_ADDRESS: snprintf(out, room, "an IPv4 or IPv6 address"); break;
	case VALUE_FIELDS:
		at = put_words(row->words, out, room);
		put(out, room, at,
			at ? ", or names of fields, as in goflow-record(5)"
			   : "names of fields, as in goflow-record(5)");
		break;
	case VALUE_TABLE:
		snprintf(out, room, "up to %d letters, digits and underscores", TABLE_MAX);
		break;
	case VALUE_WINDOW: snprintf(out, room, "BACK,AHEAD as 30d,1d, or 0"); break;
	case VALUE_PARTITIONS: snprintf(out, room, "PARTITIONS:REPLICAS, as 6:3"); break;
	default: snprintf(out, room, "text of at most %" PRIu64 " bytes", row->max); break;
	}
}

/* The word or field that is near to the text, as a question behind what was expected. */
static void suggest(const struct config_row *row, const char *text, char *out, size_t room)
{
	struct nearest n;
	char word[32], last[64];
	const char *wrong = text;
	size_t at = strlen(out);
	while (row->kind == VALUE_FIELDS && field_by_name(wrong, strcspn(wrong, ",")) >= 0)
		wrong += strcspn(wrong, ",") + 1;
	snprintf(last, sizeof last, "%.*s", (int)strcspn(wrong, ","), wrong);
	nearest_begin(&n, row->kind == VALUE_FIELDS ? last : text);
	for (size_t i = 0; row->words && *config_word(row->words, i, word); i++)
		nearest_offer(&n, word);
	for (size_t i = 0; row->kind == VALUE_FIELDS && i < FIELD_COUNT; i++)
		nearest_offer(&n, fields[i].name);
	if (n.best[0] && at < room)
		snprintf(out + at, room - at, "; %s is near", n.best);
}

int config_value_read(const struct config_row *row, const char *text, struct config_value *v,
	char *expected, size_t room)
{
	uint64_t number = 0;
	if (!read_kind(row, text, &number)) {
		config_value_expected(row, expected, room);
		if (row->kind == VALUE_WORD || row->kind == VALUE_FIELDS)
			suggest(row, text, expected, room);
		return ERR_SYNTAX;
	}
	char *copy = strdup(text);
	if (!copy)
		return ERR_MEMORY;
	struct config_spot spot = v->spot;
	config_value_free(v);
	*v = (struct config_value){.text = copy, .number = number, .spot = spot};
	return 0;
}

void config_value_free(struct config_value *v)
{
	if (v->text)
		explicit_bzero(v->text, strlen(v->text));
	free(v->text);
	*v = (struct config_value){0};
}
