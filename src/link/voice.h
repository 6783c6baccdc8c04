/*
 * The daemon's side of tutti-voice: the process that holds the connections to Discord's voice
 * servers, and the calls in it.
 *
 * The program is started with the first call. When it dies it is started again, at once or after a
 * pause, and gets for each call what it needs to go on: credentials, the transport key, the SSRC,
 * the last sequence of the gateway's and the UDP sockets, which are kept here in memory only and
 * never shown. Each packet on the wire has a tick, given here; nothing that a tutti-voice does can
 * make one of them repeat. One loop's thread.
 */
#ifndef TUTTI_LINK_VOICE_H
#define TUTTI_LINK_VOICE_H

#include "proto/vmsg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct voice;
struct voice_call;

enum { VOICE_CALLS_MAX = 8192 };

struct voice_config {
    const char *path; /* of the program; copied, like the rest */
    const char *log_level;
    const char *log_format;
    bool allow_private_hosts;
    const char *const *allow_hosts;
    size_t n_allow_hosts;
    const char *const *voice_hosts; /* voice servers besides those below Discord's domains */
    size_t n_voice_hosts;
};

/* What Discord's main gateway told the bot. The texts are copied. */
struct voice_credentials {
    uint64_t guild, user, channel; /* snowflakes */
    const char *session_id, *token;
    const char *endpoint; /* host, or host:port */
};

/* Called from the loop, never from within a call of this module, and not after voice_hang_up, which
 * it may call. The text lives for the call. */
typedef void (*voice_changed_fn)(enum vmsg_state state, unsigned close_code, const char *why,
                                 void *arg);

/* Starts nothing yet. Returns 0 or negative errno. */
int voice_new(uv_loop_t *loop, const struct voice_config *config, struct voice **ret_voice);

/* Every call must have been hung up. NULL is fine. */
void voice_free(struct voice *v);

/* Whether these credentials can be tried at all. Returns as voice_call, without starting anything.
 */
int voice_check(const struct voice *v, const struct voice_credentials *credentials);

/* Begins a call. What becomes of it is told; VMSG_CONNECTING is where it begins. Returns 0; -EINVAL
 * if the endpoint is no place for a voice server or a text is too long; -ENOBUFS with too many
 * calls; or another negative errno: the program cannot be started. */
int voice_call(struct voice *v, const struct voice_credentials *credentials,
               voice_changed_fn changed, void *arg, struct voice_call **ret_call);

/* Another server, token or session; the same ones change nothing, unless the call is closed.
 * Returns as voice_call. */
int voice_move(struct voice_call *call, const struct voice_credentials *credentials);

/* Leaves the call and frees it. NULL is fine. */
void voice_hang_up(struct voice_call *call);

enum vmsg_state voice_state(const struct voice_call *call);
int voice_ping_ms(const struct voice_call *call); /* −1: not known yet */

/* rt: hands over a frame of 20 ms that is due now: it leaves at the next voice_flush. What is late
 * by more than two frames is skipped, never sent in a burst; time that was lost is time on the
 * wire. */
void voice_put(struct voice_call *call, const uint8_t *packet, uint32_t len);

/* rt: nothing follows for now. Leaves at once, with what was handed over before. */
void voice_rest(struct voice_call *call);

/* rt: all that was handed over leaves, in one message as a rule. */
void voice_flush(struct voice *v);

struct voice_counts {
    unsigned calls, ready;
    uint64_t frames;         /* handed over to tutti-voice */
    uint64_t skipped;        /* late frames that were not */
    uint64_t dropped;        /* frames that tutti-voice did not take, or while none ran */
    struct vmsg_counts wire; /* what became of them there, up to a second ago */
    uint64_t restarts;
};

struct voice_counts voice_counts(const struct voice *v);

pid_t voice_pid(const struct voice *v); /* −1: none runs */

#endif
