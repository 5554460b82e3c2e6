/* config: config.yml and the environment as one checked structure.
 *
 * The table of keys is config.def. A configuration is read whole: each error is noted with its place
 * and reading goes on, so that all of them can be said at once. */
#ifndef GOFLOW_CONFIG_H
#define GOFLOW_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base.h"

#define CONFIG_NAME_MAX     64           /* bytes in the name of a backend or frontend */
#define CONFIG_OBJECTS_MAX  64           /* backends, frontends, and properties of a backend */
#define CONFIG_ROUTES_MAX   32           /* backends of a frontend: what nftee can write to */
#define CONFIG_SIZE_MAX     (256 * 1024) /* bytes in the file */
#define CONFIG_FINDINGS_MAX 100          /* behind that many nothing more is noted */

enum config_key {
#define K(id, ...) KEY_##id,
#include "goflow/config.def"
#undef K
	KEY_COUNT
};

enum backend_type {
	BACKEND_MYSQL, BACKEND_TIMESCALE, BACKEND_POSTGRES, BACKEND_KAFKA, BACKEND_SQLITE, BACKEND_DUMP,
};

enum frontend_type { FRONTEND_NETFLOW, FRONTEND_IPFIX, FRONTEND_PCAP, FRONTEND_SFLOW };

enum config_from {
	FROM_NOWHERE,     /* neither given nor by default */
	FROM_DEFAULT,
	FROM_FILE,
	FROM_SECRET_FILE, /* password_file and its like */
	FROM_ENVIRONMENT,
};

/* A place in the file, from 1; line 0: none. */
struct config_spot {
	unsigned line, column;
};

struct config_value {
	char *text;      /* as it was given, NUL-terminated; a list with commas. NULL: FROM_NOWHERE. Owned */
	uint64_t number; /* numbers, bytes, ns; switches: 0 or 1; words: the position in their row's list */
	enum config_from from;
	struct config_spot spot; /* in the file, if it stands there; of FROM_SECRET_FILE that key's */
};

/* A setting of librdkafka: a key with a dot in it. */
struct config_property {
	char *name, *value; /* owned */
	bool secret;
	struct config_spot spot;
};

struct config_backend {
	char name[CONFIG_NAME_MAX + 1];
	enum backend_type type;
	struct config_spot spot;
	struct config_value values[KEY_COUNT]; /* of the scopes BACKEND and BACKEND_CONFIG */
	struct config_property *properties;
	size_t property_count;
};

struct config_route {
	char *name;       /* owned */
	unsigned backend; /* its position in the configuration's backends */
	struct config_spot spot;
};

struct config_frontend {
	char name[CONFIG_NAME_MAX + 1];
	enum frontend_type type;
	struct config_spot spot;
	struct config_value values[KEY_COUNT]; /* of the scopes FRONTEND and FRONTEND_CONFIG */
	struct config_route *routes;           /* where its records go; at least one */
	size_t route_count;
};

/* Zero-initialise it. It owns all that it points to; config_free frees that. */
struct config {
	struct config_value values[KEY_COUNT]; /* of all other scopes */
	struct config_backend *backends;
	size_t backend_count;
	struct config_frontend *frontends;
	size_t frontend_count;
};

/* What was found wrong, in the order of the file. Zero-initialise it. */
struct config_finding {
	char *text; /* owned; no secret stands in it */
	struct config_spot spot;
	bool is_warning;
};

struct config_report {
	struct config_finding *list;
	size_t count, errors, warnings;
};

/* Looks up a variable of the environment: getenv(3) or what stands in for it. */
struct config_environment {
	const char *(*variable)(const char *name);
};

/* The file to read: `given` (from -c) where it is not NULL, else GOFLOW_CONFIG, else ./config.yml where
 * that is there, else /etc/goflow/config.yml. Borrowed or static. */
const char *config_path(const char *given);

/* Reads a file, with the environment over it, and the files that it names. Returns 0; or
 * ERR_CONFIG, with at least one error in the report. Either way the caller frees both. */
int config_load(struct config *c, const char *path, struct config_report *r);

/* The same for len bytes in memory, and without looking at any file that they name. */
int config_parse(struct config *c, const char *text, size_t len, const struct config_environment *env,
	struct config_report *r);

void config_free(struct config *c);

/* Logs each finding as "PATH:LINE:COLUMN: what". */
void config_report_log(const struct config_report *r, const char *path);
void config_report_free(struct config_report *r);

/* config_load, and config_report_log. Returns as the former. */
int config_load_said(struct config *c, const char *path);

/* The whole configuration, each value with where it is from: {"value", "from", and of a file "line", of
 * the environment "variable"}. A secret's value is "********". Returns a new reference; NULL: no memory. */
json_t *config_json(const struct config *c);

/* Prints what there is to know of each key whose name is `name`, or of all for "config", to standard
 * output. Returns how many. */
size_t config_help(const char *name);

#endif
