/* The file, from its path to the checked configuration; and the secrets in files of their own. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "goflow/config_impl.h"
#include "lib/err.h"
#include "lib/elements_file.h"
#include "lib/exporters_file.h"

#define SECRET_MAX 1024

const char *config_path(const char *given)
{
	const char *variable = getenv("GOFLOW_CONFIG");
	if (given)
		return given;
	if (variable && *variable)
		return variable;
	return access("config.yml", F_OK) == 0 ? "config.yml" : "/etc/goflow/config.yml";
}

/* Reads up to `room` bytes of a file. Returns how many, or -1 with errno. */
static ssize_t read_file(const char *path, char *out, size_t room, mode_t *mode)
{
	struct stat st;
	size_t len = 0;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0) {
		*mode = st.st_mode;
		while (len < room &&
			((n = read(fd, out + len, room - len)) > 0 || (n < 0 && errno == EINTR)))
			len += n > 0 ? (size_t)n : 0;
	}
	int saved = errno;
	close(fd);
	errno = saved;
	return n < 0 ? -1 : (ssize_t)len;
}

int config_parse(struct config *c, const char *text, size_t len,
	const struct config_environment *env, struct config_report *r)
{
	yaml_document_t doc;
	unsigned good = 0;
	int err = config_yaml(text, len, &doc, r, &good);
	if (!err) {
		config_walk(c, &doc, true, r);
		yaml_document_delete(&doc);
		config_environment(c, env, r);
		config_check(c, r);
		return r->errors ? ERR_CONFIG : 0;
	}
	/* What stands before the place where it ceases to be YAML may have errors of its own. */
	const char *end = text, *eol;
	for (unsigned line = 0; line < good; line++) {
		eol = memchr(end, '\n', len - (size_t)(end - text));
		end = eol ? eol + 1 : text + len;
	}
	struct config_report rest = {0};
	if (end > text && config_yaml(text, (size_t)(end - text), &doc, &rest, &good) == 0) {
		config_walk(c, &doc, false, r);
		yaml_document_delete(&doc);
	}
	config_report_free(&rest);
	return ERR_CONFIG;
}

static const char *getenv_variable(const char *name)
{
	return getenv(name);
}

/* Where what is wrong with a file that the configuration names is said: at its key. */
struct findings {
	struct config_report *report;
	const struct config_value *value;
	const char *key;
};

static void note(void *ctx, unsigned line, unsigned column, const char *what)
{
	const struct findings *f = ctx;
	const char *path = f->value->text;
	if (line)
		config_error(f->report, f->value->spot, "%s: %s:%u:%u: %s", f->key, path, line,
			column, what);
	else
		config_error(f->report, f->value->spot, "%s: %s: %s", f->key, path, what);
}

/* The files that nfdecode will read are read here too, so that what is wrong with them is known
 * before.
 */
static void check_files(const struct config *c, struct config_report *r)
{
	struct findings exporters = {r, &c->values[KEY_EXPORTERS], "exporters"};
	struct findings elements = {r, &c->values[KEY_ELEMENTS], "elements"};
	if (exporters.value->text)
		exporters_file_free(exporters_file_load(exporters.value->text, note, &exporters));
	if (elements.value->text)
		elements_file_free(elements_file_load(elements.value->text, note, &elements));
}

static int load_text(struct config *c, const char *path, char *text, struct config_report *r)
{
	static const struct config_environment env = {getenv_variable};
	struct config_spot nowhere = {0};
	mode_t mode = 0;
	ssize_t len = read_file(path, text, CONFIG_SIZE_MAX + 1, &mode);
	if (len < 0) {
		config_error(r, nowhere, "%s", strerror(errno));
		return ERR_CONFIG;
	}
	if (len > CONFIG_SIZE_MAX) {
		config_error(
			r, nowhere, "found more than %d bytes, expected fewer", CONFIG_SIZE_MAX);
		return ERR_CONFIG;
	}
	int err = config_parse(c, text, (size_t)len, &env, r);
	if (!err) {
		config_secrets(c, r);
		check_files(c, r);
	}
	return err || r->errors ? ERR_CONFIG : 0;
}

int config_load(struct config *c, const char *path, struct config_report *r)
{
	char *text = malloc(CONFIG_SIZE_MAX + 1);
	if (!text) {
		config_error(r, (struct config_spot){0}, "%s", err_sentence(ERR_MEMORY));
		return ERR_CONFIG;
	}
	int err = load_text(c, path, text, r);
	explicit_bzero(text, CONFIG_SIZE_MAX + 1);
	free(text);
	return err;
}

/* One line of text, without its end. */
static int read_secret(
	const char *path, char out[static SECRET_MAX + 3], mode_t *mode, const char **why)
{
	ssize_t len = read_file(path, out, SECRET_MAX + 2, mode);
	if (len < 0) {
		*why = strerror(errno);
		return ERR_IO;
	}
	while (len > 0 && strchr("\r\n", out[len - 1]))
		len--;
	out[len] = '\0';
	*why = "found what is not one line of 1 to 1024 bytes";
	if (len == 0 || len > SECRET_MAX)
		return ERR_SYNTAX;
	for (ssize_t i = 0; i < len; i++)
		if ((unsigned char)out[i] < 0x20 || out[i] == 0x7f)
			return ERR_SYNTAX;
	return 0;
}

/* Puts what stands in `file`, where that is given, into `v`, unless the environment has it. */
static void take_secret(const struct config_value *file, enum config_key key,
	struct config_value *v, struct config_report *r)
{
	char text[SECRET_MAX + 3], expected[128];
	const char *why;
	mode_t mode = 0;
	if (!file->text || v->from == FROM_ENVIRONMENT)
		return;
	int err = read_secret(file->text, text, &mode, &why);
	if (err) {
		config_error(r, file->spot, "%s: %s, expected a file with one line, the secret",
			file->text, why);
		return;
	}
	if (S_ISREG(mode) && mode & (S_IROTH | S_IWOTH))
		config_warn(r, file->spot, "%s: other users may read or write it; better mode 0600",
			file->text);
	if (config_value_read(&config_rows[key], text, v, expected, sizeof expected) == 0) {
		v->from = FROM_SECRET_FILE;
		v->spot = file->spot;
	}
	explicit_bzero(text, sizeof text);
}

void config_secrets(struct config *c, struct config_report *r)
{
	take_secret(&c->values[KEY_API_TOKEN_FILE], KEY_API_TOKEN, &c->values[KEY_API_TOKEN], r);
	for (size_t i = 0; i < c->backend_count; i++) {
		struct config_backend *b = &c->backends[i];
		enum config_key key =
			b->type == BACKEND_KAFKA ? KEY_SASL_PASSWORD : KEY_SQL_PASSWORD;
		take_secret(&b->values[KEY_PASSWORD_FILE], key, &b->values[key], r);
	}
}

static void free_values(struct config_value *values)
{
	for (size_t i = 0; i < KEY_COUNT; i++)
		config_value_free(&values[i]);
}

static void free_backend(struct config_backend *b)
{
	free_values(b->values);
	for (size_t i = 0; i < b->property_count; i++) {
		explicit_bzero(b->properties[i].value, strlen(b->properties[i].value));
		free(b->properties[i].value);
		free(b->properties[i].name);
	}
	free(b->properties);
}

static void free_frontend(struct config_frontend *f)
{
	free_values(f->values);
	for (size_t i = 0; i < f->route_count; i++)
		free(f->routes[i].name);
	free(f->routes);
}

void config_free(struct config *c)
{
	free_values(c->values);
	for (size_t i = 0; i < c->backend_count; i++)
		free_backend(&c->backends[i]);
	for (size_t i = 0; i < c->frontend_count; i++)
		free_frontend(&c->frontends[i]);
	free(c->backends);
	free(c->frontends);
	*c = (struct config){0};
}
