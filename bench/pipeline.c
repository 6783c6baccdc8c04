/*
 * Tutti's own pipeline without daemon, ring and other processes: what it costs beyond the bare loop
 * (yardstick decode, yardstick demux) is the pipeline's, what the whole costs beyond it is that of
 * running in many processes. Without threads and clocks, so that callgrind counts the same each
 * time.
 *
 *   pipeline FILE SECONDS
 *
 * Prints the same line as the yardsticks.
 */
#include "base/audio.h"
#include "media/render.h"
#include "media/source.h"
#include "media/track.h"

#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    KEEP_BYTES = 300 * 1000, /* as the worker keeps for rendering again */
    DEPTH_FRAMES = 250,
    RUN_FRAMES = AUDIO_FRAMES_PER_S, /* rendered between two sleeps */
    EXIT_USAGE = 100,
};

static uint64_t cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* A file never makes one wait. */
static int wait_for_nothing(struct source *source, int timeout_ms, void *arg)
{
    return -1;
}

static struct track *open_track(const char *path)
{
    struct source *source;
    struct track *track;
    struct failure failure;
    struct source_wait wait = { .fn = wait_for_nothing };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || source_new(fd, &wait, &source) < 0 ||
        track_new(source, KEEP_BYTES, &track, &failure) < 0) {
        (void)fprintf(stderr, "pipeline: %s cannot be opened\n", path);
        exit(1);
    }
    return track;
}

int main(int argc, char **argv)
{
    uint64_t frames_max = argc == 3 ? (uint64_t)(atof(argv[2]) * AUDIO_FRAMES_PER_S) : 0;
    if (frames_max <= AUDIO_FRAMES_PER_S)
        return EXIT_USAGE;
    (void)mallopt(M_MXFAST, 0); /* as the worker */
    struct track *track = open_track(argv[1]);
    struct render *render;
    struct wmsg_render how = { .sound = { 1 }, .from = { 1 } };
    struct frame frame;
    uint64_t n = 0, n_bytes = 0, cpu_1s_ns = 0;
    if (render_new(128000, 10, &render) < 0 || render_begin(render, track, 1, &how) < 0)
        return 1;
    while (n < frames_max && render_next(render, &frame) == 1 && frame.record.len > 0) {
        n_bytes += frame.record.len;
        if (++n == AUDIO_FRAMES_PER_S)
            cpu_1s_ns = cpu_ns();
        if (n % RUN_FRAMES == 0)
            track_forget(track, frame.record.pos - (int64_t)DEPTH_FRAMES * AUDIO_FRAME_SAMPLES);
    }
    (void)printf("{\"media_s\": %.2f, \"frames\": %" PRIu64 ", \"bytes\": %" PRIu64
                 ", \"cpu_1s_ns\": %" PRIu64 ", \"cpu_ns\": %" PRIu64 "}\n",
                 (double)n / AUDIO_FRAMES_PER_S, n, n_bytes, cpu_1s_ns, cpu_ns());
    render_free(render);
    track_free(track);
    return 0;
}
