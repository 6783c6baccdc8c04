/*
 * worker_play WORKER FILE [OPTION...]: plays a file through a real worker and prints what comes as
 * lines of text, for the checkers in tests/media. FILE may be fd:N, an inherited descriptor.
 *
 *   --pos SAMPLES  --gain G  --depth FRAMES  --hint BYTE:PACKET  --exact
 *   --at N volume G | --at N seek SAMPLES   after N delivered frames; repeatable, ascending
 *   --at N join SAMPLES                     a live stream is joined anew, positions count on
 *   --stop-after N                          CLOSE after N frames
 *   --close-after-ms N                      or when so much time has passed without a frame
 *   --next FILE  --next-pos SAMPLES  --next-gain G  the play that follows; nothing is taken until
 *                                           it is open or has failed
 *   --hold N RECORDS                        after N frames, none is taken until so many are there
 *
 *   opened DURATION POS LAG PASSTHROUGH SEEKABLE TITLE
 *   frame POS FLAGS BYTE PACKET HEX      end POS
 *   warning NAME TEXT   title TEXT   failed NAME TEXT   render_failed NAME TEXT
 *   join POS                the current play ends there, the frames of the next follow
 *   next_opened LATE        next_failed NAME TEXT
 */
#include "worker_host.h"

#include "base/audio.h"
#include "base/clock.h"
#include "base/errors.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHANGES_MAX = 64, AHEAD_FRAMES = 3, WAIT_MS = 8000 };
enum { FIRST = 1, NEXT = 2 }; /* plays */

struct change {
    long at;
    bool seek, joins;
    double value;
};

static struct {
    struct worker_host host;
    struct wmsg open;
    const char *next_file; /* NULL: none, or it is known what became of it */
    struct wmsg next;
    struct {
        long at;
        uint32_t n_records; /* 0: not any more */
    } hold;
    uint32_t play; /* that is heard */
    struct change changes[CHANGES_MAX];
    int n_changes, next_change;
    long stop_after;
    long close_after_ms;
    /* playing */
    unsigned lane;
    uint32_t gen;
    bool changing; /* frames of `new_gen` in the other lane are waited for */
    bool seeking;
    int64_t join_pos; /* the old lane must not be heard from here on */
    uint32_t new_gen;
    unsigned new_lane;
    double gain;
    int64_t next_pos;
    long delivered;
    bool over;
    bool next_failed;
} t;

static void print_message(const struct wmsg *m)
{
    if (m->play == NEXT)
        t.next_file = NULL;
    switch (m->type) {
    case WMSG_OPENED:
        if (m->play == NEXT) {
            printf("next_opened %u\n", m->opened.late);
            break;
        }
        printf("opened %lld %lld %u %u %u %u %u %s\n", (long long)m->opened.length.duration,
               (long long)m->opened.pos, m->opened.lag, m->opened.passthrough, m->opened.seekable,
               m->opened.length.kind, m->opened.length.is_live, m->text);
        break;
    case WMSG_LENGTH:
        printf("length %lld %u %u\n", (long long)m->length.duration, m->length.kind,
               m->length.is_live);
        break;
    case WMSG_FAILED:
        printf("%s %s %s\n", m->play == NEXT ? "next_failed" : "failed",
               error_wire_name(m->failed.code), m->text);
        t.over = t.over || m->play == t.play;
        t.next_failed = t.next_failed || m->play == NEXT;
        break;
    case WMSG_RENDER_FAILED:
        printf("render_failed %s %s\n", error_wire_name(m->failed.code), m->text);
        t.changing = false;
        break;
    case WMSG_WARNING:
        printf("warning %s %s\n", warning_wire_name(m->warning.code), m->text);
        break;
    case WMSG_TITLE:
        printf("title %s\n", m->text);
        break;
    default:
        break;
    }
}

static void make_change(const struct change *c)
{
    struct wmsg m = { .type = WMSG_RENDER, .play = t.play };
    m.render = t.open.open.render;
    t.new_gen = ++t.gen;
    t.new_lane = t.lane ^ 1;
    if (t.changing)
        t.new_lane = t.new_lane ^ 0;
    m.render.gen = t.new_gen;
    m.render.lane = (uint8_t)t.new_lane;
    m.render.exact = !c->seek;
    m.render.joins = c->joins;
    m.render.from.volume = t.gain;
    if (!c->seek)
        t.gain = c->value;
    m.render.sound.volume = t.gain;
    /* What is not in the old lane yet will never be there. */
    int64_t ahead = ring_consumer_fill(t.host.ring, t.lane);
    ahead = ahead < AHEAD_FRAMES ? ahead : AHEAD_FRAMES;
    t.join_pos = t.next_pos + ahead * AUDIO_FRAME_SAMPLES;
    m.render.pos = c->seek ? (int64_t)c->value : t.join_pos;
    if (c->seek)
        m.render.from = m.render.sound;
    t.changing = true;
    t.seeking = c->seek;
    worker_host_send(&t.host, &m, -1);
}

static void print_frame(const struct ring_record *r, const uint8_t *bytes)
{
    printf("frame %lld %u %lld %lld ", (long long)r->pos, r->flags, (long long)r->hint.byte,
           (long long)r->hint.packet);
    for (unsigned i = 0; i < r->len; i++)
        printf("%02x", bytes[i]);
    printf("\n");
}

/* Drops what no one wants from the new lane; true if it can be switched to. */
static bool new_lane_ready(void)
{
    struct ring_record r;
    const uint8_t *bytes;
    while (ring_peek(t.host.ring, t.new_lane, &r, &bytes) == 1) {
        bool stale = r.gen != t.new_gen;
        if (!stale && (t.seeking || (r.flags & RING_END) || r.pos >= t.next_pos))
            return t.seeking || r.pos == t.next_pos || (r.flags & RING_END) != 0;
        ring_pop(t.host.ring, t.new_lane);
        worker_host_ring_bell(&t.host, t.new_lane);
    }
    return false;
}

static void switch_lanes(void)
{
    ring_discard(t.host.ring, t.lane);
    t.lane = t.new_lane;
    t.changing = false;
    printf("switched %ld\n", t.delivered);
}

/* As the daemon does, which takes the mark between two plays for the end of the first. */
static void join(const struct ring_record *r)
{
    struct wmsg m = { .type = WMSG_JOINED, .play = NEXT };
    worker_host_send(&t.host, &m, -1);
    t.play = NEXT;
    t.gain = t.next.open.render.sound.volume;
    t.next_pos = t.next.open.render.pos;
    printf("join %lld\n", (long long)r->pos);
    (void)fflush(stdout); /* somebody may wait for it */
}

/* Delivers one record. Returns false if there is none. */
static bool deliver(void)
{
    struct ring_record r;
    const uint8_t *bytes;
    if (t.changing && new_lane_ready()) {
        switch_lanes();
        return true; /* the next change may come before the first frame of this one */
    }
    if (t.changing && t.next_pos >= t.join_pos)
        return false;
    int n = ring_peek(t.host.ring, t.lane, &r, &bytes);
    if (n < 0) {
        (void)fprintf(stderr, "nonsense in the ring\n");
        exit(2);
    }
    if (n == 0)
        return false;
    if ((r.flags & RING_END) && t.changing)
        return false;
    if ((r.flags & RING_END) && (r.flags & RING_JOIN) && t.next_failed) {
        make_change(&(struct change){ .value = t.gain }); /* the end is made anew */
        return false;
    }
    if ((r.flags & RING_END) && (r.flags & RING_JOIN)) {
        join(&r);
    } else if (r.flags & RING_END) {
        printf("end %lld\n", (long long)r.pos);
        t.over = true;
    } else {
        print_frame(&r, bytes);
        t.next_pos = r.pos + AUDIO_FRAME_SAMPLES;
        t.delivered++;
    }
    ring_pop(t.host.ring, t.lane);
    worker_host_ring_bell(&t.host, t.lane);
    return true;
}

/* Returns true if it is time to CLOSE without more frames. */
static bool give_up_when_stuck(void)
{
    static long seen = -1;
    static uint64_t since_ns;
    if (t.delivered != seen) {
        seen = t.delivered;
        since_ns = clock_now_ns();
    }
    uint64_t stuck_ms = (clock_now_ns() - since_ns) / NS_PER_MS;
    if (t.close_after_ms > 0 && stuck_ms >= (uint64_t)t.close_after_ms)
        return true;
    if (stuck_ms < WAIT_MS)
        return false;
    (void)fprintf(stderr,
                  "stuck after %ld frames: lane %u, waits %u, %u and %u records, state %u\n",
                  t.delivered, t.lane, t.changing, ring_consumer_fill(t.host.ring, 0),
                  ring_consumer_fill(t.host.ring, 1), (unsigned)ring_worker_state(t.host.ring));
    exit(2);
}

static bool holds(void)
{
    if (t.delivered < t.hold.at)
        return false;
    if (ring_consumer_fill(t.host.ring, t.lane) >= t.hold.n_records)
        t.hold.n_records = 0;
    return t.hold.n_records > 0;
}

static int open_file(const char *name)
{
    int fd = strncmp(name, "fd:", 3) == 0 ? fcntl(atoi(name + 3), F_DUPFD_CLOEXEC, 3)
                                          : open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        perror(name);
        exit(2);
    }
    return fd;
}

static void send_with_file(const struct wmsg *m, const char *file)
{
    int fd = open_file(file);
    worker_host_send(&t.host, m, fd);
    (void)close(fd);
}

static void play(const char *file)
{
    struct wmsg m;
    send_with_file(&t.open, file);
    if (t.next_file)
        send_with_file(&t.next, t.next_file);
    while (!t.over) {
        while (!t.over && worker_host_receive(&t.host, &m, 0))
            print_message(&m);
        if (t.over)
            break;
        if (!t.changing && t.next_change < t.n_changes &&
            t.delivered >= t.changes[t.next_change].at)
            make_change(&t.changes[t.next_change++]);
        if (t.stop_after > 0 && t.delivered >= t.stop_after)
            break;
        if (!t.next_file && !holds() && deliver())
            continue;
        (void)ring_consumer_wait(t.host.ring, 0);
        if (worker_host_receive(&t.host, &m, t.changing ? 1 : 20))
            print_message(&m);
        if (give_up_when_stuck())
            break;
    }
    while (worker_host_receive(&t.host, &m, 0))
        print_message(&m);
}

static void close_play(void)
{
    struct wmsg m = { .type = WMSG_CLOSE, .play = t.play };
    worker_host_send(&t.host, &m, -1);
    while (worker_host_receive(&t.host, &m, WAIT_MS)) {
        if (m.type == WMSG_IDLE && m.play == t.play)
            return;
        print_message(&m);
    }
    (void)fprintf(stderr, "no IDLE after CLOSE\n");
    exit(2);
}

static void read_options(int argc, char **argv)
{
    struct wmsg_open *o = &t.open.open;
    for (int i = 3; i < argc; i++) {
        const char *arg = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--exact") == 0) {
            o->render.exact = 1;
            continue;
        }
        if (strcmp(argv[i], "--pos") == 0)
            o->render.pos = atoll(arg);
        else if (strcmp(argv[i], "--gain") == 0)
            o->render.sound.volume = o->render.from.volume = t.gain = strtod(arg, NULL);
        else if (strcmp(argv[i], "--depth") == 0)
            o->depth_frames = (uint32_t)atoi(arg);
        else if (strcmp(argv[i], "--next") == 0)
            t.next_file = arg;
        else if (strcmp(argv[i], "--next-pos") == 0)
            t.next.open.render.pos = atoll(arg);
        else if (strcmp(argv[i], "--next-gain") == 0)
            t.next.open.render.sound.volume = t.next.open.render.from.volume = strtod(arg, NULL);
        else if (strcmp(argv[i], "--hold") == 0 && i + 2 < argc) {
            t.hold.at = atol(arg);
            t.hold.n_records = (uint32_t)atoi(argv[i++ + 2]);
        } else if (strcmp(argv[i], "--stop-after") == 0)
            t.stop_after = atol(arg);
        else if (strcmp(argv[i], "--close-after-ms") == 0)
            t.close_after_ms = atol(arg);
        else if (strcmp(argv[i], "--hint") == 0)
            (void)sscanf(arg, "%ld:%ld", &o->hint.byte, &o->hint.packet);
        else if (strcmp(argv[i], "--at") == 0 && i + 3 < argc && t.n_changes < CHANGES_MAX) {
            t.changes[t.n_changes++] = (struct change){
                .at = atol(arg),
                .seek = strcmp(argv[i + 2], "volume") != 0,
                .joins = strcmp(argv[i + 2], "join") == 0,
                .value = strtod(argv[i + 3], NULL),
            };
            i += 2;
        } else {
            (void)fprintf(stderr, "what is %s?\n", argv[i]);
            exit(2);
        }
        i++;
    }
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    t.gain = 1;
    t.gen = 1;
    t.open = (struct wmsg){
        .type = WMSG_OPEN,
        .play = FIRST,
        .open = { .render = { .sound = { 1 }, .from = { 1 }, .gen = 1 },
                  .hint = RING_NO_HINT,
                  .depth_frames = 250,
                  .bitrate = 128000,
                  .complexity = 10 },
    };
    t.play = FIRST;
    t.next = t.open;
    t.next.type = WMSG_NEXT;
    t.next.play = NEXT;
    read_options(argc, argv);
    t.next_pos = t.open.open.render.pos;
    worker_host_start(&t.host, argv[1], t.open.open.depth_frames);
    play(argv[2]);
    close_play();
    worker_host_stop(&t.host);
    return 0;
}
