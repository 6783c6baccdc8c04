/*
 * A WebSocket client over TLS: OpenSSL, wslay and libuv. Connects to one address, verifies that the
 * certificate is the host's, asks for the upgrade (RFC 6455 section 4.1) and carries messages. What
 * the server sends is bounded: head 8 KiB, a message 256 KiB.
 */
#ifndef TUTTI_VOICE_WSS_H
#define TUTTI_VOICE_WSS_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct wss;
struct wss_tls;

/* Called from the loop, never from within a call of this module. Any may call wss_free. */
struct wss_ops {
    void (*open)(void *arg);
    void (*text)(const char *text, size_t len, void *arg);
    void (*binary)(const uint8_t *bytes, size_t len, void *arg);
    /* It is over; only wss_free remains. `code`: of the server's close frame; 0: there was none. */
    void (*closed)(unsigned code, const char *why, void *arg);
    void *arg;
};

/* Which certificates are trusted: the system's, and those that SSL_CERT_FILE and SSL_CERT_DIR name.
 * Returns NULL without memory. */
struct wss_tls *wss_tls_new(void);
void wss_tls_free(struct wss_tls *tls);

struct wss_target {
    const char *host; /* a name, or an address without brackets */
    uint16_t port;
    const char *path; /* "/?v=8" */
    const struct sockaddr *address;
};

/* Begins to connect. Returns 0 or negative errno. */
int wss_new(uv_loop_t *loop, struct wss_tls *tls, const struct wss_target *target,
            const struct wss_ops *ops, struct wss **ret_wss);

/* Sends a text message, once it is open; before, nothing happens. */
void wss_send(struct wss *w, const char *text);

/* Says goodbye with a close code, if it is open, and frees it. */
void wss_close(struct wss *w, uint16_t code);

/* Cuts the connection. NULL is fine. */
void wss_free(struct wss *w);

#endif
