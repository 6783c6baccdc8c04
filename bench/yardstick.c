/*
 * The limits that Tutti is measured against, as bare as they can be written: no daemon, no ring, no
 * second process. Each prints one JSON line.
 *
 *   yardstick decode FILE SECONDS            decode + resample + libopus, the daemon's settings
 *   yardstick demux FILE SECONDS             read packets and do nothing with them
 *   yardstick timer MICROSECONDS SECONDS OUT a timerfd loop; its lateness [ns, u32] goes to OUT
 *   yardstick wire MICROSECONDS SECONDS OUT  the same, when a reader of its socket has heard of it
 *
 * The last two run with the daemon's precedence.
 *
 * CPU time is told twice, at the first second of media and at the end, so that start-up can be
 * taken out: cost = (cpu_ns − cpu_1s_ns) / (media_s − 1).
 */
#include "playout/priority.h"

#include <inttypes.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <opus.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { RATE = 48000, FRAME = 960, PACKET_MAX = 1275, EXIT_USAGE = 100 };

static void die(const char *what)
{
    (void)fprintf(stderr, "yardstick: %s\n", what);
    exit(1);
}

static uint64_t clock_ns(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static uint64_t cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

struct loop {
    AVFormatContext *format;
    AVCodecContext *codec;
    SwrContext *swr;
    OpusEncoder *opus;
    int stream;
    float *queue; /* stereo samples at 48 kHz that wait for a whole frame */
    int n_queue, capacity;
    uint64_t n_frames, n_bytes, frames_max, cpu_1s_ns;
};

static void open_file(struct loop *l, const char *path)
{
    if (avformat_open_input(&l->format, path, NULL, NULL) < 0 ||
        avformat_find_stream_info(l->format, NULL) < 0)
        die("the file cannot be opened");
    l->stream = av_find_best_stream(l->format, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
    if (l->stream < 0)
        die("there is no audio in the file");
}

static void open_decoder(struct loop *l)
{
    const AVCodecParameters *par = l->format->streams[l->stream]->codecpar;
    const AVCodec *codec = avcodec_find_decoder(par->codec_id);
    l->codec = codec ? avcodec_alloc_context3(codec) : NULL;
    if (!l->codec || avcodec_parameters_to_context(l->codec, par) < 0)
        die("there is no decoder");
    l->codec->thread_count = 1;
    if (avcodec_open2(l->codec, codec, NULL) < 0)
        die("the decoder cannot be opened");
}

static void open_rest(struct loop *l)
{
    AVChannelLayout stereo = AV_CHANNEL_LAYOUT_STEREO;
    if (swr_alloc_set_opts2(&l->swr, &stereo, AV_SAMPLE_FMT_FLT, RATE, &l->codec->ch_layout,
                            l->codec->sample_fmt, l->codec->sample_rate, 0, NULL) < 0)
        die("out of memory");
    (void)av_opt_set_double(l->swr, "rematrix_maxval", 1.0, 0);
    int r;
    l->opus = opus_encoder_create(RATE, 2, OPUS_APPLICATION_AUDIO, &r);
    if (swr_init(l->swr) < 0 || !l->opus)
        die("resampler or encoder cannot be opened");
    (void)opus_encoder_ctl(l->opus, OPUS_SET_BITRATE(128000));
    (void)opus_encoder_ctl(l->opus, OPUS_SET_VBR(1));
    (void)opus_encoder_ctl(l->opus, OPUS_SET_COMPLEXITY(10));
}

static void count_frame(struct loop *l)
{
    if (++l->n_frames == RATE / FRAME)
        l->cpu_1s_ns = cpu_ns();
}

static void encode_queue(struct loop *l)
{
    uint8_t packet[PACKET_MAX];
    int at = 0;
    for (; l->n_queue - at >= FRAME && l->n_frames < l->frames_max; at += FRAME) {
        int n = opus_encode_float(l->opus, l->queue + 2 * at, FRAME, packet, sizeof packet);
        if (n < 0)
            die("encoding failed");
        l->n_bytes += (uint64_t)n;
        count_frame(l);
    }
    l->n_queue -= at;
    memmove(l->queue, l->queue + 2 * at, (size_t)l->n_queue * 2 * sizeof(float));
}

static void take_frame(struct loop *l, const AVFrame *frame)
{
    int room = swr_get_out_samples(l->swr, frame->nb_samples);
    if (l->n_queue + room > l->capacity) {
        l->capacity = l->n_queue + room + RATE / 4;
        l->queue = realloc(l->queue, (size_t)l->capacity * 2 * sizeof(float));
        if (!l->queue)
            die("out of memory");
    }
    uint8_t *out = (uint8_t *)(l->queue + 2 * l->n_queue);
    int n =
        swr_convert(l->swr, &out, room, (const uint8_t **)frame->extended_data, frame->nb_samples);
    if (n < 0)
        die("resampling failed");
    l->n_queue += n;
    encode_queue(l);
}

static void print_cost(const struct loop *l)
{
    (void)printf("{\"media_s\": %.2f, \"frames\": %" PRIu64 ", \"bytes\": %" PRIu64
                 ", \"cpu_1s_ns\": %" PRIu64 ", \"cpu_ns\": %" PRIu64 "}\n",
                 (double)l->n_frames * FRAME / RATE, l->n_frames, l->n_bytes, l->cpu_1s_ns,
                 cpu_ns());
}

static void run_decode(const char *path, double seconds)
{
    struct loop l = { .frames_max = (uint64_t)(seconds * RATE / FRAME) };
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    open_file(&l, path);
    open_decoder(&l);
    open_rest(&l);
    while (l.n_frames < l.frames_max && av_read_frame(l.format, packet) >= 0) {
        if (packet->stream_index == l.stream && avcodec_send_packet(l.codec, packet) >= 0) {
            while (avcodec_receive_frame(l.codec, frame) >= 0)
                take_frame(&l, frame);
        }
        av_packet_unref(packet);
    }
    print_cost(&l);
}

static void run_demux(const char *path, double seconds)
{
    struct loop l = { .frames_max = (uint64_t)(seconds * RATE / FRAME) };
    AVPacket *packet = av_packet_alloc();
    open_file(&l, path);
    while (l.n_frames < l.frames_max && av_read_frame(l.format, packet) >= 0) {
        l.n_bytes += (uint64_t)packet->size;
        if (packet->stream_index == l.stream)
            count_frame(&l);
        av_packet_unref(packet);
    }
    print_cost(&l);
}

struct ticks {
    uint64_t period_ns;
    size_t n;
    uint32_t *late;
    int wire[2]; /* the timer's end and the reader's; −1 without a reader */
};

/* Sleeps until a read returns, as whoever receives frames does. */
static void *read_wire(void *arg)
{
    struct ticks *t = arg;
    uint64_t deadline_ns;
    (void)priority_raise();
    for (size_t i = 0; i < t->n; i++) {
        if (read(t->wire[1], &deadline_ns, sizeof deadline_ns) != sizeof deadline_ns)
            die("the wire failed");
        t->late[i] = (uint32_t)(clock_ns(CLOCK_MONOTONIC) - deadline_ns);
    }
    return NULL;
}

/* Absolute deadlines, set anew at each tick as the daemon's pacer does, and with its precedence. */
static void tick(const struct ticks *t, int fd)
{
    (void)priority_raise();
    uint64_t next_ns = clock_ns(CLOCK_MONOTONIC) + t->period_ns;
    for (size_t i = 0; i < t->n; i++, next_ns += t->period_ns) {
        struct itimerspec at = { .it_value = { .tv_sec = (time_t)(next_ns / 1000000000U),
                                               .tv_nsec = (long)(next_ns % 1000000000U) } };
        uint64_t ticks;
        if (timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, NULL) < 0 ||
            read(fd, &ticks, sizeof ticks) != sizeof ticks)
            die("the timer failed");
        if (t->wire[0] < 0)
            t->late[i] = (uint32_t)(clock_ns(CLOCK_MONOTONIC) - next_ns);
        else if (write(t->wire[0], &next_ns, sizeof next_ns) != sizeof next_ns)
            die("the wire failed");
    }
}

static void run_timer(uint64_t period_ns, double seconds, const char *path, bool through_wire)
{
    struct ticks t = { .period_ns = period_ns,
                       .n = (size_t)(seconds * 1e9 / (double)period_ns),
                       .wire = { -1, -1 } };
    pthread_t reader;
    t.late = calloc(t.n, sizeof *t.late);
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    FILE *out = fopen(path, "wb");
    if (!t.late || fd < 0 || !out)
        die("the timer loop cannot be set up");
    memset(t.late, 0xff, t.n * sizeof *t.late); /* its pages are there before the first tick */
    if (through_wire && (socketpair(AF_UNIX, SOCK_STREAM, 0, t.wire) < 0 ||
                         pthread_create(&reader, NULL, read_wire, &t) != 0))
        die("the wire cannot be set up");
    tick(&t, fd);
    if (through_wire)
        (void)pthread_join(reader, NULL);
    if (fwrite(t.late, sizeof *t.late, t.n, out) != t.n || fclose(out) != 0)
        die("the figures cannot be written");
    (void)printf("{\"ticks\": %zu, \"cpu_ns\": %" PRIu64 "}\n", t.n, cpu_ns());
}

int main(int argc, char **argv)
{
    double seconds = argc > 3 ? atof(argv[3]) : 0;
    av_log_set_level(AV_LOG_ERROR);
    if (argc == 4 && strcmp(argv[1], "decode") == 0 && seconds > 1)
        run_decode(argv[2], seconds);
    else if (argc == 4 && strcmp(argv[1], "demux") == 0 && seconds > 1)
        run_demux(argv[2], seconds);
    else if (argc == 5 && (strcmp(argv[1], "timer") == 0 || strcmp(argv[1], "wire") == 0) &&
             atoi(argv[2]) > 0 && seconds > 0)
        run_timer((uint64_t)atoi(argv[2]) * 1000, seconds, argv[4], argv[1][0] == 'w');
    else
        return EXIT_USAGE;
    return 0;
}
