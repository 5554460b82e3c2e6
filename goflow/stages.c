/* The stages in front of the sinks, and what all of them get. */
#include "goflow/stages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/err.h"
#include "lib/log.h"
#include "lib/stats.h"

/* Appends to a list, whose last place marks that not all found room. */
static void append(char **list, size_t *count, char *text)
{
	if (text && *count < STAGE_WORDS_MAX)
		list[(*count)++] = text;
	else {
		free(text);
		*count = STAGE_WORDS_MAX;
	}
}

void stage_argument(struct stage_spec *s, const char *option, const char *value)
{
	append(s->argv, &s->argc, strdup(option));
	if (value)
		append(s->argv, &s->argc, strdup(value));
}

void stage_variable(struct stage_spec *s, const char *name, const char *value)
{
	char *text = NULL;
	if (!value)
		return;
	if (asprintf(&text, "%s=%s", name, value) < 0)
		text = NULL;
	append(s->env, &s->envc, text);
}

int stage_spec_ended(const struct stage_spec *s)
{
	return s->argc == STAGE_WORDS_MAX || s->envc == STAGE_WORDS_MAX ? ERR_MEMORY : 0;
}

void stage_begin(
	struct stage_spec *s, const char *program, const struct config *c, const char *pipeline)
{
	static const char *const kept[] = {"TZ", "LANG", "LC_ALL", "HOME", "TMPDIR", "ASAN_OPTIONS",
		"UBSAN_OPTIONS", "GOFLOW_CONFINE"};
	char folder[4096];
	snprintf(s->program, sizeof s->program, "%s", program);
	stage_argument(s, program, NULL);
	if (strcmp(c->values[KEY_LOG_FORM].text, "text") != 0)
		stage_argument(s, "--log", c->values[KEY_LOG_FORM].text);
	for (size_t i = 0; i < LEN(kept); i++)
		stage_variable(s, kept[i], getenv(kept[i]));
	if (stats_rundir(folder, sizeof folder) == 0)
		stage_variable(s, "GOFLOW_RUNDIR", folder);
	stage_variable(s, STATS_PIPELINE, pipeline);
}

int stage_receiver(struct stage_spec *s, const struct config *c, const struct config_frontend *f,
	const char *pipeline)
{
	char fd[16];
	stage_begin(s, "nfrecv", c, pipeline);
	if (f->type == FRONTEND_PCAP) {
		stage_argument(s, "--read", f->values[KEY_CAPTURE_FILE].text);
		return stage_spec_ended(s);
	}
	snprintf(fd, sizeof fd, "%d", STAGE_FD + 1);
	stage_argument(s, "--ring", f->values[KEY_RING].text);
	stage_argument(s, "--rcvbuf", f->values[KEY_RCVBUF].text);
	stage_argument(s, "--outputs", fd);
	stage_variable(s, "LISTEN_FDS", "1");
	return stage_spec_ended(s);
}

/* The file of what nfdecode knows of exporters: in the folder that a service manager gives for such
 * things, else beside the sockets. */
static void add_state(struct stage_spec *s, const char *pipeline)
{
	char path[4096], folder[3072];
	const char *given = getenv("STATE_DIRECTORY");
	if (given && *given && strlen(given) < sizeof folder)
		memcpy(folder, given, strlen(given) + 1);
	else if (stats_rundir(folder, sizeof folder) != 0)
		return;
	snprintf(path, sizeof path, "%s/%s.state", folder, pipeline);
	for (char *name = path + strlen(folder) + 1; (name = strchr(name, '/'));)
		*name = '_';
	stage_argument(s, "--state", path);
}

/* Programs read such files at their start alone: with a file's age in its environment, one that was
 * started before the file changed is not the same, and is replaced by a reload. */
static void add_file(
	struct stage_spec *s, const char *option, const char *variable, const char *path)
{
	struct stat st;
	char age[96];
	if (!path)
		return;
	stage_argument(s, option, path);
	if (stat(path, &st) != 0)
		return; /* as the program will say */
	snprintf(age, sizeof age, "%lld.%09ld %lld", (long long)st.st_mtim.tv_sec,
		st.st_mtim.tv_nsec, (long long)st.st_size);
	stage_variable(s, variable, age);
}

void stage_elements(struct stage_spec *s, const struct config *c)
{
	add_file(s, "--elements", "GOFLOW_ELEMENTS_AGE", c->values[KEY_ELEMENTS].text);
}

/* Whether one of the frontend's backends is keyed by exporter, and its messages are frames. */
static bool wants_frames_by_exporter(const struct config *c, const struct config_frontend *f)
{
	for (size_t i = 0; i < f->route_count; i++) {
		const struct config_value *v = c->backends[f->routes[i].backend].values;
		if (v[KEY_FORMAT].text && strcmp(v[KEY_FORMAT].text, "binary") == 0 &&
			v[KEY_MESSAGE_KEY].text && strcmp(v[KEY_MESSAGE_KEY].text, "exporter") == 0)
			return true;
	}
	return false;
}

int stage_decoder(struct stage_spec *s, const struct config *c, const struct config_frontend *f,
	const char *stream_id, const char *pipeline)
{
	stage_begin(s, "nfdecode", c, pipeline);
	if (wants_frames_by_exporter(c, f))
		stage_argument(s, "--by-exporter", NULL);
	stage_elements(s, c);
	add_file(s, "--exporters", "GOFLOW_EXPORTERS_AGE", c->values[KEY_EXPORTERS].text);
	if (f->values[KEY_HAND_COUNTERS].number)
		stage_argument(s, "--counters", NULL);
	if (c->values[KEY_INNER].number)
		stage_argument(s, "--inner", NULL);
	if (stream_id)
		stage_argument(s, "--stream-id", stream_id);
	else
		add_state(s, pipeline);
	return stage_spec_ended(s);
}

int stage_tee(struct stage_spec *s, const struct config *c, size_t outputs, const char *pipeline)
{
	char path[32];
	stage_begin(s, "nftee", c, pipeline);
	for (size_t i = 0; i < outputs; i++) {
		snprintf(path, sizeof path, "/dev/fd/%zu", STAGE_FD + i);
		stage_argument(s, path, NULL);
	}
	return stage_spec_ended(s);
}

void stage_spec_free(struct stage_spec *s)
{
	for (size_t i = 0; i < s->argc; i++)
		free(s->argv[i]);
	for (size_t i = 0; i < s->envc; i++) {
		if (s->env[i]) /* it may be a password */
			explicit_bzero(s->env[i], strlen(s->env[i]));
		free(s->env[i]);
	}
	*s = (struct stage_spec){.argc = 0};
}

static bool same_list(char *const *a, char *const *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

bool stage_spec_equal(const struct stage_spec *a, const struct stage_spec *b)
{
	return a->argc == b->argc && a->envc == b->envc && same_list(a->argv, b->argv, a->argc) &&
	       same_list(a->env, b->env, a->envc);
}
