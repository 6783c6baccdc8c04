/*
 * What the inner pieces cost, each alone in a loop.
 *
 *   micro ring|pacer|frames|deliver|cold|commands [OPERATIONS]
 *   micro compiler
 *
 * Without a number it runs for a while, several times, and prints the median time of an operation
 * with the smallest and largest. With one it does just so many, so that callgrind counts the same
 * each time (bench/count.py); what compiler and processor they were made by and for is the other
 * line.
 */
#include "base/clock.h"
#include "playout/pacer.h"
#include "proto/command.h"
#include "ring/consumer.h"
#include "ring/producer.h"
#include "server/audio.h"
#include "ready_feed.h"
#include "session/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    DEPTH_FRAMES = 250,
    PACKET_BYTES = 330, /* of 20 ms at 128 kbit/s */
    BATCH = 50,
    SLOTS = 1000,
    CHANNELS = 60,
    SAMPLES = 9,
    EXIT_USAGE = 100,
};

#define SAMPLE_NS (UINT64_C(30) * 1000 * 1000)

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- ring: a packet in, looked at, taken ---- */

struct lane {
    struct ring_consumer *consumer;
    struct ring_producer producer;
    int64_t pos;
};

static void lane_init(struct lane *l)
{
    struct ring_shape shape = ring_shape_for(DEPTH_FRAMES);
    int fd;
    if (ring_consumer_new(&shape, &l->consumer, &fd) < 0 ||
        ring_producer_init(&l->producer, fd, &shape) < 0)
        die("ring");
    (void)close(fd);
    ring_producer_set_depth(&l->producer, DEPTH_FRAMES);
}

static void lane_put(struct lane *l)
{
    static const uint8_t packet[PACKET_BYTES];
    struct ring_record r = { .gen = 1, .len = PACKET_BYTES, .pos = l->pos };
    l->pos += AUDIO_FRAME_SAMPLES;
    if (ring_put(&l->producer, 0, &r, packet) < 0)
        die("ring_put");
}

static unsigned run_ring(void)
{
    static struct lane lane;
    if (!lane.consumer)
        lane_init(&lane);
    for (unsigned i = 0; i < BATCH; i++)
        lane_put(&lane);
    for (unsigned i = 0; i < BATCH; i++) {
        struct ring_record r;
        const uint8_t *packet;
        if (ring_peek(lane.consumer, 0, &r, &packet) != 1)
            die("ring_peek");
        ring_pop(lane.consumer, 0);
        (void)ring_producer_wants_bell(lane.consumer, 0);
    }
    return BATCH;
}

/* ---- pacer: a thousand sessions, each found due and walked once ---- */

static unsigned run_pacer(void)
{
    static struct pacer pacer;
    static struct pacer_slot slots[SLOTS];
    static uint64_t now_ns = 1;
    struct pacer_due due;
    unsigned n = 0;
    if (!slots[0].joined) {
        pacer_init(&pacer, now_ns);
        for (unsigned i = 0; i < SLOTS; i++)
            pacer_join(&pacer, &slots[i], now_ns);
    }
    now_ns += AUDIO_FRAME_NS;
    while (pacer_take_due(&pacer, now_ns, &due)) {
        while (pacer_next_slot(&pacer))
            n++;
    }
    return n;
}

/* ---- frames: into a connection's batch, and out at its socket with the flush ---- */

static struct {
    uv_loop_t loop;
    struct audio *audio;
    struct outlet_set set;
    struct outlet *outlets[CHANNELS];
    int theirs;
} wire;

static void wire_init(void)
{
    struct audio_config config = { .loop = &wire.loop, .max_connections = 1 };
    int pair[2];
    if (uv_loop_init(&wire.loop) < 0 || audio_new(&config, &wire.audio) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        die("wire");
    /* They never attached, so that they are every such connection's. */
    outlet_set_init(&wire.set, audio_taps(wire.audio), 1);
    for (unsigned i = 0; i < CHANNELS; i++) {
        wire.outlets[i] = outlet_set_get(&wire.set, i + 1);
        if (!wire.outlets[i])
            die("outlet");
    }
    audio_accept(wire.audio, pair[0]);
    wire.theirs = pair[1];
}

static void wire_flush(void)
{
    static char bytes[1 << 17];
    audio_flush(wire.audio);
    while (recv(wire.theirs, bytes, sizeof bytes, 0) > 0)
        ;
}

static unsigned run_frames(void)
{
    static const uint8_t packet[PACKET_BYTES];
    static uint32_t sequence;
    if (!wire.audio)
        wire_init();
    for (unsigned i = 0; i < CHANNELS; i++)
        outlet_frame(wire.outlets[i], sequence, packet, PACKET_BYTES);
    sequence++;
    wire_flush();
    return CHANNELS;
}

/* ---- deliver: all of it, from the rings of sixty channels to the socket ---- */

static struct {
    struct lane lane[CHANNELS];
    struct sessions sessions;
    struct session session[CHANNELS];
    struct play play[CHANNELS];
    unsigned in_hand;
} stage;

static void stage_init(void)
{
    wire_init();
    for (unsigned i = 0; i < CHANNELS; i++) {
        lane_init(&stage.lane[i]);
        struct segment from = { .ring = stage.lane[i].consumer, .gen = 1 };
        stage.play[i] = (struct play){
            .session = &stage.session[i],
            .feed = ready_feed(&session_feed_ops, &stage.play[i], &(struct feed_deps){ 0 }, &from),
            .owner = 1,
            .outlet = wire.outlets[i],
        };
        if (!stage.play[i].feed)
            die("ready_feed");
        stage.session[i] =
            (struct session){ .all = &stage.sessions, .channel = i + 1, .current = &stage.play[i] };
    }
}

static void stage_fill(void)
{
    for (unsigned k = 0; k < BATCH * CHANNELS; k++)
        lane_put(&stage.lane[k / BATCH]);
    stage.in_hand = BATCH;
}

static unsigned run_deliver(void)
{
    if (!wire.audio)
        stage_init();
    if (stage.in_hand == 0)
        stage_fill();
    for (unsigned i = 0; i < CHANNELS; i++) {
        if (session_deliver(&stage.session[i], 1) != 1)
            die("session_deliver");
    }
    wire_flush();
    for (unsigned i = 0; i < CHANNELS; i++)
        (void)session_delivered(&stage.session[i], false);
    stage.in_hand--;
    return CHANNELS;
}

/* ---- cold: the same after others had the processor's caches, all of them ----
 */

static void chill(void)
{
    static char other[64 << 20];
    for (size_t i = 0; i < sizeof other; i += 64)
        other[i]++;
    /* What fills the rings is not what is measured. */
    if (wire.audio && stage.in_hand == 0)
        stage_fill();
}

/* ---- commands: lines as a bot sends them ---- */

static unsigned run_commands(void)
{
    static const char *const lines[] = {
        "{\"type\":\"play\",\"tag\":\"17\",\"channel_id\":\"1037452345234523452\","
        "\"url\":\"/srv/music/some artist/an album/03 a song.flac\",\"volume\":0.8}",
        "{\"type\":\"volume\",\"tag\":\"18\",\"channel_id\":\"1037452345234523452\","
        "\"level\":0.35}",
        "{\"type\":\"seek\",\"channel_id\":\"1037452345234523452\",\"position\":83.25}",
        "{\"type\":\"stop\",\"channel_id\":\"1037452345234523452\"}",
    };
    enum { N = sizeof lines / sizeof lines[0] };
    for (unsigned i = 0; i < N; i++) {
        struct command c;
        char reason[COMMAND_REASON_MAX];
        if (command_parse(lines[i], strlen(lines[i]), &c, reason) < 0) {
            (void)fprintf(stderr, "micro: %s\n", reason);
            exit(1);
        }
        command_done(&c);
    }
    return N;
}

#if defined __x86_64__
#define MACHINE "x86_64"
#elif defined __aarch64__
#define MACHINE "aarch64"
#else
#define MACHINE "another machine"
#endif

static void print_compiler(void)
{
#ifdef __clang__
    (void)printf("clang %d %s\n", __clang_major__, MACHINE);
#else
    (void)printf("gcc %d %s\n", __GNUC__, MACHINE);
#endif
}

static const struct piece {
    const char *name;
    unsigned (*run)(void);
    void (*before)(void); /* each run, and not measured */
} pieces[] = {
    { "ring", run_ring, NULL },     { "pacer", run_pacer, NULL },
    { "frames", run_frames, NULL }, { "deliver", run_deliver, NULL },
    { "cold", run_deliver, chill }, { "commands", run_commands, NULL },
};

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Nanoseconds an operation, of one sample. */
static double sample(const struct piece *piece)
{
    uint64_t n = 0, took_ns = 0;
    uint64_t until_ns = clock_now_ns() + SAMPLE_NS;
    uint64_t began_ns;
    do {
        if (piece->before)
            piece->before();
        began_ns = clock_now_ns();
        n += piece->run();
        took_ns += clock_now_ns() - began_ns;
    } while (began_ns < until_ns);
    return (double)took_ns / (double)n;
}

static void measure(const struct piece *piece)
{
    double ns[SAMPLES];
    (void)sample(piece); /* what is touched for the first time costs more */
    for (unsigned i = 0; i < SAMPLES; i++)
        ns[i] = sample(piece);
    qsort(ns, SAMPLES, sizeof *ns, by_size);
    (void)printf("{\"piece\": \"%s\", \"ns\": %.1f, \"min\": %.1f, \"max\": %.1f}\n", piece->name,
                 ns[SAMPLES / 2], ns[0], ns[SAMPLES - 1]);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "compiler") == 0) {
        print_compiler();
        return 0;
    }
    for (size_t i = 0; argc >= 2 && i < sizeof pieces / sizeof pieces[0]; i++) {
        if (strcmp(argv[1], pieces[i].name) != 0)
            continue;
        uint64_t wanted = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
        if (wanted == 0)
            measure(&pieces[i]);
        for (uint64_t n = 0; n < wanted;)
            n += pieces[i].run();
        return 0;
    }
    return EXIT_USAGE;
}
