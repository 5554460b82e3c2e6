/* What was found wrong, kept until all of it can be said in order. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "goflow/config_impl.h"
#include "lib/log.h"

static void note(struct config_report *r, struct config_spot at, bool is_warning, const char *fmt,
	va_list args)
{
	char text[1024];
	size_t i = r->count;
	if (is_warning)
		r->warnings++;
	else
		r->errors++;
	if (!r->list)
		r->list = calloc(CONFIG_FINDINGS_MAX, sizeof *r->list);
	if (!r->list || r->count == CONFIG_FINDINGS_MAX)
		return;
	vsnprintf(text, sizeof text, fmt, args);
	log_clean(text);
	/* behind those of the same place; what has no place stands last */
	while (i > 0 && at.line &&
		(!r->list[i - 1].spot.line || r->list[i - 1].spot.line > at.line ||
			(r->list[i - 1].spot.line == at.line &&
				r->list[i - 1].spot.column > at.column))) {
		r->list[i] = r->list[i - 1];
		i--;
	}
	r->list[i] = (struct config_finding){strdup(text), at, is_warning};
	r->count++;
}

void config_error(struct config_report *r, struct config_spot at, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	note(r, at, false, fmt, args);
	va_end(args);
}

void config_warn(struct config_report *r, struct config_spot at, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	note(r, at, true, fmt, args);
	va_end(args);
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
