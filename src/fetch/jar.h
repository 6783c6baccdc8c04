/*
 * The cookies of one source: what its servers set, on a redirect or on any other answer, is sent
 * where a browser would send it (RFC 6265), by all requests of that source and by no other.
 */
#ifndef TUTTI_FETCH_JAR_H
#define TUTTI_FETCH_JAR_H

#include <stddef.h>

struct jar;

/* Returns 0 or -ENOMEM. */
int jar_new(struct jar **ret_jar);

/* No request may use it any more. NULL is fine. */
void jar_free(struct jar *j);

/* Before a request of `easy` (a CURL handle): it takes part from here on, until it is cleaned up.
 */
void jar_join(struct jar *j, void *easy);

/* A line of an answer's head: cookies are counted, so that a jar that is full is emptied before the
 * next request. */
void jar_note_line(struct jar *j, const char *line, size_t len);

#endif
