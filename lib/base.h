/* base: the handful of macros that every file may use. */
#ifndef GOFLOW_BASE_H
#define GOFLOW_BASE_H

#include <stddef.h>
#include <stdint.h>

#define GOFLOW_VERSION "0.1.0"

/* Number of elements of an array (not of a pointer). */
#define LEN(a) (sizeof(a) / sizeof((a)[0]))

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* Exit codes, a protocol that a supervisor acts on (goflow(7), EXIT STATUS). */
enum exit_code {
	EXIT_DONE = 0,        /* all done */
	EXIT_LOSSES = 1,      /* done, but something was lost: the last line says how much */
	EXIT_USE = 64,        /* wrong use: an option or its argument */
	EXIT_SERVER = 69,     /* the server or file could not be reached within --retry */
	EXIT_IO = 74,         /* reading the input or writing the output failed */
	EXIT_CONFIG = 78,     /* a configuration, or a schema, that does not fit */
};

#endif
