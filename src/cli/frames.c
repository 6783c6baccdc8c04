#include "cli/frames.h"

#include "base/audio.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/client.h"
#include "cli/sock.h"
#include "proto/frame.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { IN_BYTES = 256 * 1024 };

struct receiver {
    int fd;
    struct frames frames;
};

void frames_init(struct frames *f)
{
    buf_init(&f->in, IN_BYTES);
    f->held_bytes = 0;
}

void frames_done(struct frames *f)
{
    buf_done(&f->in);
}

static uint32_t frame_sequence(const uint8_t head[FRAME_HEAD_BYTES])
{
    uint32_t sequence_be;
    memcpy(&sequence_be, head + 12, 4);
    return be32toh(sequence_be);
}

int frames_take(struct frames *f, struct received_frame *ret)
{
    buf_consume(&f->in, f->held_bytes);
    f->held_bytes = 0;
    if (buf_len(&f->in) < FRAME_HEAD_BYTES)
        return 0;
    const uint8_t *head = (const uint8_t *)buf_head(&f->in);
    uint32_t size = frame_size(head);
    if (size < FRAME_HEAD_BYTES || size > FRAME_HEAD_BYTES + AUDIO_PACKET_MAX)
        return -EPROTO;
    if (buf_len(&f->in) < size)
        return 0;
    *ret = (struct received_frame){
        .channel = frame_channel(head),
        .sequence = frame_sequence(head),
        .packet = head + FRAME_HEAD_BYTES,
        .len = size - FRAME_HEAD_BYTES,
    };
    f->held_bytes = size;
    return 1;
}

int receiver_next(struct receiver *a, struct received_frame *ret)
{
    int n = frames_take(&a->frames, ret);
    while (n == 0) {
        n = sock_fill(a->fd, &a->frames.in);
        if (n <= 0)
            return n;
        n = frames_take(&a->frames, ret);
    }
    return n;
}

static int send_line(struct receiver *a, json_t *line)
{
    json_auto_t *owned = line;
    AUTO_FREE char *text = owned ? json_dumps(owned, JSON_COMPACT) : NULL;
    if (!text)
        return -ENOMEM;
    size_t len = strlen(text);
    text[len] = '\n'; /* in the place of the NUL: the bytes are sent by their length */
    return sock_send(a->fd, text, len + 1, CLIENT_TIMEOUT_MS);
}

/* The daemon confirms with an empty frame of channel 0 before anything else. */
static int wait_confirmation(struct receiver *a)
{
    uint64_t until_ns = clock_now_ns() + CLIENT_TIMEOUT_MS * NS_PER_MS;
    for (;;) {
        struct received_frame frame;
        int n = receiver_next(a, &frame);
        if (n == 1)
            return frame.channel == 0 && frame.len == 0 ? 0 : -EPROTO;
        if (n < 0)
            return n == -ECONNRESET ? -EPIPE : n;
        uint64_t now_ns = clock_now_ns();
        if (now_ns >= until_ns)
            return -ETIMEDOUT;
        n = sock_wait(a->fd, (int)((until_ns - now_ns) / NS_PER_MS) + 1);
        if (n < 0 && n != -EINTR)
            return n;
    }
}

int receiver_open(const char *path, const char *client_id, bool credit_flow, struct receiver **ret)
{
    int fd = sock_connect(path);
    if (fd < 0)
        return fd;
    struct receiver *a = calloc(1, sizeof *a);
    if (!a) {
        (void)close(fd);
        return -ENOMEM;
    }
    a->fd = fd;
    frames_init(&a->frames);
    int err = send_line(a, json_pack("{s:s, s:s, s:s}", "type", "attach", "client", client_id,
                                     "flow", credit_flow ? "credit" : "paced"));
    if (err == 0)
        err = wait_confirmation(a);
    if (err < 0) {
        receiver_free(a);
        return err;
    }
    *ret = a;
    return 0;
}

void receiver_free(struct receiver *a)
{
    if (!a)
        return;
    cleanup_fd(&a->fd);
    frames_done(&a->frames);
    free(a);
}

int receiver_fd(const struct receiver *a)
{
    return a->fd;
}

int receiver_credit(struct receiver *a, uint64_t channel, unsigned n_frames)
{
    char id[24];
    (void)snprintf(id, sizeof id, "%" PRIu64, channel);
    return send_line(a, json_pack("{s:s, s:s, s:I}", "type", "credit", "channel_id", id, "frames",
                                  (json_int_t)n_frames));
}
