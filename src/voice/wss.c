#include "voice/wss.h"

#include "base/cleanup.h"
#include "voice/upgrade.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

enum {
    HEAD_MAX = 8192,
    MESSAGE_MAX = 256 * 1024,
    WAITING_MAX = 256 * 1024, /* [bytes] that the server does not take */
    READ_BYTES = 16 * 1024,
    WHY_CHARS = 200,
};

enum wss_state {
    WSS_CONNECTING,
    WSS_SHAKING_HANDS,
    WSS_UPGRADING,
    WSS_OPEN,
    WSS_OVER, /* `closed` was called, or it was freed */
};

struct wss_tls {
    SSL_CTX *context;
};

struct wss {
    uv_tcp_t tcp;
    uv_connect_t connect;
    enum wss_state state;
    struct wss_ops ops;
    SSL *ssl;
    BIO *incoming, *outgoing; /* the ssl's */
    wslay_event_context_ptr frames;
    char *request;
    char accept[UPGRADE_ACCEPT_CHARS];
    char *head; /* of the answer; behind its end: the first bytes of frames */
    size_t head_len, head_at;
    unsigned close_code;
    bool has_failed;
    char why[WHY_CHARS];
};

struct write {
    uv_write_t request;
    char bytes[];
};

/* ---- TLS ---- */

struct wss_tls *wss_tls_new(void)
{
    struct wss_tls *tls = calloc(1, sizeof *tls);
    if (!tls)
        return NULL;
    tls->context = SSL_CTX_new(TLS_client_method());
    if (!tls->context || SSL_CTX_set_default_verify_paths(tls->context) != 1 ||
        SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) != 1) {
        wss_tls_free(tls);
        return NULL;
    }
    SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_mode(tls->context, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(tls->context, SSL_SESS_CACHE_OFF);
    return tls;
}

void wss_tls_free(struct wss_tls *tls)
{
    if (!tls)
        return;
    SSL_CTX_free(tls->context);
    free(tls);
}

static int begin_tls(struct wss *w, struct wss_tls *tls, const char *host)
{
    w->ssl = SSL_new(tls->context);
    w->incoming = BIO_new(BIO_s_mem());
    w->outgoing = BIO_new(BIO_s_mem());
    if (!w->ssl || !w->incoming || !w->outgoing) {
        BIO_free(w->incoming);
        BIO_free(w->outgoing);
        return -ENOMEM;
    }
    (void)BIO_set_mem_eof_return(w->incoming, -1);
    SSL_set_bio(w->ssl, w->incoming, w->outgoing);
    SSL_set_connect_state(w->ssl);
    bool is_address = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(w->ssl), host) == 1;
    if (!is_address &&
        (SSL_set1_host(w->ssl, host) != 1 || SSL_set_tlsext_host_name(w->ssl, host) != 1))
        return -ENOMEM;
    return 0;
}

/* ---- ends ---- */

static void fail(struct wss *w, const char *why)
{
    if (w->has_failed)
        return;
    w->has_failed = true;
    (void)snprintf(w->why, sizeof w->why, "%s", why);
}

static void say_tls_failure(struct wss *w)
{
    char text[WHY_CHARS];
    long verified = SSL_get_verify_result(w->ssl);
    unsigned long e = ERR_peek_error();
    if (verified != X509_V_OK)
        (void)snprintf(text, sizeof text, "the certificate is not accepted: %s",
                       X509_verify_cert_error_string(verified));
    else
        (void)snprintf(text, sizeof text, "TLS fails: %s",
                       e ? ERR_reason_error_string(e) : "the connection was closed");
    fail(w, text);
}

static void finish(struct wss *w)
{
    if (w->state == WSS_OVER)
        return;
    w->state = WSS_OVER;
    (void)uv_read_stop((uv_stream_t *)&w->tcp);
    w->ops.closed(w->close_code, w->why, w->ops.arg);
}

static void on_closed(uv_handle_t *handle)
{
    struct wss *w = handle->data;
    if (w->frames)
        wslay_event_context_free(w->frames);
    SSL_free(w->ssl);
    free(w->request);
    free(w->head);
    free(w);
}

void wss_free(struct wss *w)
{
    if (!w)
        return;
    w->state = WSS_OVER;
    uv_close((uv_handle_t *)&w->tcp, on_closed);
}

/* ---- bytes out ---- */

static void on_written(uv_write_t *request, int status)
{
    free(request);
}

static void flush(struct wss *w)
{
    char *bytes;
    long len = BIO_get_mem_data(w->outgoing, &bytes);
    if (len <= 0)
        return;
    struct write *write = malloc(sizeof *write + (size_t)len);
    if (!write || uv_stream_get_write_queue_size((uv_stream_t *)&w->tcp) > WAITING_MAX) {
        fail(w, write ? "the voice server does not read" : "out of memory");
        free(write);
        return;
    }
    memcpy(write->bytes, bytes, (size_t)len);
    (void)BIO_reset(w->outgoing);
    uv_buf_t buf = uv_buf_init(write->bytes, (unsigned)len);
    int r = uv_write(&write->request, (uv_stream_t *)&w->tcp, &buf, 1, on_written);
    if (r < 0) {
        fail(w, uv_strerror(r));
        free(write);
    }
}

/* ---- frames ---- */

static ssize_t read_bytes(struct wss *w, uint8_t *bytes, size_t size)
{
    if (w->head_at < w->head_len) {
        size_t n = w->head_len - w->head_at < size ? w->head_len - w->head_at : size;
        memcpy(bytes, w->head + w->head_at, n);
        w->head_at += n;
        if (w->head_at == w->head_len)
            free(TAKE_PTR(w->head));
        return (ssize_t)n;
    }
    ERR_clear_error();
    int n = SSL_read(w->ssl, bytes, (int)size);
    if (n > 0)
        return n;
    int e = SSL_get_error(w->ssl, n);
    if (e == SSL_ERROR_WANT_READ)
        return 0;
    if (e == SSL_ERROR_ZERO_RETURN)
        fail(w, "the voice server closed the connection");
    else
        say_tls_failure(w);
    return -1;
}

static ssize_t on_recv(wslay_event_context_ptr frames, uint8_t *bytes, size_t size, int flags,
                       void *arg)
{
    struct wss *w = arg;
    ssize_t n = w->state == WSS_OPEN ? read_bytes(w, bytes, size) : 0;
    if (n > 0)
        return n;
    wslay_event_set_error(frames, n == 0 ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static ssize_t on_send(wslay_event_context_ptr frames, const uint8_t *bytes, size_t len, int flags,
                       void *arg)
{
    struct wss *w = arg;
    int n = SSL_write(w->ssl, bytes, (int)len);
    if (n > 0)
        return n;
    wslay_event_set_error(frames, WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static int on_mask(wslay_event_context_ptr frames, uint8_t *bytes, size_t len, void *arg)
{
    return RAND_bytes(bytes, (int)len) == 1 ? 0 : -1;
}

static void on_message(wslay_event_context_ptr frames,
                       const struct wslay_event_on_msg_recv_arg *message, void *arg)
{
    struct wss *w = arg;
    if (w->state != WSS_OPEN)
        return;
    switch (message->opcode) {
    case WSLAY_TEXT_FRAME:
        w->ops.text((const char *)message->msg, message->msg_length, w->ops.arg);
        break;
    case WSLAY_BINARY_FRAME:
        w->ops.binary(message->msg, message->msg_length, w->ops.arg);
        break;
    case WSLAY_CONNECTION_CLOSE:
        w->close_code = message->status_code;
        fail(w, "the voice server closed the connection");
        break;
    default:
        break;
    }
}

static int begin_frames(struct wss *w)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_recv,
        .send_callback = on_send,
        .genmask_callback = on_mask,
        .on_msg_recv_callback = on_message,
    };
    if (wslay_event_context_client_init(&w->frames, &callbacks, w) != 0)
        return -ENOMEM;
    wslay_event_config_set_max_recv_msg_length(w->frames, MESSAGE_MAX);
    return 0;
}

static void send_frames(struct wss *w)
{
    if (wslay_event_send(w->frames) != 0)
        fail(w, "a message cannot be sent");
    flush(w);
}

/* ---- the upgrade ---- */

/* `head` ends with its empty line, and with a NUL. */
static void take_head(struct wss *w, const char *head)
{
    char why[WHY_CHARS];
    if (!upgrade_is_granted(head, w->accept, why, sizeof why)) {
        fail(w, why);
    } else if (begin_frames(w) < 0) {
        fail(w, "out of memory");
    } else {
        w->state = WSS_OPEN;
        w->ops.open(w->ops.arg);
    }
}

static void read_head(struct wss *w)
{
    if (!w->head)
        w->head = malloc(HEAD_MAX + 1);
    if (!w->head) {
        fail(w, "out of memory");
        return;
    }
    while (w->state == WSS_UPGRADING && !w->has_failed) {
        int n = SSL_read(w->ssl, w->head + w->head_len, (int)(HEAD_MAX - w->head_len));
        if (n <= 0) {
            if (SSL_get_error(w->ssl, n) != SSL_ERROR_WANT_READ)
                say_tls_failure(w);
            return;
        }
        w->head_len += (size_t)n;
        w->head[w->head_len] = '\0';
        char *end = strstr(w->head, "\r\n\r\n");
        if (end) {
            char first = end[4];
            end[4] = '\0';
            w->head_at = (size_t)(end + 4 - w->head);
            take_head(w, w->head);
            w->head[w->head_at] = first;
            if (w->head_at == w->head_len)
                free(TAKE_PTR(w->head));
        } else if (w->head_len == HEAD_MAX || memchr(w->head, '\0', w->head_len)) {
            fail(w, "the voice server's answer makes no sense");
        }
    }
}

/* ---- the connection ---- */

static void shake_hands(struct wss *w)
{
    ERR_clear_error();
    int r = SSL_do_handshake(w->ssl);
    if (r == 1) {
        w->state = WSS_UPGRADING;
        if (SSL_write(w->ssl, w->request, (int)strlen(w->request)) <= 0)
            say_tls_failure(w);
    } else if (SSL_get_error(w->ssl, r) != SSL_ERROR_WANT_READ) {
        say_tls_failure(w);
    }
    flush(w);
}

/* Does what the bytes at hand allow. */
static void drive(struct wss *w)
{
    if (w->state == WSS_SHAKING_HANDS && !w->has_failed)
        shake_hands(w);
    if (w->state == WSS_UPGRADING && !w->has_failed)
        read_head(w);
    if (w->state == WSS_OPEN && !w->has_failed) {
        if (wslay_event_recv(w->frames) != 0)
            fail(w, "the voice server breaks the rules of WebSocket");
        if (w->state == WSS_OPEN)
            send_frames(w);
        /* wslay has queued a close frame of its own, for a message beyond any sense. */
        if (w->state == WSS_OPEN && !wslay_event_get_read_enabled(w->frames))
            fail(w, "the voice server sends what cannot be read");
    }
    if (w->has_failed)
        finish(w);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    static char bytes[READ_BYTES]; /* used up by on_read, which comes next */
    *buf = uv_buf_init(bytes, sizeof bytes);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct wss *w = stream->data;
    if (w->state == WSS_OVER || n == 0)
        return;
    if (n < 0)
        fail(w, n == UV_EOF ? "the voice server closed the connection" : uv_strerror((int)n));
    else if (BIO_write(w->incoming, buf->base, (int)n) != n)
        fail(w, "out of memory");
    drive(w);
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct wss *w = connect->data;
    if (w->state == WSS_OVER)
        return;
    if (status == 0)
        status = uv_read_start((uv_stream_t *)&w->tcp, on_alloc, on_read);
    if (status < 0) {
        fail(w, uv_strerror(status));
        finish(w);
        return;
    }
    (void)uv_tcp_nodelay(&w->tcp, 1);
    w->state = WSS_SHAKING_HANDS;
    drive(w);
}

int wss_new(uv_loop_t *loop, struct wss_tls *tls, const struct wss_target *target,
            const struct wss_ops *ops, struct wss **ret_wss)
{
    struct wss *w = calloc(1, sizeof *w);
    if (!w)
        return -ENOMEM;
    w->ops = *ops;
    (void)uv_tcp_init(loop, &w->tcp);
    w->tcp.data = w->connect.data = w;
    int r = begin_tls(w, tls, target->host);
    if (r == 0)
        r = upgrade_request(target->host, target->port, target->path, &w->request, w->accept);
    if (r == 0)
        r = uv_tcp_connect(&w->connect, &w->tcp, target->address, on_connected);
    if (r < 0) {
        wss_free(w);
        return r;
    }
    *ret_wss = w;
    return 0;
}

void wss_send(struct wss *w, const char *text)
{
    assert(*text != '\0');
    if (w->state != WSS_OPEN || w->has_failed)
        return;
    struct wslay_event_msg message = { .opcode = WSLAY_TEXT_FRAME,
                                       .msg = (const uint8_t *)text,
                                       .msg_length = strlen(text) };
    if (wslay_event_queue_msg(w->frames, &message) == 0)
        send_frames(w);
}

void wss_close(struct wss *w, uint16_t code)
{
    if (w->state == WSS_OPEN && !w->has_failed &&
        wslay_event_queue_close(w->frames, code, NULL, 0) == 0)
        send_frames(w);
    wss_free(w);
}
