#include "lib/reject.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/jsonl.h"
#include "lib/jsontext.h"
#include "lib/log.h"

#define KEPT_MAX   (4 * 1024 * 1024)
#define REASON_MAX 1024
#define LINE_ROOM  (JSONL_LINE_MAX + 6 * REASON_MAX + 64)

int reject_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	log_error("%s: %s", path, strerror(errno));
	return ERR_IO;
}

/* Room for what is kept and one line more, made with the first of them. */
static bool make_room(struct reject_list *l)
{
	if (!l->text) {
		l->cap = KEPT_MAX + LINE_ROOM;
		l->text = malloc(l->cap);
	}
	return l->text;
}

/* {"reject_reason":"...", and then the record's line without its brace. */
void reject_add(struct reject_list *l, const struct record *r, const char *reason)
{
	static const char key[] = "{\"reject_reason\":";
	size_t reason_len = strnlen(reason, REASON_MAX);
	bool exact;
	if (l->fd < 0)
		return;
	if (l->len > KEPT_MAX)
		reject_write(l);
	if (!make_room(l)) {
		log_error("a refused record is not written: %s", err_sentence(ERR_MEMORY));
		return;
	}
	char *p = l->text + l->len;
	memcpy(p, key, sizeof key - 1);
	p = jsontext_quote(p + sizeof key - 1, reason, reason_len, &exact);
	size_t len = jsonl_write(r, p, JSONL_LINE_MAX);
	if (!len)
		return;
	*p = ','; /* in place of its brace */
	l->len = (size_t)(p - l->text) + len;
}

void reject_forget(struct reject_list *l)
{
	l->len = 0;
}

int reject_write(struct reject_list *l)
{
	size_t done = 0;
	while (done < l->len) {
		ssize_t n = write(l->fd, l->text + done, l->len - done);
		if (n < 0 && errno != EINTR) {
			log_error("the file of refused records: %s", strerror(errno));
			l->len = 0;
			return ERR_IO;
		}
		done += n > 0 ? (size_t)n : 0;
	}
	l->len = 0;
	return 0;
}

void reject_free(struct reject_list *l)
{
	free(l->text);
	*l = (struct reject_list){.fd = l->fd};
}
