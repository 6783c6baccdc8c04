/*
 * A tutti-voice that the test program is itself, started by the daemon's side under that name: it
 * answers by the endpoint that a call asks for. Call mini_voice_main first thing in main.
 *
 *   close.…  is closed with 4014          die.…  takes the process with it
 *   mute.…   is never answered            others are ready at once, with a UDP socket and a key
 *
 * What it saw comes back in BEAT: seq_ack is resumes + 2 × was_speaking, ping_ms the number of UDP
 * sockets that it was given; and in COUNTS: packets are the frames that it had, late the rests,
 * failed the last tick, repeated the disconnections.
 */
#ifndef TUTTI_TESTS_MINI_VOICE_H
#define TUTTI_TESTS_MINI_VOICE_H

#include "base/fd.h"
#include "link/voice.h"
#include "proto/vmsg.h"
#include "unit.h"

#include <poll.h>
#include <sys/socket.h>

static struct {
    int audio;
    int n_sockets;
    bool has_socket;
    struct vmsg_counts counts;
} mini_voice;

static inline void mini_voice_say(const struct vmsg *m, int fd)
{
    uint8_t bytes[VMSG_MAX];
    size_t len = vmsg_encode(m, bytes);
    (void)fd_send(3, bytes, len, &fd, fd >= 0 ? 1 : 0, 0);
}

static inline void mini_voice_count(void)
{
    mini_voice_say(&(struct vmsg){ .type = VMSG_COUNTS, .counts = mini_voice.counts }, -1);
}

static inline void mini_voice_ready(const struct vmsg *m)
{
    struct vmsg secrets = { .type = VMSG_SECRETS, .id = m->id };
    struct vmsg beat = { .type = VMSG_BEAT, .id = m->id };
    struct vmsg ready = { .type = VMSG_STATE, .id = m->id, .changed = { .state = VMSG_READY } };
    if (!mini_voice.has_socket && mini_voice.n_sockets == 0)
        mini_voice_say(&(struct vmsg){ .type = VMSG_SOCKET, .id = 1 },
                       socket(AF_INET, SOCK_DGRAM, 0));
    mini_voice.has_socket = true;
    secrets.secrets = (struct vmsg_secrets){ .key = { 7 }, .port = 9, .ssrc = 5, .seq_ack = 1 };
    beat.beat.seq_ack = m->connect.resumes + 2 * m->connect.was_speaking;
    beat.beat.ping_ms = mini_voice.n_sockets;
    mini_voice_say(&secrets, -1);
    mini_voice_say(&beat, -1);
    mini_voice_say(&ready, -1);
}

static inline void mini_voice_connect(const struct vmsg *m)
{
    struct vmsg closed = { .type = VMSG_STATE,
                           .id = m->id,
                           .changed = { VMSG_CLOSED, 4014, "disconnected" } };
    if (strncmp(m->connect.endpoint, "close.", 6) == 0)
        mini_voice_say(&closed, -1);
    else if (strncmp(m->connect.endpoint, "die.", 4) == 0)
        _exit(1);
    else if (strncmp(m->connect.endpoint, "mute.", 5) != 0)
        mini_voice_ready(m);
}

static inline bool mini_voice_hear(void)
{
    uint8_t bytes[VMSG_MAX];
    struct vmsg m;
    int fd = -1;
    size_t n_fds = 0;
    ssize_t len = fd_recv(3, bytes, sizeof bytes, &fd, 1, &n_fds, 0);
    if (len <= 0 || vmsg_decode(bytes, (size_t)len, &m) < 0)
        return false;
    if (m.type == VMSG_AUDIO)
        mini_voice.audio = fd;
    else if (m.type == VMSG_SOCKET)
        mini_voice.n_sockets += n_fds > 0;
    else if (m.type == VMSG_CONNECT)
        mini_voice_connect(&m);
    mini_voice.counts.repeated += m.type == VMSG_DISCONNECT;
    if (m.type == VMSG_DISCONNECT)
        mini_voice_count();
    return true;
}

static inline void mini_voice_take_batch(void)
{
    static uint8_t bytes[VMSG_BATCH_MAX];
    struct vmsg_record r;
    const uint8_t *packet;
    size_t at = sizeof(struct vmsg_batch);
    ssize_t len = recv(mini_voice.audio, bytes, sizeof bytes, 0);
    while (len > 0 && vmsg_batch_next(bytes, (size_t)len, &at, &r, &packet) > 0) {
        mini_voice.counts.packets += r.kind == VMSG_FRAME;
        mini_voice.counts.late += r.kind == VMSG_REST;
        mini_voice.counts.failed = r.tick;
    }
    mini_voice_count();
}

/* Returns only in the test itself. */
static inline void mini_voice_main(char **argv)
{
    if (strcmp(argv[0], "tutti-voice") != 0)
        return;
    mini_voice.audio = -1;
    for (;;) {
        struct pollfd p[2] = { { .fd = 3, .events = POLLIN },
                               { .fd = mini_voice.audio, .events = POLLIN } };
        (void)poll(p, 2, -1);
        if (p[0].revents && !mini_voice_hear())
            _exit(0);
        if (p[1].revents & POLLIN)
            mini_voice_take_batch();
    }
}

static inline struct voice_config mini_voice_config(void)
{
    return (struct voice_config){ .path = "/proc/self/exe",
                                  .log_level = "error",
                                  .log_format = "text" };
}

#endif
