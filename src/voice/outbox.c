#include "voice/outbox.h"

#include <assert.h>
#include <errno.h>

socklen_t outbox_address_len(const union udp_address *a)
{
    return a->any.sa_family == AF_INET6 ? sizeof a->in6 : sizeof a->in;
}

uint8_t *outbox_room(struct outbox *o, size_t len)
{
    if (o->n == VMSG_RECORDS_MAX || OUTBOX_BYTES - o->len < len)
        return NULL;
    return o->bytes + o->len;
}

void outbox_add(struct outbox *o, int fd, const union udp_address *to, size_t len)
{
    assert(fd >= 0 && o->n < VMSG_RECORDS_MAX && len <= OUTBOX_BYTES - o->len);
    o->outgoing[o->n++] =
        (struct outbox_packet){ .fd = fd, .offset = o->len, .len = (uint32_t)len, .to = *to };
    o->len += (uint32_t)len;
}

/* Makes messages of those that leave by one socket, from `from` on. Returns how many there are. */
static unsigned gather(struct outbox *o, int fd, unsigned from)
{
    unsigned n = 0;
    for (unsigned i = from; i < o->n; i++) {
        struct outbox_packet *out = &o->outgoing[i];
        if (out->fd != fd)
            continue;
        out->fd = -1;
        o->vectors[n] = (struct iovec){ .iov_base = o->bytes + out->offset, .iov_len = out->len };
        o->messages[n].msg_hdr = (struct msghdr){ .msg_name = &out->to,
                                                  .msg_namelen = outbox_address_len(&out->to),
                                                  .msg_iov = &o->vectors[n],
                                                  .msg_iovlen = 1 };
        n++;
    }
    return n;
}

/* A packet that the kernel refuses takes no other with it, but a full socket takes the rest. */
static unsigned send_gathered(struct outbox *o, int fd, unsigned n)
{
    unsigned sent = 0;
    for (unsigned i = 0; i < n;) {
        int r = sendmmsg(fd, o->messages + i, n - i, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (r > 0) {
            sent += (unsigned)r;
            i += (unsigned)r;
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            break;
        } else if (errno != EINTR) {
            i++;
        }
    }
    return sent;
}

unsigned outbox_send(struct outbox *o)
{
    unsigned sent = 0;
    for (unsigned i = 0; i < o->n; i++) {
        int fd = o->outgoing[i].fd;
        if (fd >= 0)
            sent += send_gathered(o, fd, gather(o, fd, i));
    }
    o->n = 0;
    o->len = 0;
    return sent;
}
