#include "voice/connection.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "proto/endpoint.h"
#include "voice/closing.h"
#include "voice/gateway.h"
#include "voice/rtp.h"
#include "voice/seal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPENING_MS = 10000, /* from the name to READY, or to the answer to a resumption */
    DISCOVERY_MS = 200, /* between two requests */
    KEEPALIVE_MS = 5000,
    DEAF_MS = 8000, /* without a gateway: then the session may be dead, and nothing leaves */
    CLOSE_GOING = 1000,
    CLOSE_RESUMES = 4900, /* of Discord's own range, unused: 1000 and 1001 would end the session */
    N_HANDLES = 4,
};

enum connection_state {
    CONNECTION_NAMING,
    CONNECTION_OPENING,
    CONNECTION_READY,
    CONNECTION_PAUSING,
    CONNECTION_OVER,
    CONNECTION_STATES
};

struct connection {
    const struct connection_shared *shared;
    uint32_t id;
    enum connection_state state;
    struct vmsg_connect wanted;
    char host[ENDPOINT_HOST_MAX + 1];
    uint16_t port;
    struct names_query *query;
    struct wss *wss;
    struct gateway gateway;
    bool has_session; /* the gateway described it: it can be resumed */
    bool has_wire;
    bool is_discovering;
    unsigned n_tries; /* in a row */
    struct flow *flow;
    struct vmsg_secrets secrets; /* where has_session */
    struct vmsg_beat beat;       /* as said last */
    uint32_t n_keepalives;
    unsigned interval_ms;
    uint64_t opened_ms, deaf_since_ms;
    uv_timer_t deadline;  /* of the opening, or of the pause before the next */
    uv_timer_t heartbeat; /* and discovery's requests before there is a heartbeat to send */
    uv_timer_t discovery;
    uv_timer_t keepalive;
    unsigned n_closed;
};

static void begin(struct connection *c);
static void lose(struct connection *c, unsigned code, const char *why);

/* ---- what the daemon hears ---- */

static void say_state(const struct connection *c, enum vmsg_state state, unsigned code,
                      const char *why)
{
    struct vmsg m = { .type = VMSG_STATE,
                      .id = c->id,
                      .changed = { .state = state, .close_code = code } };
    (void)text_sanitise(m.changed.why, sizeof m.changed.why, why);
    c->shared->say(&m, c->shared->arg);
}

static void say_secrets(struct connection *c)
{
    struct vmsg m = { .type = VMSG_SECRETS, .id = c->id, .secrets = c->secrets };
    c->shared->say(&m, c->shared->arg);
    OPENSSL_cleanse(&m, sizeof m);
}

static void say_beat(struct connection *c, int32_t ping_ms)
{
    if (c->beat.seq_ack == c->gateway.seq_ack && c->beat.ping_ms == ping_ms)
        return;
    c->beat = (struct vmsg_beat){ .seq_ack = c->gateway.seq_ack, .ping_ms = ping_ms };
    struct vmsg m = { .type = VMSG_BEAT, .id = c->id, .beat = c->beat };
    c->shared->say(&m, c->shared->arg);
}

/* ---- states ---- */

static void move(struct connection *c, enum connection_state to)
{
    static const bool allowed[CONNECTION_STATES][CONNECTION_STATES] = {
        [CONNECTION_NAMING] = { [CONNECTION_OPENING] = true,
                                [CONNECTION_PAUSING] = true,
                                [CONNECTION_OVER] = true },
        [CONNECTION_OPENING] = { [CONNECTION_READY] = true,
                                 [CONNECTION_PAUSING] = true,
                                 [CONNECTION_OVER] = true },
        [CONNECTION_READY] = { [CONNECTION_PAUSING] = true, [CONNECTION_OVER] = true },
        [CONNECTION_PAUSING] = { [CONNECTION_NAMING] = true, [CONNECTION_OVER] = true },
        [CONNECTION_OVER] = { [CONNECTION_NAMING] = true },
    };
    assert(allowed[c->state][to]);
    c->state = to;
}

static void drop_wire(struct connection *c)
{
    if (c->has_wire)
        sender_drop(c->shared->sender, c->id);
    c->has_wire = false;
}

/* Whatever is open of the way to the gateway. */
static void drop_gateway(struct connection *c, uint16_t code)
{
    if (c->query)
        names_cancel(c->query);
    if (c->wss)
        wss_close(TAKE_PTR(c->wss), code);
    c->is_discovering = false;
    (void)uv_timer_stop(&c->heartbeat);
    (void)uv_timer_stop(&c->discovery);
    (void)uv_timer_stop(&c->deadline);
}

/* The session is over: nothing leaves for it any more. */
static void drop_session(struct connection *c)
{
    drop_wire(c);
    if (c->flow)
        flow_close(TAKE_PTR(c->flow));
    (void)uv_timer_stop(&c->keepalive);
    c->has_session = false;
    c->n_tries = 0;
    OPENSSL_cleanse(&c->secrets, sizeof c->secrets);
}

static void end(struct connection *c, unsigned code, const char *why)
{
    drop_gateway(c, CLOSE_GOING);
    drop_session(c);
    move(c, CONNECTION_OVER);
    log_info("voice", "connection %u is over: %s", c->id, why);
    say_state(c, VMSG_CLOSED, code, why);
}

/* ---- the wire ---- */

static int put_wire(struct connection *c, bool is_speaking)
{
    assert(c->flow);
    struct wire_config config = {
        .fd = flow_fd(c->flow),
        .to = *flow_to(c->flow),
        .mode = c->secrets.mode,
        .ssrc = c->secrets.ssrc,
        .is_speaking = is_speaking,
    };
    memcpy(config.key, c->secrets.key, sizeof config.key);
    int r = sender_put(c->shared->sender, c->id, &config);
    OPENSSL_cleanse(&config, sizeof config);
    c->has_wire = r == 0;
    return r;
}

static void on_keepalive(uv_timer_t *timer)
{
    struct connection *c = timer->data;
    uint8_t p[RTP_KEEPALIVE_BYTES];
    rtp_write_keepalive(p, c->n_keepalives++);
    flow_send(c->flow, p, sizeof p);
}

static void start_keepalive(struct connection *c)
{
    assert(c->flow);
    (void)uv_timer_start(&c->keepalive, on_keepalive, 0, KEEPALIVE_MS);
}

void connection_take_news(struct connection *c, enum sender_news news)
{
    if (c->state != CONNECTION_READY)
        return; /* while the gateway is away no talk begins: said again when it is back */
    gateway_speak(&c->gateway, c->secrets.ssrc, news == SENDER_ASKS);
    if (news == SENDER_ASKS)
        sender_allow(c->shared->sender, c->id);
}

/* ---- what the gateway says ---- */

static void on_send(const char *text, void *arg)
{
    struct connection *c = arg;
    if (c->wss)
        wss_send(c->wss, text);
}

static void on_heartbeat(uv_timer_t *timer)
{
    struct connection *c = timer->data;
    if (!gateway_beat(&c->gateway, uv_now(c->shared->loop)))
        lose(c, 0, "the voice server answers no heartbeats");
}

static void on_hello(unsigned interval_ms, void *arg)
{
    struct connection *c = arg;
    c->interval_ms = interval_ms;
    (void)uv_timer_start(&c->heartbeat, on_heartbeat, interval_ms, interval_ms);
}

static void on_beat(void *arg)
{
    struct connection *c = arg;
    say_beat(c, (int32_t)(uv_now(c->shared->loop) - c->gateway.beat_ms));
}

static void on_discovery_timer(uv_timer_t *timer)
{
    struct connection *c = timer->data;
    uint8_t p[RTP_DISCOVERY_BYTES];
    rtp_write_discovery(p, c->secrets.ssrc);
    flow_send(c->flow, p, sizeof p);
}

static void on_datagram(const uint8_t *bytes, size_t len, void *arg)
{
    struct connection *c = arg;
    char address[RTP_ADDRESS_BYTES];
    uint16_t port;
    if (!c->is_discovering || !rtp_read_discovery(bytes, len, c->secrets.ssrc, address, &port))
        return;
    c->is_discovering = false;
    (void)uv_timer_stop(&c->discovery);
    gateway_select(&c->gateway, address, port);
}

/* Where op 2 sends our packets is as much a place to connect to as the gateway is. */
static bool read_address(const struct connection *c, const char *text, uint16_t port,
                         union udp_address *ret)
{
    struct sockaddr_storage address;
    if (!address_read_literal(text, &address) ||
        !address_policy_permits(&c->shared->policy, c->host, (struct sockaddr *)&address))
        return false;
    memset(ret, 0, sizeof *ret);
    if (address.ss_family == AF_INET6) {
        memcpy(&ret->in6, &address, sizeof ret->in6);
        ret->in6.sin6_port = htons(port);
    } else {
        memcpy(&ret->in, &address, sizeof ret->in);
        ret->in.sin_port = htons(port);
    }
    return true;
}

static void note_address(struct vmsg_secrets *s, const union udp_address *to)
{
    s->is_ipv6 = to->any.sa_family == AF_INET6;
    if (s->is_ipv6)
        memcpy(s->address, &to->in6.sin6_addr, sizeof to->in6.sin6_addr);
    else
        memcpy(s->address, &to->in.sin_addr, sizeof to->in.sin_addr);
    s->port = ntohs(s->is_ipv6 ? to->in6.sin6_port : to->in.sin_port);
}

static void on_server(const struct gateway_server *server, void *arg)
{
    struct connection *c = arg;
    union udp_address to;
    if (!read_address(c, server->address, server->port, &to)) {
        end(c, 0, "the voice server names an address that may not be connected to");
        return;
    }
    if (c->flow)
        flow_close(TAKE_PTR(c->flow));
    int r = flows_open(c->shared->flows, &to, on_datagram, c, &c->flow);
    if (r < 0) {
        end(c, 0, strerror(-r));
        return;
    }
    memset(&c->secrets, 0, sizeof c->secrets);
    note_address(&c->secrets, &to);
    c->secrets.mode = (uint8_t)server->mode;
    c->secrets.ssrc = server->ssrc;
    c->secrets.socket = flow_number(c->flow);
    c->is_discovering = true;
    (void)uv_timer_start(&c->discovery, on_discovery_timer, 0, DISCOVERY_MS);
}

static void become_ready(struct connection *c)
{
    assert(c->has_session && c->has_wire && c->wss);
    (void)uv_timer_stop(&c->deadline);
    c->opened_ms = uv_now(c->shared->loop);
    c->deaf_since_ms = 0;
    if (c->state != CONNECTION_READY)
        move(c, CONNECTION_READY);
    say_secrets(c);
    say_state(c, VMSG_READY, 0, "");
}

static void on_ready(const uint8_t key[VMSG_KEY_BYTES], void *arg)
{
    struct connection *c = arg;
    bool speaks = c->has_wire && sender_is_speaking(c->shared->sender, c->id);
    memcpy(c->secrets.key, key, VMSG_KEY_BYTES);
    c->secrets.seq_ack = c->gateway.seq_ack;
    if (put_wire(c, speaks) < 0) {
        end(c, 0, "out of memory");
        return;
    }
    c->has_session = true;
    start_keepalive(c);
    become_ready(c);
}

/* The server has forgotten who speaks. What asked meanwhile is answered now. */
static void on_resumed(void *arg)
{
    struct connection *c = arg;
    if (!c->has_wire && put_wire(c, false) < 0) {
        end(c, 0, "out of memory");
        return;
    }
    log_info("voice", "connection %u is resumed", c->id);
    become_ready(c);
    gateway_speak(&c->gateway, c->secrets.ssrc, true);
    sender_allow(c->shared->sender, c->id);
    if (!sender_is_speaking(c->shared->sender, c->id))
        gateway_speak(&c->gateway, c->secrets.ssrc, false);
}

static void on_broken(const char *why, void *arg)
{
    struct connection *c = arg;
    if (c->state != CONNECTION_OVER)
        end(c, 0, why);
}

static void init_gateway(struct connection *c)
{
    const struct gateway_identity identity = {
        .guild = c->wanted.guild,
        .user = c->wanted.user,
        .session_id = c->wanted.session_id,
        .token = c->wanted.token,
    };
    const struct gateway_ops ops = {
        .send = on_send,
        .hello = on_hello,
        .server = on_server,
        .ready = on_ready,
        .resumed = on_resumed,
        .beat = on_beat,
        .broken = on_broken,
        .arg = c,
    };
    gateway_init(&c->gateway, &identity, &ops);
}

/* ---- the way to the gateway ---- */

static void on_wss_open(void *arg)
{
    struct connection *c = arg;
    gateway_open(&c->gateway, c->has_session);
}

static void on_wss_text(const char *text, size_t len, void *arg)
{
    struct connection *c = arg;
    gateway_take(&c->gateway, text, len);
    if (c->has_session && c->state == CONNECTION_READY)
        say_beat(c, c->beat.ping_ms);
}

static void on_wss_binary(const uint8_t *bytes, size_t len, void *arg)
{
    struct connection *c = arg;
    gateway_take_binary(&c->gateway, bytes, len);
    if (c->has_session && c->state == CONNECTION_READY)
        say_beat(c, c->beat.ping_ms);
}

static void on_wss_closed(unsigned code, const char *why, void *arg)
{
    lose(arg, code, code ? closing_text(code) : why);
}

static void on_deadline(uv_timer_t *timer)
{
    lose(timer->data, 0, "the voice server does not answer in time");
}

static void on_named(const struct sockaddr_storage *addresses, size_t n, const char *why, void *arg)
{
    struct connection *c = arg;
    const struct wss_ops ops = { on_wss_open, on_wss_text, on_wss_binary, on_wss_closed, c };
    if (n == 0) {
        lose(c, 0, why);
        return;
    }
    /* Another of its addresses at each try. */
    const struct sockaddr *address = (const struct sockaddr *)&addresses[c->n_tries % n];
    if (!address_policy_permits(&c->shared->policy, c->host, address)) {
        end(c, 0, "the voice server's address is private, which is not permitted");
        return;
    }
    move(c, CONNECTION_OPENING);
    const struct wss_target target = {
        .host = c->host, .port = c->port, .path = "/?v=8", .address = address
    };
    int r = wss_new(c->shared->loop, c->shared->tls, &target, &ops, &c->wss);
    if (r < 0)
        lose(c, 0, strerror(-r));
}

static void begin(struct connection *c)
{
    move(c, CONNECTION_NAMING);
    (void)uv_timer_start(&c->deadline, on_deadline, OPENING_MS, 0);
    if (names_start(c->shared->names, c->host, c->port, on_named, c, &c->query) < 0)
        lose(c, 0, "out of memory");
}

static void on_pause_over(uv_timer_t *timer)
{
    begin(timer->data);
}

/* What was lost is resumed, or begun anew, after a pause; too often in a row it is over. */
static void lose(struct connection *c, unsigned code, const char *why)
{
    uint64_t now_ms = uv_now(c->shared->loop);
    uint32_t random = 0;
    if (c->state == CONNECTION_READY) {
        c->deaf_since_ms = now_ms;
        if (now_ms - c->opened_ms > OPENING_MS)
            c->n_tries = 0;
    }
    if (closing_judge(code) == CLOSING_OVER || c->n_tries >= CLOSING_TRIES) {
        end(c, code, why);
        return;
    }
    log_info("voice", "connection %u is lost (%u): %s", c->id, code, why);
    if (c->state == CONNECTION_READY)
        say_state(c, VMSG_RESUMING, code, why);
    if (c->deaf_since_ms != 0 && now_ms - c->deaf_since_ms > DEAF_MS)
        drop_wire(c);
    drop_gateway(c, CLOSE_RESUMES);
    move(c, CONNECTION_PAUSING);
    (void)RAND_bytes((uint8_t *)&random, sizeof random);
    (void)uv_timer_start(&c->deadline, on_pause_over, closing_pause_ms(c->n_tries, random), 0);
    c->n_tries++;
}

/* ---- life ---- */

/* The session of a tutti-voice that died: its key and its port serve on. */
static void take_up(struct connection *c)
{
    const struct vmsg_secrets *s = &c->wanted.secrets;
    union udp_address to;
    memset(&to, 0, sizeof to);
    if (s->is_ipv6) {
        to.in6.sin6_family = AF_INET6;
        to.in6.sin6_port = htons(s->port);
        memcpy(&to.in6.sin6_addr, s->address, sizeof to.in6.sin6_addr);
    } else {
        to.in.sin_family = AF_INET;
        to.in.sin_port = htons(s->port);
        memcpy(&to.in.sin_addr, s->address, sizeof to.in.sin_addr);
    }
    if (flows_open_by(c->shared->flows, s->socket, &to, on_datagram, c, &c->flow) < 0)
        return; /* a new session then */
    c->secrets = *s;
    if (put_wire(c, c->wanted.was_speaking) < 0) {
        flow_close(TAKE_PTR(c->flow));
        return;
    }
    c->gateway.seq_ack = s->seq_ack;
    c->has_session = true;
    c->deaf_since_ms = uv_now(c->shared->loop);
    start_keepalive(c);
}

static void want(struct connection *c, const struct vmsg_connect *connect)
{
    c->wanted = *connect;
    init_gateway(c);
    c->beat = (struct vmsg_beat){ .seq_ack = -1, .ping_ms = -1 };
    if (connect->resumes)
        take_up(c);
    OPENSSL_cleanse(&c->wanted.secrets, sizeof c->wanted.secrets);
    say_state(c, c->has_session ? VMSG_RESUMING : VMSG_CONNECTING, 0, "");
    if (endpoint_read(c->wanted.endpoint, c->shared->hosts, c->shared->n_hosts, c->host, &c->port))
        begin(c);
    else
        say_state(c, VMSG_CLOSED, 0, "the endpoint is no voice server's");
}

struct connection *connection_new(const struct connection_shared *shared, uint32_t id,
                                  const struct vmsg_connect *connect)
{
    struct connection *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->shared = shared;
    c->id = id;
    c->state = CONNECTION_OVER;
    uv_timer_t *timers[N_HANDLES] = { &c->deadline, &c->heartbeat, &c->discovery, &c->keepalive };
    for (unsigned i = 0; i < N_HANDLES; i++) {
        (void)uv_timer_init(shared->loop, timers[i]);
        timers[i]->data = c;
    }
    want(c, connect);
    return c;
}

void connection_replace(struct connection *c, const struct vmsg_connect *connect)
{
    if (c->state != CONNECTION_OVER && strcmp(c->wanted.endpoint, connect->endpoint) == 0 &&
        strcmp(c->wanted.token, connect->token) == 0 &&
        strcmp(c->wanted.session_id, connect->session_id) == 0)
        return;
    drop_gateway(c, CLOSE_GOING);
    drop_session(c);
    if (c->state != CONNECTION_OVER)
        move(c, CONNECTION_OVER);
    want(c, connect);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct connection *c = handle->data;
    if (++c->n_closed < N_HANDLES)
        return;
    OPENSSL_cleanse(c, sizeof *c);
    free(c);
}

void connection_free(struct connection *c)
{
    drop_gateway(c, CLOSE_GOING);
    drop_session(c);
    uv_close((uv_handle_t *)&c->deadline, on_timer_closed);
    uv_close((uv_handle_t *)&c->heartbeat, on_timer_closed);
    uv_close((uv_handle_t *)&c->discovery, on_timer_closed);
    uv_close((uv_handle_t *)&c->keepalive, on_timer_closed);
}
