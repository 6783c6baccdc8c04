#include "link/voice.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "link/voice_process.h"
#include "link/wire_clock.h"
#include "proto/endpoint.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uthash.h>

/* A UDP socket that tutti-voice has made, for the next one. */
struct udp_copy {
    uint32_t number;
    int fd;
};

/* What is to be said to tutti-voice about a call as soon as there is room. */
enum due {
    DUE_NOTHING,
    DUE_CONNECT,
    DUE_DISCONNECT, /* the call is nobody's any more, and freed with that */
};

struct voice_call {
    struct voice *voice;
    uint32_t id;
    enum due due;
    struct vmsg_connect wanted;
    bool has_secrets;
    struct vmsg_secrets secrets;
    enum vmsg_state state;
    int ping_ms;
    voice_changed_fn changed;
    void *arg;
    struct wire_clock rt;
    UT_hash_handle hh;
};

struct voice {
    struct voice_process *process;
    const char **hosts; /* voice servers besides Discord's; the texts are ours */
    size_t n_hosts;
    struct voice_call *calls; /* uthash */
    uint32_t next_id;
    struct udp_copy *sockets;
    size_t n_sockets, sockets_size;
    struct voice_counts counts;
    struct vmsg_counts wire, wire_before; /* of the tutti-voice that runs; of those before */
    struct {
        uint64_t now_ns; /* of the batch */
        size_t len;      /* 0: none was begun */
        unsigned n_frames;
        uint8_t bytes[VMSG_BATCH_MAX];
    } rt;
};

/* ---- to tutti-voice ---- */

static void free_call(struct voice_call *call)
{
    HASH_DEL(call->voice->calls, call);
    explicit_bzero(call, sizeof *call);
    free(call);
}

static int send_connect(struct voice_call *call)
{
    struct vmsg m = { .type = VMSG_CONNECT, .id = call->id, .connect = call->wanted };
    m.connect.resumes = call->has_secrets;
    m.connect.was_speaking = call->rt.talks;
    if (call->has_secrets)
        m.connect.secrets = call->secrets;
    int r = voice_process_send(call->voice->process, &m, -1);
    explicit_bzero(&m, sizeof m);
    return r;
}

/* Says what is due. Returns false if there is no room for it now. A tutti-voice that is gone hears
 * it from the next one's beginning on. */
static bool say_due(struct voice_call *call)
{
    int r = 0;
    if (call->due == DUE_CONNECT)
        r = send_connect(call);
    else if (call->due == DUE_DISCONNECT)
        r = voice_process_send(call->voice->process,
                               &(struct vmsg){ .type = VMSG_DISCONNECT, .id = call->id }, -1);
    if (r == -EAGAIN)
        return false;
    if (call->due == DUE_DISCONNECT)
        free_call(call);
    else if (r == 0)
        call->due = DUE_NOTHING;
    return true;
}

static void on_writable(void *arg)
{
    struct voice *v = arg;
    struct voice_call *call, *next;
    HASH_ITER(hh, v->calls, call, next)
    {
        if (!say_due(call))
            return;
    }
}

/* ---- from tutti-voice ---- */

static void tell(struct voice_call *call, enum vmsg_state state, unsigned code, const char *why)
{
    if (call->state == state && state != VMSG_CLOSED)
        return;
    call->state = state;
    call->changed(state, code, why, call->arg);
}

static void on_message(const struct vmsg *m, void *arg)
{
    struct voice *v = arg;
    struct voice_call *call = NULL;
    if (m->type == VMSG_COUNTS)
        v->wire = m->counts;
    HASH_FIND(hh, v->calls, &m->id, sizeof m->id, call);
    if (!call || call->due == DUE_DISCONNECT)
        return;
    switch (m->type) {
    case VMSG_STATE:
        if (m->changed.state == VMSG_CLOSED || m->changed.state == VMSG_CONNECTING)
            call->has_secrets = false;
        if (m->changed.state == VMSG_CLOSED)
            call->ping_ms = -1;
        tell(call, m->changed.state, m->changed.close_code, m->changed.why);
        break;
    case VMSG_SECRETS:
        call->secrets = m->secrets;
        call->has_secrets = true;
        break;
    case VMSG_BEAT:
        call->secrets.seq_ack = m->beat.seq_ack;
        call->ping_ms = m->beat.ping_ms;
        break;
    default:
        break;
    }
}

static void on_socket(uint32_t number, int fd, void *arg)
{
    struct voice *v = arg;
    AUTO_FD int owned = fd;
    if (v->n_sockets == VOICE_CALLS_MAX)
        return;
    if (v->n_sockets == v->sockets_size) {
        size_t size = v->sockets_size ? 2 * v->sockets_size : 16;
        struct udp_copy *longer = reallocarray(v->sockets, size, sizeof *longer);
        if (!longer)
            return; /* a successor does without */
        v->sockets = longer;
        v->sockets_size = size;
    }
    v->sockets[v->n_sockets++] = (struct udp_copy){ .number = number, .fd = TAKE_FD(owned) };
}

static struct vmsg_counts wire_total(const struct voice *v)
{
    return (struct vmsg_counts){
        .packets = v->wire_before.packets + v->wire.packets,
        .late = v->wire_before.late + v->wire.late,
        .failed = v->wire_before.failed + v->wire.failed,
        .repeated = v->wire_before.repeated + v->wire.repeated,
    };
}

static void on_replaced(void *arg)
{
    struct voice *v = arg;
    struct voice_call *call, *next;
    v->counts.restarts++;
    v->wire_before = wire_total(v);
    v->wire = (struct vmsg_counts){ 0 };
    for (size_t i = 0; i < v->n_sockets; i++)
        (void)voice_process_send(v->process,
                                 &(struct vmsg){ .type = VMSG_SOCKET, .id = v->sockets[i].number },
                                 v->sockets[i].fd);
    HASH_ITER(hh, v->calls, call, next)
    {
        if (call->due == DUE_DISCONNECT)
            free_call(call);
        else if (call->state != VMSG_CLOSED)
            call->due = DUE_CONNECT;
    }
    on_writable(v);
}

static void on_hopeless(const char *why, void *arg)
{
    struct voice *v = arg;
    struct voice_call *call, *next;
    HASH_ITER(hh, v->calls, call, next)
    {
        if (call->due != DUE_DISCONNECT && call->state != VMSG_CLOSED)
            tell(call, VMSG_CLOSED, 0, why);
    }
}

/* ---- life ---- */

static int copy_hosts(struct voice *v, const struct voice_config *config)
{
    v->hosts = calloc(config->n_voice_hosts + 1, sizeof *v->hosts);
    if (!v->hosts)
        return -ENOMEM;
    for (; v->n_hosts < config->n_voice_hosts; v->n_hosts++) {
        v->hosts[v->n_hosts] = strdup(config->voice_hosts[v->n_hosts]);
        if (!v->hosts[v->n_hosts])
            return -ENOMEM;
    }
    return 0;
}

int voice_new(uv_loop_t *loop, const struct voice_config *config, struct voice **ret_voice)
{
    struct voice *v = calloc(1, sizeof *v);
    if (!v)
        return -ENOMEM;
    const struct voice_process_ops ops = {
        .message = on_message,
        .socket = on_socket,
        .writable = on_writable,
        .replaced = on_replaced,
        .hopeless = on_hopeless,
        .arg = v,
    };
    v->next_id = 1;
    int r = copy_hosts(v, config);
    if (r == 0)
        r = voice_process_new(loop, config, &ops, &v->process);
    if (r < 0) {
        voice_free(v);
        return r;
    }
    *ret_voice = v;
    return 0;
}

void voice_free(struct voice *v)
{
    if (!v)
        return;
    struct voice_call *call, *next;
    HASH_ITER(hh, v->calls, call, next)
    {
        assert(call->due == DUE_DISCONNECT);
        free_call(call);
    }
    voice_process_free(v->process);
    for (size_t i = 0; i < v->n_sockets; i++)
        (void)close(v->sockets[i].fd);
    free(v->sockets);
    for (size_t i = 0; v->hosts && i < v->n_hosts; i++)
        free((char *)v->hosts[i]);
    free(v->hosts);
    free(v);
}

/* ---- calls ---- */

static bool copy_text(char *to, size_t size, const char *text)
{
    int n = snprintf(to, size, "%s", text);
    return n >= 0 && (size_t)n < size;
}

static int read_credentials(const struct voice *v, const struct voice_credentials *c,
                            struct vmsg_connect *ret)
{
    char host[ENDPOINT_HOST_MAX + 1];
    uint16_t port;
    memset(ret, 0, sizeof *ret);
    ret->guild = c->guild;
    ret->user = c->user;
    ret->channel = c->channel;
    if (!copy_text(ret->session_id, sizeof ret->session_id, c->session_id) ||
        !copy_text(ret->token, sizeof ret->token, c->token) ||
        !copy_text(ret->endpoint, sizeof ret->endpoint, c->endpoint) ||
        !endpoint_read(ret->endpoint, v->hosts, v->n_hosts, host, &port))
        return -EINVAL;
    return 0;
}

int voice_check(const struct voice *v, const struct voice_credentials *credentials)
{
    struct vmsg_connect wanted;
    return read_credentials(v, credentials, &wanted);
}

/* The low half by chance: another one after each restart of the daemon, with the same key or not.
 */
static uint64_t random_tick(void)
{
    uint32_t tick = 0;
    (void)getrandom(&tick, sizeof tick, GRND_NONBLOCK);
    return tick;
}

int voice_call(struct voice *v, const struct voice_credentials *credentials,
               voice_changed_fn changed, void *arg, struct voice_call **ret_call)
{
    struct vmsg_connect wanted;
    int r = read_credentials(v, credentials, &wanted);
    if (r == 0 && HASH_COUNT(v->calls) >= VOICE_CALLS_MAX)
        r = -ENOBUFS;
    if (r == 0)
        r = voice_process_start(v->process);
    if (r < 0)
        return r;
    struct voice_call *call = calloc(1, sizeof *call);
    if (!call)
        return -ENOMEM;
    call->voice = v;
    call->id = v->next_id++;
    call->wanted = wanted;
    call->state = VMSG_CONNECTING;
    call->ping_ms = -1;
    call->changed = changed;
    call->arg = arg;
    call->due = DUE_CONNECT;
    wire_clock_init(&call->rt, random_tick());
    HASH_ADD(hh, v->calls, id, sizeof call->id, call);
    if (!call->hh.tbl) {
        free(call);
        return -ENOMEM;
    }
    (void)say_due(call);
    *ret_call = call;
    return 0;
}

int voice_move(struct voice_call *call, const struct voice_credentials *credentials)
{
    struct vmsg_connect wanted;
    int r = read_credentials(call->voice, credentials, &wanted);
    if (r == 0)
        r = voice_process_start(call->voice->process);
    if (r < 0)
        return r;
    if (call->state != VMSG_CLOSED && memcmp(&wanted, &call->wanted, sizeof wanted) == 0)
        return 0;
    call->wanted = wanted;
    call->has_secrets = false;
    call->due = DUE_CONNECT;
    if (call->state == VMSG_CLOSED)
        call->state = VMSG_CONNECTING;
    (void)say_due(call);
    return 0;
}

void voice_hang_up(struct voice_call *call)
{
    if (!call)
        return;
    call->due = DUE_DISCONNECT;
    (void)say_due(call);
}

enum vmsg_state voice_state(const struct voice_call *call)
{
    return call->state;
}

int voice_ping_ms(const struct voice_call *call)
{
    return call->ping_ms;
}

/* ---- frames ---- */

static void begin_batch(struct voice *v)
{
    struct vmsg_batch head = { .due_ns = clock_now_ns() };
    v->rt.now_ns = head.due_ns;
    memcpy(v->rt.bytes, &head, sizeof head);
    v->rt.len = sizeof head;
}

static void add_record(struct voice *v, const struct vmsg_record *r, const uint8_t *packet)
{
    if (vmsg_batch_add(v->rt.bytes, &v->rt.len, r, packet))
        return;
    voice_flush(v);
    begin_batch(v);
    (void)vmsg_batch_add(v->rt.bytes, &v->rt.len, r, packet);
}

void voice_put(struct voice_call *call, const uint8_t *packet, uint32_t len)
{
    struct voice *v = call->voice;
    struct vmsg_record r = { .id = call->id, .kind = VMSG_FRAME, .len = (uint16_t)len };
    if (v->rt.len == 0)
        begin_batch(v);
    if (len == 0 || len > VMSG_PACKET_MAX || !wire_clock_frame(&call->rt, v->rt.now_ns, &r.tick)) {
        v->counts.skipped++;
        return;
    }
    add_record(v, &r, packet);
    v->rt.n_frames++;
}

void voice_rest(struct voice_call *call)
{
    assert(call->due != DUE_DISCONNECT);
    struct voice *v = call->voice;
    struct vmsg_record r = { .id = call->id, .kind = VMSG_REST };
    r.tick = wire_clock_rest(&call->rt, VMSG_REST_TICKS);
    if (v->rt.len == 0)
        begin_batch(v);
    add_record(v, &r, NULL);
    voice_flush(v); /* no pass of the pacer may follow */
}

void voice_flush(struct voice *v)
{
    if (v->rt.len == 0)
        return;
    if (voice_process_send_batch(v->process, v->rt.bytes, v->rt.len))
        v->counts.frames += v->rt.n_frames;
    else
        v->counts.dropped += v->rt.n_frames;
    v->rt.len = 0;
    v->rt.n_frames = 0;
}

struct voice_counts voice_counts(const struct voice *v)
{
    struct voice_counts counts = v->counts;
    counts.calls = HASH_COUNT(v->calls);
    counts.wire = wire_total(v);
    for (const struct voice_call *call = v->calls; call; call = call->hh.next)
        counts.ready += call->state == VMSG_READY;
    return counts;
}

pid_t voice_pid(const struct voice *v)
{
    return voice_process_pid(v->process);
}
