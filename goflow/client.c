#include "goflow/client.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "goflow/api.h"
#include "lib/base.h"
#include "lib/doc.h"
#include "lib/err.h"
#include "lib/log.h"

#define ANSWER_MAX (256 * 1024 * 1024)
#define PATIENCE_S 10

struct answer {
	char *text;
	size_t len;
};

static size_t take(char *data, size_t size, size_t n, void *self)
{
	struct answer *a = self;
	size_t len = size * n;
	char *text = a->len + len < ANSWER_MAX ? realloc(a->text, a->len + len + 1) : NULL;
	if (!text)
		return 0;
	memcpy(text + a->len, data, len);
	a->text = text;
	a->len += len;
	return len;
}

static struct curl_slist *token_header(const struct config *c, bool *failed)
{
	char token[API_TOKEN_MAX + 1], line[API_TOKEN_MAX + 32];
	if (api_is_loopback(c))
		return NULL;
	*failed = api_token_load(c, false, token) != 0;
	if (*failed)
		return NULL;
	snprintf(line, sizeof line, "Authorization: Bearer %s", token);
	struct curl_slist *list = curl_slist_append(NULL, line);
	explicit_bzero(token, sizeof token);
	explicit_bzero(line, sizeof line);
	return list;
}

static void prepare(CURL *curl, const char *url, struct curl_slist *headers, struct answer *a)
{
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)PATIENCE_S);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, a);
}

/* Makes a document of what was answered, or says what is wrong with that. */
static int judge(const char *url, long status, const struct answer *a, json_t **out)
{
	json_t *doc = a->len ? json_loadb(a->text, a->len, 0, NULL) : NULL;
	if (!json_is_object(doc)) {
		log_error("what answers at %s is not goflow: status %ld, no JSON", url, status);
	} else if (status != 200) {
		log_error("goflow at %s refuses: %s (%ld)", url, doc_text(doc, "Msg"), status);
	} else {
		*out = doc;
		return EXIT_DONE;
	}
	json_decref(doc);
	return EXIT_SERVER;
}

static int ask(const char *base, const char *path, struct curl_slist *headers, json_t **out)
{
	char url[API_URL_MAX + 64];
	struct answer a = {0};
	long status = 0;
	int code = EXIT_SERVER;
	CURL *curl = curl_easy_init();
	if (!curl) {
		log_error("%s", err_sentence(ERR_MEMORY));
		return code;
	}
	snprintf(url, sizeof url, "%s%s", base, path);
	prepare(curl, url, headers, &a);
	CURLcode result = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (result == CURLE_COULDNT_CONNECT)
		log_error("goflow is not running, or its API is elsewhere: nobody listens at %s",
			base);
	else if (result == CURLE_OPERATION_TIMEDOUT)
		log_error("goflow does not answer at %s within %d s", base, PATIENCE_S);
	else if (result)
		log_error("goflow at %s: %s", base, curl_easy_strerror(result));
	else
		code = judge(base, status, &a, out);
	curl_easy_cleanup(curl);
	free(a.text);
	return code;
}

int client_get(const struct config *c, const char *path, json_t **out)
{
	char base[API_URL_MAX];
	bool failed = false;
	struct curl_slist *headers = token_header(c, &failed);
	int code = failed ? EXIT_SERVER : ask(api_url(c, base), path, headers, out);
	curl_slist_free_all(headers);
	return code;
}
