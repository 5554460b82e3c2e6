#include "lib/sql.h"

#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "lib/log.h"
#include "lib/opt.h"

#define DAY_NS  (86400 * NS_PER_S)
#define DAYS_NS (36500 * DAY_NS)

static int bad_option(const char *name, const char *found, const char *expected)
{
	log_error("option --%s: found \"%s\", expected %s", name, found, expected);
	return ERR_SYNTAX;
}

int sql_mark_fields(const char *option, const char *list, bool marks[FIELD_COUNT])
{
	for (const char *p = list; *p;) {
		size_t len = strcspn(p, ",");
		int id = field_by_name(p, len);
		if (id < 0) {
			log_error("option --%s: found \"%.*s\", expected the name of a field, as "
				  "in goflow-record(5)",
				option, (int)len, p);
			return ERR_SYNTAX;
		}
		marks[id] = true;
		p += len;
		p += *p == ',';
	}
	return 0;
}

static int set_fields(struct sql_settings *s, const char *list)
{
	bool all = strcmp(list, "all") == 0, by_default = strcmp(list, "default") == 0;
	for (size_t id = 0; id < FIELD_COUNT; id++)
		s->chosen[id] = all || (by_default && fields[id].by_default);
	s->chosen[FIELD_last_switched] = true; /* rows are found and pruned by it */
	return all || by_default ? 0 : sql_mark_fields("fields", list, s->chosen);
}

/* Not a name that sql_name makes for another table's belongings. */
static int set_table(struct sql_settings *s, const char *name)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	size_t len = strspn(name, letters);
	if (name[len] || len == 0 || len > SQL_TABLE_MAX || (*name >= '0' && *name <= '9') ||
		strncmp(name, "sqlite_", 7) == 0 || strncmp(name, "pg_", 3) == 0 ||
		strcmp(name, "goflow_ledger") == 0)
		return bad_option("table", name, "up to 48 letters, digits and underscores");
	memcpy(s->table, name, len + 1);
	return 0;
}

static int set_max_age(struct sql_settings *s, const char *arg)
{
	uint64_t days;
	int err = opt_number("max-age", arg, 1, 36500, &days);
	s->max_age_ns = err ? 0 : days * DAY_NS;
	return err;
}

/* "30d", "30d,1d" or "0". */
static int set_window(struct sql_settings *s, const char *arg)
{
	char back[32];
	size_t len = strcspn(arg, ",");
	if (len >= sizeof back)
		return bad_option("time-window", arg, "BACK or BACK,AHEAD, as 30d,1d");
	snprintf(back, sizeof back, "%.*s", (int)len, arg);
	int err = opt_duration("time-window", back, DAYS_NS, &s->back_ns);
	if (!err && arg[len] == ',')
		return opt_duration("time-window", arg + len + 1, DAYS_NS, &s->ahead_ns);
	if (!err && s->back_ns == 0)
		s->ahead_ns = 0;
	return err;
}

void sql_defaults(struct sql_settings *s)
{
	*s = (struct sql_settings){.table = "goflow_records",
		.extra = true,
		.aggregates = true,
		.back_ns = 30 * DAY_NS,
		.ahead_ns = DAY_NS,
		.ledger_keep_ns = 30 * DAY_NS};
	set_fields(s, "default");
}

int sql_option(struct sql_settings *s, int id, const char *arg)
{
	switch (id) {
	case SQL_OPT_TABLE: return set_table(s, arg);
	case SQL_OPT_FIELDS: return set_fields(s, arg);
	case SQL_OPT_EXTRA: return opt_switch("extra", arg, &s->extra);
	case SQL_OPT_COUNTERS: return opt_switch("counters", arg, &s->counters);
	case SQL_OPT_AGGREGATES: return opt_switch("aggregates", arg, &s->aggregates);
	case SQL_OPT_MAX_AGE: return set_max_age(s, arg);
	case SQL_OPT_MAX_SIZE:
		return opt_size("max-size", arg, 1024 * 1024, INT64_MAX, &s->max_size);
	case SQL_OPT_WINDOW: return set_window(s, arg);
	default: return opt_duration("ledger-keep", arg, DAYS_NS, &s->ledger_keep_ns);
	}
}

char *sql_name(const struct sql_settings *s, const char *suffix, char *out)
{
	static const char records[] = "_records";
	size_t len = strlen(s->table), tail = sizeof records - 1;
	if (len > tail && strcmp(s->table + len - tail, records) == 0)
		len -= tail;
	snprintf(out, SQL_NAME_MAX + 1, "%.*s%s", (int)len, s->table, suffix);
	return out;
}

static bool is_signed(enum field_kind kind, enum sql_signed which)
{
	return (kind == KIND_U64 && which != SQL_SIGNED_NONE) ||
	       (kind == KIND_TIME && which == SQL_SIGNED_TIMES_TOO);
}

void sql_columns(struct sql_columns *c, const struct sql_settings *s, enum sql_signed which)
{
	*c = (struct sql_columns){.extra = s->extra};
	for (unsigned id = 0; id < FIELD_COUNT; id++) {
		uint64_t bit = UINT64_C(1) << (id % 64);
		if (!s->chosen[id])
			continue;
		c->bits[id / 64] |= bit;
		if (is_signed(fields[id].kind, which))
			c->signed_bits[id / 64] |= bit;
		if (is_signed(fields[id].kind, which) || fields[id].kind == KIND_TEXT)
			c->inexact_bits[id / 64] |= bit;
		c->field[c->count++] = (uint8_t)id;
	}
}
