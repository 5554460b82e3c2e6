#include "nfctl/top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "lib/base.h"
#include "lib/err.h"
#include "lib/exporters_merge.h"
#include "lib/instant.h"
#include "lib/log.h"
#include "lib/stage.h"
#include "lib/status_merge.h"
#include "nfctl/exporters.h"
#include "nfctl/status.h"
#include "nfctl/text.h"
#include "nfctl/trend.h"
#include "nfctl/watch.h"

#define CTRL_C 3

struct screen {
	struct termios saved;
	int signal_fd;
	unsigned rows, columns;
	struct trend received, stored;
};

/* What one refresh knows, and what the next compares with. */
struct sample {
	json_t *status, *exporters;
};

static void measure(struct screen *s)
{
	struct winsize size;
	bool known = !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col;
	s->rows = known ? size.ws_row : 24;
	s->columns = known ? size.ws_col : 80;
}

static void put(const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* the terminal has gone: the signal or end of input follows */
		text += n;
		len -= (size_t)n;
	}
}

static void put_text(const char *text)
{
	put(text, strlen(text));
}

static int screen_begin(struct screen *s)
{
	sigset_t set;
	struct termios raw;
	if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &s->saved)) {
		log_error("top needs a terminal; status and exporters do without");
		return EXIT_USE;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0) {
		log_error("signals: %s", strerror(errno));
		return EXIT_IO;
	}
	raw = s->saved;
	/* signals from keys are off too: Ctrl-Z would leave the terminal as it is now */
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	measure(s);
	put_text("\033[?1049h\033[?25l"); /* the other screen, no cursor */
	return EXIT_DONE;
}

static void screen_end(struct screen *s)
{
	put_text("\033[?25h\033[?1049l");
	tcsetattr(STDIN_FILENO, TCSANOW, &s->saved);
	close(s->signal_fd);
}

/* The bytes of a line that fit into `columns`. Escapes take no column; they are ours alone, since
 * text from outside was cleaned. */
static size_t fitting(const char *line, size_t len, unsigned columns)
{
	unsigned used = 0;
	for (size_t i = 0; i < len; i++) {
		if (line[i] == '\033') {
			while (i < len && line[i] != 'm')
				i++;
			continue;
		}
		if ((line[i] & 0xc0) != 0x80 && used++ == columns)
			return i;
	}
	return len;
}

/* Puts text on the screen: what does not fit is cut, what was there is overwritten without a
 * flicker. */
static void show(const struct screen *s, const char *text)
{
	char *frame = NULL;
	size_t frame_len, rows = 0;
	FILE *out = open_memstream(&frame, &frame_len);
	if (!out)
		return;
	fputs("\033[H", out);
	while (*text && rows < s->rows) {
		size_t len = strcspn(text, "\n");
		fputs(rows++ ? "\r\n" : "", out);
		fwrite(text, 1, fitting(text, len, s->columns), out);
		fputs("\033[0m\033[K", out);
		text += len + (text[len] == '\n');
	}
	fputs("\033[J", out);
	fclose(out);
	put(frame, frame_len);
	free(frame);
}

static void print_head(FILE *out, const struct screen *s, size_t stages)
{
	char clock[16], line[64];
	time_t now = time(NULL);
	struct tm tm;
	strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&now, &tm));
	int n = snprintf(line, sizeof line, "nfctl top  %s  %zu stage%s", clock, stages,
		stages == 1 ? "" : "s");
	fprintf(out, "\033[1m%s\033[0m%*s\n", line, s->columns > 70 ? (int)s->columns - n : 0,
		s->columns > 70 ? "q quits" : "");
}

static void print_trend(FILE *out, const char *what, const struct trend *t)
{
	char bars[TREND_TEXT_MAX], rate[TEXT_MAX];
	if (t->count)
		fprintf(out, "%s %s %s/s   ", what, trend_text(t, bars),
			text_scaled(t->values[t->count - 1], rate));
}

static size_t lines_of(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void draw(const struct screen *s, const struct where *where, const struct sample *old,
	const struct sample *now)
{
	char *text = NULL, nobody[4400];
	size_t len, stages = survey_answered(now->status);
	FILE *out = open_memstream(&text, &len);
	if (!out)
		return;
	json_t *status = status_merge(old->status, now->status);
	json_t *exporters = exporters_merge(old->exporters, now->exporters, true);
	print_head(out, s, stages);
	print_trend(out, "datagrams", &s->received);
	print_trend(out, "stored", &s->stored);
	fputc('\n', out);
	if (stages) {
		status_table(status, out, true);
		fputc('\n', out);
		status_ledger_brief(status, out);
		fputc('\n', out);
		fflush(out);
		size_t used = lines_of(text) + 1; /* and the titles */
		exporters_table(exporters, out, instant_now().ns, true,
			s->rows > used ? s->rows - used : 0);
	} else {
		survey_nobody(where, now->status, nobody, sizeof nobody);
		fprintf(out, "%s\nwaiting for one\n", nobody);
	}
	fclose(out);
	show(s, text);
	free(text);
	json_decref(status);
	json_decref(exporters);
}

static int take_sample(const struct where *where, struct sample *out)
{
	int code = survey(where, "status", &out->status);
	if (!code)
		code = survey(where, "exporters", &out->exporters);
	return code;
}

static void free_sample(struct sample *s)
{
	json_decref(s->status);
	json_decref(s->exporters);
	*s = (struct sample){NULL, NULL};
}

static bool asked_to_quit(struct screen *s, const struct pollfd fds[2], bool *resized)
{
	struct signalfd_siginfo info;
	char keys[64];
	while (fds[1].revents && read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo != SIGWINCH)
			return true;
		*resized = true;
	}
	if (!fds[0].revents)
		return false;
	ssize_t n = read(STDIN_FILENO, keys, sizeof keys);
	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		return true; /* the terminal has gone */
	for (ssize_t i = 0; i < n; i++)
		if (keys[i] == 'q' || keys[i] == 'Q' || keys[i] == CTRL_C)
			return true;
	return false;
}

/* Waits out the interval. False: it is time to quit. */
static bool pause_until(struct screen *s, uint64_t end, const struct where *where,
	const struct sample *old, const struct sample *now)
{
	for (;;) {
		struct pollfd fds[2] = {
			{.fd = STDIN_FILENO, .events = POLLIN},
			{.fd = s->signal_fd, .events = POLLIN},
		};
		bool resized = false;
		uint64_t at = monotonic_ns();
		int left = at < end ? (int)((end - at) / NS_PER_MS) + 1 : 0;
		if (poll(fds, 2, left) < 0 && errno != EINTR)
			return false;
		if (asked_to_quit(s, fds, &resized))
			return false;
		if (resized) {
			measure(s);
			draw(s, where, old, now);
		}
		if (monotonic_ns() >= end)
			return true;
	}
}

static int run(
	struct screen *s, const struct where *where, uint64_t interval_ns, struct sample *old)
{
	struct sample now = *old;
	*old = (struct sample){NULL, NULL};
	for (;;) {
		uint64_t end = monotonic_ns() + interval_ns;
		draw(s, where, old, &now);
		if (!pause_until(s, end, where, old, &now)) {
			free_sample(&now);
			return EXIT_DONE;
		}
		free_sample(old);
		*old = now;
		now = (struct sample){NULL, NULL};
		if (take_sample(where, &now)) {
			free_sample(&now);
			return EXIT_IO;
		}
		struct watch_sums sums = watch_sum(old->status, now.status);
		trend_add(&s->received, sums.received);
		trend_add(&s->stored, sums.stored);
	}
}

int top_run(const struct where *where, uint64_t interval_ns)
{
	struct sample first = {NULL, NULL};
	struct screen s = {.signal_fd = -1};
	char nobody[4400];
	int code = EXIT_IO;
	if (take_sample(where, &first)) {
		code = EXIT_IO;
	} else if (!survey_answered(first.status)) {
		survey_nobody(where, first.status, nobody, sizeof nobody);
		log_error("%s", nobody);
		code = EXIT_SERVER;
	} else {
		code = screen_begin(&s);
		if (!code) {
			code = run(&s, where, interval_ns, &first);
			screen_end(&s);
		}
	}
	free_sample(&first);
	return code;
}
