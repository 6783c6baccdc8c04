/* What a resource is, by its first bytes, and by its labels where those do not tell. Pure. */
#ifndef TUTTI_FETCH_SNIFF_H
#define TUTTI_FETCH_SNIFF_H

#include "proto/fetch_msg.h"

#include <stdbool.h>
#include <stddef.h>

enum { SNIFF_BYTES = 4096 }; /* more of the body changes nothing */

/* `type`: a content type, or "". What is no text is media, whatever it is called; a text is what
 * base/listing.h makes of it. */
enum fetch_kind sniff_kind(const char *type, const char *url, const void *bytes, size_t len);

/* True if the bytes are plainly those of media or of a list: not packed in any way. */
bool sniff_is_plain(const void *bytes, size_t len);

#endif
