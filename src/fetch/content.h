/* What becomes of an answer's body on its way into the window: an encoding is undone, titles are
 * taken out, and what is there already is compared. */
#ifndef TUTTI_FETCH_CONTENT_H
#define TUTTI_FETCH_CONTENT_H

#include "fetch/transfer.h"

/* The body of this answer comes next. Returns 0 or -ENOMEM. */
int content_begin(struct transfer *t, const struct response *r);

/* Takes bytes of it. Returns 1; 0 if the window is full, in which case the same bytes (or more) are
 * due again when there is room; -ESTALE if they are not those that we have; -EBADMSG if they are
 * not what the head said; or -ENOMEM. */
int content_take(struct transfer *t, const uint8_t *bytes, size_t len);

void content_done(struct transfer *t);

#endif
