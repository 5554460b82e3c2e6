#include "lib/err.h"

#include "lib/base.h"

static const struct {
	const char *counter, *sentence;
} errors[ERR_COUNT] = {
	[ERR_NONE_INDEX] = {"ok", "success"},
#define E(name, counter, sentence) [ERR_##name##_INDEX] = {counter, sentence},
#include "lib/errors.def"
#undef E
};

static int index_of(int code)
{
	return code <= 0 && -code < ERR_COUNT ? -code : ERR_SYNTAX_INDEX;
}

const char *err_sentence(int code)
{
	return errors[index_of(code)].sentence;
}

const char *err_counter(int code)
{
	return errors[index_of(code)].counter;
}
