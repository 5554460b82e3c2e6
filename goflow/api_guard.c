/* Who may ask what. A web page that someone has open must not be able to command goflow, by a
 * request across origins or by a name that it made point to this machine (DNS rebinding): the Host
 * and the Origin have to fit, what changes something takes JSON alone, which a page cannot send
 * elsewhere without being asked, and a token that no page has. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "goflow/api_impl.h"
#include "lib/base.h"

struct occurrences {
	const char *name, *value;
	unsigned count;
};

static enum MHD_Result count_header(
	void *self, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct occurrences *o = self;
	(void)kind;
	if (strcasecmp(name, o->name) == 0) {
		o->value = value ? value : "";
		o->count++;
	}
	return MHD_YES;
}

/* The one header of that name: NULL where there is none. *twice is set where there are several, of
 * which others on the way may have looked at another one. */
static const char *header(struct MHD_Connection *connection, const char *name, bool *twice)
{
	struct occurrences o = {.name = name};
	MHD_get_connection_values(connection, MHD_HEADER_KIND, count_header, &o);
	*twice |= o.count > 1;
	return o.value;
}

/* In a time that does not depend on where they differ. */
static bool same_secret(const char *given, const char *secret)
{
	size_t len = strlen(given), of = strlen(secret);
	volatile unsigned char difference = len != of;
	for (size_t i = 0; i < len; i++)
		difference |= (unsigned char)(given[i] ^ secret[i % of]);
	return difference == 0;
}

static bool has_token(const struct api *a, const char *authorization)
{
	if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
		return false;
	return same_secret(authorization + 7 + strspn(authorization + 7, " "), a->token);
}

/* Whether it is name, or name:PORT with the API's port. */
static bool is_host(const struct api *a, const char *host, const char *name)
{
	char with_port[96];
	snprintf(with_port, sizeof with_port, "%s:%s", name,
		a->config->values[KEY_API_BINDPORT].text);
	return strcasecmp(host, name) == 0 || strcasecmp(host, with_port) == 0;
}

static bool is_ours(const struct api *a, const char *host)
{
	static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
	const char *bound = a->config->values[KEY_API_BINDADDR].text;
	char text[80];
	for (size_t i = 0; i < LEN(names); i++)
		if (is_host(a, host, names[i]))
			return true;
	snprintf(text, sizeof text, strchr(bound, ':') ? "[%s]" : "%s", bound);
	return is_host(a, host, text);
}

/* Whether a page of that origin was served under that host. */
static bool is_same_origin(const char *origin, const char *host)
{
	return host && strncasecmp(origin, "http://", 7) == 0 && strcasecmp(origin + 7, host) == 0;
}

static bool is_json(const char *type)
{
	static const char json[] = "application/json";
	size_t len = sizeof json - 1;
	if (!type || strncasecmp(type, json, len) != 0)
		return false;
	type += len;
	type += strspn(type, " \t");
	return *type == '\0' || *type == ';';
}

static bool refuse(struct api_refusal *why, unsigned status, const char *word, const char *sentence)
{
	*why = (struct api_refusal){status, word, sentence};
	return false;
}

bool api_admits(const struct api *a, struct MHD_Connection *connection,
	const struct api_route *route, bool has_body, struct api_refusal *why)
{
	bool twice = false;
	const char *host = header(connection, "Host", &twice),
		   *origin = header(connection, "Origin", &twice),
		   *authorization = header(connection, "Authorization", &twice),
		   *type = header(connection, "Content-Type", &twice);
	bool guarded = route && route->guarded, open = route && route->open;
	if (twice)
		return refuse(why, MHD_HTTP_BAD_REQUEST, "header",
			"Host, Origin, Authorization or Content-Type is given more than once");
	/* elsewhere a name may be anybody's choice, and the token guards everything */
	if (a->loopback && (!host || !is_ours(a, host)))
		return refuse(why, MHD_HTTP_FORBIDDEN, "host",
			"the Host is not one of this API's: localhost or its address");
	if (origin && !is_same_origin(origin, host))
		return refuse(why, MHD_HTTP_FORBIDDEN, "origin", "the Origin is another site's");
	if ((guarded || (!a->loopback && !open)) && !has_token(a, authorization))
		return refuse(why, MHD_HTTP_UNAUTHORIZED, "token",
			authorization ? "the token is not the right one"
				      : "this needs the token: Authorization: Bearer TOKEN");
	if (has_body && !is_json(type))
		return refuse(why, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "content-type",
			"the body has to be JSON: Content-Type: application/json");
	return true;
}
