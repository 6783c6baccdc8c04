/* The HTTP request that makes a WebSocket of a connection, and its answer: RFC 6455 section 4. */
#ifndef TUTTI_VOICE_UPGRADE_H
#define TUTTI_VOICE_UPGRADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UPGRADE_ACCEPT_CHARS = 29 }; /* of a SHA-1 in base64, with its NUL */

/* Makes the request, to be given to free, and what the answer must contain. `host` is a name, or an
 * address without brackets. Returns 0 or negative errno. */
int upgrade_request(const char *host, uint16_t port, const char *path, char **ret_request,
                    char ret_accept[UPGRADE_ACCEPT_CHARS]);

/* `head` is the head of the answer, from the status line to the empty line. Returns false with a
 * sentence for people if it does not grant the request. */
bool upgrade_is_granted(const char *head, const char accept[UPGRADE_ACCEPT_CHARS], char *ret_why,
                        size_t why_size);

#endif
