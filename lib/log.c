#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/instant.h"
#include "lib/jsontext.h"

#define MESSAGE_MAX    4096 /* longer ones are cut, and end in "..." */
#define LIMIT_INTERVAL (10 * NS_PER_S)

static struct {
	const char *program;
	enum log_level most;
	bool json;
} settings = {"goflow", LOG_INFO, false};

static const char *const level_names[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

/* Where 0, 1 or 2 is closed, the next thing opened would be taken for it, and log lines go there.
 * What takes its place can be neither read, as standard input, nor written, as the others. */
static void hold_standard_descriptors(void)
{
	int fd;
	while ((fd = open("/dev/null", O_RDONLY)) >= 0 && fd <= STDERR_FILENO)
		if (fd == STDIN_FILENO) {
			close(fd);
			open("/dev/null", O_WRONLY);
		}
	if (fd >= 0)
		close(fd);
}

void log_init(const char *program)
{
	hold_standard_descriptors();
	const char *level = getenv(LOG_LEVEL_ENVIRONMENT);
	settings.program = program;
	if (level)
		log_level(level); /* one that makes no sense is as none */
}

int log_level(const char *name)
{
	for (size_t i = 0; i < LEN(level_names); i++)
		if (strcmp(level_names[i], name) == 0) {
			settings.most = (enum log_level)i;
			return 0;
		}
	return ERR_SYNTAX;
}

const char *log_level_name(void)
{
	return level_names[settings.most];
}

void log_more(void)
{
	if (settings.most < LOG_DEBUG)
		settings.most++;
}

bool log_enabled(enum log_level level)
{
	return level <= settings.most;
}

int log_form(const char *form)
{
	bool json = strcmp(form, "json") == 0;
	if (!json && strcmp(form, "text") != 0)
		return ERR_SYNTAX;
	settings.json = json;
	return 0;
}

void log_clean(char *text)
{
	uint8_t *p = (uint8_t *)text, *end = p + strlen(text);
	while (p < end) {
		size_t n = utf8_length(p, (size_t)(end - p));
		/* U+0080 to U+009F are the control characters above ASCII */
		bool control = *p < 0x20 || *p == 0x7f || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0);
		if (n && !control) {
			p += n;
			continue;
		}
		for (size_t i = 0; i < (n ? n : 1); i++)
			*p++ = '?';
	}
}

static void write_line(const char *line, size_t len)
{
	while (len) {
		ssize_t n = write(STDERR_FILENO, line, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* there is nowhere left to say so */
		line += n;
		len -= (size_t)n;
	}
}

static void write_text(const char *level, const char *message)
{
	char line[MESSAGE_MAX + 256];
	int n = snprintf(line, sizeof line, "%s %.100s: %s\n", level, settings.program, message);
	write_line(line, (size_t)n);
}

static void write_json(const char *level, const char *message)
{
	char line[6 * (MESSAGE_MAX + 100) + 256], when[INSTANT_TEXT_MAX], *p = line;
	struct instant now = instant_now();
	bool exact = true;
	now.digits = 3;
	p += snprintf(p, 128,
		"{\"time\":\"%s\",\"level\":\"%s\",\"program\":", instant_text(now, when), level);
	p = jsontext_quote(p, settings.program, strnlen(settings.program, 100), &exact);
	p = stpcpy(p, ",\"message\":");
	p = jsontext_quote(p, message, strlen(message), &exact);
	p = stpcpy(p, "}\n");
	write_line(line, (size_t)(p - line));
}

void log_at(enum log_level level, const char *fmt, ...)
{
	int saved = errno;
	char message[MESSAGE_MAX];
	va_list args;
	if (!log_enabled(level))
		return;
	va_start(args, fmt);
	int n = vsnprintf(message, sizeof message, fmt, args);
	va_end(args);
	if (n < 0)
		message[0] = '\0';
	else if ((size_t)n >= sizeof message)
		memcpy(message + sizeof message - 4, "...", 4);
	log_clean(message);
	if (settings.json)
		write_json(level_names[level], message);
	else
		write_text(level_names[level], message);
	errno = saved;
}

bool log_limit(struct log_limit *l, uint64_t *missed)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	uint64_t now = (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
	if (now < l->next_ns) {
		l->missed++;
		return false;
	}
	*missed = l->missed;
	l->missed = 0;
	l->next_ns = now + LIMIT_INTERVAL;
	return true;
}
