/* config_walk: what config_walk.c, which walks mappings and takes values, and config_objects.c, which takes
 * backends, frontends and the API's address, share. */
#ifndef GOFLOW_CONFIG_WALK_H
#define GOFLOW_CONFIG_WALK_H

#include "goflow/config_impl.h"

struct walk {
	struct config *c;
	struct config_report *r;
	yaml_document_t *doc;
	bool whole;      /* else the rest of the file is not there, and nothing in it is missed */
	unsigned visits; /* pairs until now */
	char path[512];  /* where the mapping stands that is walked */
};

/* A mapping whose keys are rows. */
struct object {
	enum config_scope scope;
	unsigned of;
	struct config_value *values;
	struct config_frontend *frontend; /* it is of this, or NULL */
	struct config_backend *backend;
	yaml_node_t *config; /* waits until the type is known */
};

struct pair {
	const char *name;
	struct config_spot spot; /* of the key */
	yaml_node_t *value;
};

/* Where a node begins. */
struct config_spot node_spot(const yaml_node_t *n);

/* The kind of a node in words, without what stands in it: that may be a password whose key is broken. */
const char *node_kind(const yaml_node_t *n);

/* Whether it is YAML's null, as the value of "key:". */
bool node_is_null(const yaml_node_t *n);

/* How many bytes of a key may be shown: what follows a blank or a mark of assignment could be a secret. */
int key_shown(const char *name);

/* Goes down into a key, and up again with what walk_enter returned. */
size_t walk_enter(struct walk *w, const char *name);
void walk_leave(struct walk *w, size_t len);

/* Gives each pair of a mapping, what it merges behind its own, to `take`; nothing is a mapping without pairs. */
void walk_mapping(struct walk *w, yaml_node_t *n, struct object *o,
	void (*take)(struct walk *w, struct object *o, const struct pair *p));

/* Walks a mapping whose values are the configuration's own. */
void walk_section(struct walk *w, enum config_scope scope, yaml_node_t *n);

/* Takes a pair whose key is a row of the object's. */
void take_key(struct walk *w, struct object *o, const struct pair *p);

/* The text of a scalar of one line; NULL after an error that says what was expected. */
const char *walk_text(struct walk *w, const char *key, const yaml_node_t *n, const char *expected);

/* These are in config_objects.c. */
void take_api(struct walk *w, yaml_node_t *n);
void take_backend(struct walk *w, struct object *unused, const struct pair *p);
void take_frontend(struct walk *w, struct object *unused, const struct pair *p);
void take_routes(struct walk *w, struct object *o, const struct config_row *row, const struct pair *p);
void take_property(struct walk *w, struct config_backend *b, const struct pair *p);

#endif
