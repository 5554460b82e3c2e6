#include "nfctl/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/err.h"
#include "lib/log.h"
#include "nfctl/loss.h"

int check_share(const char *text, double *share)
{
	char *end;
	*share = strtod(text, &end);
	bool percent = *end == '%';
	if (percent)
		*share /= 100;
	if (end != text && !end[percent] && *share >= 0 && *share <= 1)
		return 0;
	log_error("option --max-loss: found \"%s\", expected a share as 0.1%% or 0.001", text);
	return ERR_SYNTAX;
}

enum check_result check_unknown(const char *why)
{
	printf("GOFLOW UNKNOWN - %s\n", why);
	return CHECK_UNKNOWN;
}

static uint64_t since(uint64_t before, uint64_t now)
{
	return now > before ? now - before : 0;
}

/* The larger of the shares of datagrams and of records. */
static double share_between(const json_t *before, const json_t *now)
{
	struct loss_share a = {0}, b;
	json_t *merged = loss_merge(now);
	b = loss_share(merged);
	json_decref(merged);
	if (before) {
		merged = loss_merge(before);
		a = loss_share(merged);
		json_decref(merged);
	}
	uint64_t lost[] = {
		since(a.datagrams_lost, b.datagrams_lost), since(a.records_lost, b.records_lost)};
	uint64_t in[] = {since(a.datagrams_in, b.datagrams_in), since(a.records_in, b.records_in)};
	double worst = 0;
	for (size_t i = 0; i < LEN(in); i++) {
		double share = in[i] ? (double)lost[i] / (double)in[i] : lost[i] ? 1 : 0;
		worst = share > worst ? share : worst;
	}
	return worst;
}

static uint64_t worst_lag(const json_t *docs)
{
	uint64_t worst = 0;
	for (size_t i = 0; i < json_array_size(docs); i++) {
		uint64_t lag = doc_number(json_array_get(docs, i), "lag_ms");
		/* an idle stage is not behind */
		const json_t *ledger = json_object_get(json_array_get(docs, i), "ledger");
		if (doc_number(ledger, "waiting") && lag > worst)
			worst = lag;
	}
	return worst;
}

/* How many stages do not answer, or wait to be started. */
static size_t stages_down(const json_t *docs)
{
	size_t down = json_array_size(docs);
	for (size_t i = 0; i < json_array_size(docs); i++) {
		const json_t *doc = json_array_get(docs, i),
			     *healthy = json_object_get(doc, "healthy");
		if (!json_object_get(doc, "failure"))
			down--;
		if (json_is_false(healthy))
			down++;
	}
	return down;
}

enum check_result check_judge(
	const json_t *before, const json_t *now, const struct check_bounds *bounds)
{
	static const char *const words[] = {"OK", "WARNING", "CRITICAL"};
	double loss = share_between(before, now);
	uint64_t lag = worst_lag(now);
	size_t down = stages_down(now);
	enum check_result r = CHECK_OK;
	if (loss > bounds->max_loss / 2 || lag > bounds->max_lag_ms / 2)
		r = CHECK_WARNING;
	if (loss > bounds->max_loss || lag > bounds->max_lag_ms || down)
		r = CHECK_CRITICAL;
	printf("GOFLOW %s - loss %.4g%%, lag %.1fs, %zu stages, %zu down | "
	       "loss=%.6g%%;%.6g;%.6g;0;100 lag=%.3fs;%.3f;%.3f;0 down=%zu;0;0;0\n",
		words[r], 100 * loss, (double)lag / 1000, json_array_size(now), down, 100 * loss,
		50 * bounds->max_loss, 100 * bounds->max_loss, (double)lag / 1000,
		(double)bounds->max_lag_ms / 2000, (double)bounds->max_lag_ms / 1000, down);
	return r;
}
