/* What a transfer reads ahead of its reader: how much, and the memory that all of them may hold
 * together. Moves the transfer's window, and counts its blocks. */
#ifndef TUTTI_FETCH_READAHEAD_H
#define TUTTI_FETCH_READAHEAD_H

#include "fetch/transfer.h"

#include <stddef.h>
#include <stdint.h>

/* [bytes] between the reader and the window's end. */
int64_t readahead_bytes(const struct transfer *t);

/* [bytes] that it may be ahead now. */
int64_t readahead_limit(const struct transfer *t);

/* Adds bytes at the window's end, and gives back what the reader has left behind. Returns 0 or
 * -ENOMEM. */
int readahead_append(struct transfer *t, const uint8_t *bytes, size_t len);

/* The reader has gone on: gives back what it has left behind. */
void readahead_trim(struct transfer *t);

/* Empties the window, which stands at `at` from now on. */
void readahead_restart(struct transfer *t, int64_t at);

#endif
