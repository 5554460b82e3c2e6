/* What was found wrong, kept until all of it can be said in order. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "goflow/config_impl.h"
#include "lib/log.h"

#define FINDING_MAX 1024 /* longer ones are cut */

/* Whether what is noted stands before a place; what has no place stands last. */
static bool is_before(const struct config_finding *f, struct config_spot at)
{
	if (!at.line || !f->spot.line)
		return !at.line;
	return f->spot.line < at.line || (f->spot.line == at.line && f->spot.column <= at.column);
}

static bool is_same(const struct config_finding *f, struct config_spot at, const char *text)
{
	return f->spot.line == at.line && f->spot.column == at.column && f->text &&
	       strcmp(f->text, text) == 0;
}

static void note(struct config_report *r, struct config_spot at, bool is_warning, char *text)
{
	size_t i = r->count;
	log_clean(text);
	while (i > 0 && !is_before(&r->list[i - 1], at))
		i--;
	if (i > 0 && is_same(&r->list[i - 1], at, text))
		return; /* what an alias repeats */
	if (is_warning)
		r->warnings++;
	else
		r->errors++;
	if (!r->list)
		r->list = calloc(CONFIG_FINDINGS_MAX, sizeof *r->list);
	if (!r->list || r->count == CONFIG_FINDINGS_MAX)
		return;
	memmove(&r->list[i + 1], &r->list[i], (r->count - i) * sizeof *r->list);
	r->list[i] = (struct config_finding){strdup(text), at, is_warning};
	r->count++;
}

void config_error(struct config_report *r, struct config_spot at, const char *fmt, ...)
{
	char text[FINDING_MAX];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	note(r, at, false, text);
}

void config_warn(struct config_report *r, struct config_spot at, const char *fmt, ...)
{
	char text[FINDING_MAX];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	note(r, at, true, text);
}

void config_report_log(const struct config_report *r, const char *path)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct config_finding *f = &r->list[i];
		enum log_level level = f->is_warning ? LOG_WARN : LOG_ERROR;
		const char *text = f->text ? f->text : "out of memory";
		if (f->spot.line)
			log_at(level, "%s:%u:%u: %s", path, f->spot.line, f->spot.column, text);
		else
			log_at(level, "%s: %s", path, text);
	}
	if (r->errors + r->warnings > r->count)
		log_error("%s: and %zu more", path, r->errors + r->warnings - r->count);
}

void config_report_free(struct config_report *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->list[i].text);
	free(r->list);
	*r = (struct config_report){0};
}

int config_load_said(struct config *c, const char *path)
{
	struct config_report r = {0};
	int err = config_load(c, path, &r);
	config_report_log(&r, path);
	config_report_free(&r);
	return err;
}
