/* proto_numbers: the field numbers of FlowRecord (goflow.proto). They are on the wire, so for ever. */
#ifndef GOFLOW_PROTO_NUMBERS_H
#define GOFLOW_PROTO_NUMBERS_H

#include "lib/fields.h"

#define PROTO_TAG(id) ((int)(id) + 1) /* of a field: the stream has at most 256 of them */
#define PROTO_EXTRA   1000            /* of the elements that no field claims */
#define PROTO_DIGITS  1024            /* plus a field's own: of the precision of a time */

_Static_assert(FIELD_COUNT <= 256, "the numbers of fields end below those of extras");

#endif
