/* What a resource is, by its content type and its first bytes. Pure. */
#ifndef TUTTI_FETCH_SNIFF_H
#define TUTTI_FETCH_SNIFF_H

#include "proto/fetch_msg.h"

#include <stddef.h>

enum { SNIFF_BYTES = 4096 }; /* more of the body changes nothing */

/* `type`: a content type, or "". Whatever says audio or video is media or a playlist, never a page,
 * whatever it looks like. */
enum fetch_kind sniff_kind(const char *type, const void *bytes, size_t len);

#endif
