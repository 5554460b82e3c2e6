/* rowfile: rows prepared for plainload, in the order in which they were stored:
 *   'F', stream id (16), sequence (8), number of rows (8): a frame, and then its rows, each
 *   'R', and for each column 'n', or 'i' and an integer (8), or 't', a length (4) and text.
 * Numbers are as they stand in memory. */
#ifndef BENCH_ROWFILE_H
#define BENCH_ROWFILE_H

#include <stdint.h>

#define ROW_FRAME   'F'
#define ROW_ROW     'R'
#define ROW_NULL    'n'
#define ROW_INTEGER 'i'
#define ROW_TEXT    't'

#endif
