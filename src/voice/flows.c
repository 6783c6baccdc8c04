#include "voice/flows.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "voice/rtp.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uthash.h>

enum { DATAGRAMS_A_TURN = 64, DATAGRAM_MAX = 2048, SEND_BUFFER_BYTES = 2 << 20 };

struct udp {
    struct flows *flows;
    uint32_t number;
    int fd;
    int family;
    uv_poll_t poll;
    struct udp *next;
};

/* What tells a flow from others. Compared as bytes: zeroed before it is filled. */
struct flow_key {
    uint32_t socket;
    uint16_t port;
    uint8_t address[16];
};

struct flow {
    struct flow_key key;
    struct udp *udp;
    union udp_address to;
    flow_received_fn received;
    void *arg;
    UT_hash_handle hh;
};

struct flows {
    uv_loop_t *loop;
    flows_made_fn made;
    void *arg;
    uint32_t next_number;
    struct udp *sockets;
    struct flow *flows; /* uthash */
};

static struct flow_key make_key(uint32_t number, const union udp_address *to)
{
    struct flow_key key;
    memset(&key, 0, sizeof key);
    key.socket = number;
    if (to->any.sa_family == AF_INET6) {
        key.port = to->in6.sin6_port;
        memcpy(key.address, &to->in6.sin6_addr, sizeof to->in6.sin6_addr);
    } else {
        key.port = to->in.sin_port;
        memcpy(key.address, &to->in.sin_addr, sizeof to->in.sin_addr);
    }
    return key;
}

static struct flow *find(struct flows *f, const struct flow_key *key)
{
    struct flow *flow = NULL;
    HASH_FIND(hh, f->flows, key, sizeof *key, flow);
    return flow;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct udp *u = poll->data;
    uint8_t bytes[DATAGRAM_MAX];
    for (unsigned i = 0; i < DATAGRAMS_A_TURN; i++) {
        union udp_address from;
        memset(&from, 0, sizeof from);
        socklen_t from_len = sizeof from;
        ssize_t len = recvfrom(u->fd, bytes, sizeof bytes, MSG_DONTWAIT, &from.any, &from_len);
        if (len < 0)
            return;
        struct flow_key key = make_key(u->number, &from);
        struct flow *flow = find(u->flows, &key);
        if (flow)
            flow->received(bytes, (size_t)len, flow->arg);
    }
}

/* ---- sockets ---- */

int flows_new(uv_loop_t *loop, flows_made_fn made, void *arg, struct flows **ret_flows)
{
    struct flows *f = calloc(1, sizeof *f);
    if (!f)
        return -ENOMEM;
    *f = (struct flows){ .loop = loop, .made = made, .arg = arg, .next_number = 1 };
    *ret_flows = f;
    return 0;
}

static void on_socket_closed(uv_handle_t *handle)
{
    struct udp *u = handle->data;
    (void)close(u->fd);
    free(u);
}

void flows_free(struct flows *f)
{
    if (!f)
        return;
    assert(!f->flows);
    while (f->sockets) {
        struct udp *u = f->sockets;
        f->sockets = u->next;
        uv_close((uv_handle_t *)&u->poll, on_socket_closed);
    }
    free(f);
}

static struct udp *find_socket(struct flows *f, uint32_t number)
{
    struct udp *u = f->sockets;
    while (u && u->number != number)
        u = u->next;
    return u;
}

int flows_adopt(struct flows *f, uint32_t number, int fd)
{
    assert(fd >= 0);
    struct sockaddr_storage own;
    socklen_t len = sizeof own;
    if (find_socket(f, number))
        return -EEXIST;
    if (getsockname(fd, (struct sockaddr *)&own, &len) < 0)
        return -errno;
    struct udp *u = calloc(1, sizeof *u);
    if (!u)
        return -ENOMEM;
    *u = (struct udp){ .flows = f, .number = number, .fd = fd, .family = own.ss_family };
    u->poll.data = u;
    int r = uv_poll_init(f->loop, &u->poll, fd);
    if (r < 0) {
        free(u);
        return r;
    }
    (void)uv_poll_start(&u->poll, UV_READABLE, on_readable);
    u->next = f->sockets;
    f->sockets = u;
    if (number >= f->next_number)
        f->next_number = number + 1;
    return 0;
}

/* Bound at once, so that its port is the same for all that is sent. */
static int open_socket(int family, int *ret_fd)
{
    AUTO_FD int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    const int bytes = SEND_BUFFER_BYTES; /* a batch of hundreds of packets */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    int r = rtp_filter_incoming(fd);
    if (r < 0)
        return r;
    union udp_address any;
    memset(&any, 0, sizeof any);
    any.any.sa_family = (sa_family_t)family;
    if (bind(fd, &any.any, family == AF_INET6 ? sizeof any.in6 : sizeof any.in) < 0)
        return -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int make_socket(struct flows *f, int family, struct udp **ret_udp)
{
    int fd = -1;
    int r = open_socket(family, &fd);
    if (r < 0)
        return r;
    uint32_t number = f->next_number;
    r = flows_adopt(f, number, fd);
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    *ret_udp = f->sockets;
    f->made(number, fd, f->arg);
    return 0;
}

/* ---- flows ---- */

static int open_flow(struct flows *f, struct udp *u, const union udp_address *to,
                     flow_received_fn received, void *arg, struct flow **ret_flow)
{
    assert(u->family == to->any.sa_family);
    struct flow *flow = calloc(1, sizeof *flow);
    if (!flow)
        return -ENOMEM;
    *flow = (struct flow){ .udp = u, .to = *to, .received = received, .arg = arg };
    flow->key = make_key(u->number, to);
    HASH_ADD(hh, f->flows, key, sizeof flow->key, flow);
    if (!flow->hh.tbl) {
        free(flow);
        return -ENOMEM;
    }
    *ret_flow = flow;
    return 0;
}

int flows_open_by(struct flows *f, uint32_t number, const union udp_address *to,
                  flow_received_fn received, void *arg, struct flow **ret_flow)
{
    struct udp *u = find_socket(f, number);
    if (!u || u->family != to->any.sa_family)
        return -ENOENT;
    struct flow_key key = make_key(number, to);
    if (find(f, &key))
        return -EADDRINUSE;
    return open_flow(f, u, to, received, arg, ret_flow);
}

int flows_open(struct flows *f, const union udp_address *to, flow_received_fn received, void *arg,
               struct flow **ret_flow)
{
    for (struct udp *u = f->sockets; u; u = u->next) {
        int r = flows_open_by(f, u->number, to, received, arg, ret_flow);
        if (r != -ENOENT && r != -EADDRINUSE)
            return r;
    }
    struct udp *made;
    int r = make_socket(f, to->any.sa_family, &made);
    return r < 0 ? r : open_flow(f, made, to, received, arg, ret_flow);
}

void flow_close(struct flow *flow)
{
    HASH_DEL(flow->udp->flows->flows, flow);
    free(flow);
}

int flow_fd(const struct flow *flow)
{
    return flow->udp->fd;
}

uint32_t flow_number(const struct flow *flow)
{
    return flow->udp->number;
}

const union udp_address *flow_to(const struct flow *flow)
{
    return &flow->to;
}

void flow_send(struct flow *flow, const void *bytes, size_t len)
{
    socklen_t to_len = flow->udp->family == AF_INET6 ? sizeof flow->to.in6 : sizeof flow->to.in;
    (void)sendto(flow->udp->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL, &flow->to.any, to_len);
}
