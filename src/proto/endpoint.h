/* Where a voice server may be. Pure. */
#ifndef TUTTI_PROTO_ENDPOINT_H
#define TUTTI_PROTO_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ENDPOINT_HOST_MAX = 253 }; /* [bytes] */

/* Reads the `endpoint` of Discord's voice server update: "host", then at port 443, or "host:port".
 * Returns false if it is no such text, or the host is neither below one of Discord's domains for
 * voice (discord.media, discord.gg) nor one of `hosts`. */
bool endpoint_read(const char *endpoint, const char *const *hosts, size_t n_hosts,
                   char ret_host[ENDPOINT_HOST_MAX + 1], uint16_t *ret_port);

#endif
