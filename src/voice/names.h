/*
 * Resolves the names of voice servers with c-ares: any number at a time, in the loop's thread. A
 * name server that answers late or never holds up nothing but the names that it was asked for.
 */
#ifndef TUTTI_VOICE_NAMES_H
#define TUTTI_VOICE_NAMES_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct names;
struct names_query;

enum { NAMES_ADDRESSES_MAX = 8 };

/* Called once, possibly from within names_start: `n` addresses with the port that was given, in the
 * order of preference; 0 with a reason if the name cannot be resolved. */
typedef void (*names_fn)(const struct sockaddr_storage *addresses, size_t n, const char *why,
                         void *arg);

/* Returns 0 or negative errno. */
int names_new(uv_loop_t *loop, struct names **ret_names);

/* Every query must have ended or been cancelled. NULL is fine. */
void names_free(struct names *n);

/* `host` may be an address. *ret_query is set before `fn` is called, and ends with that call.
 * Returns 0 or -ENOMEM. */
int names_start(struct names *n, const char *host, uint16_t port, names_fn fn, void *arg,
                struct names_query **ret_query);

/* `fn` is not called any more. */
void names_cancel(struct names_query *q);

#endif
