/*
 * The receiving end of the audio socket: attaches for a client, notes when each frame came, and
 * writes the notes when its standard input is closed. It reads in large pieces, touches its memory
 * beforehand, so as to disturb little, and runs with the daemon's precedence, so as not to be late
 * itself.
 *
 *   listen SOCKET CLIENT FRAMES_MAX OUT
 *
 * Says `attached`, then `first CHANNEL NS`, of the first frame that is not lost, and `end CHANNEL
 * NS FRAMES` a line as they come. Writes OUT, a `struct note` for each frame, and OUT.sleep, what a
 * thread of this process that only sleeps until every fifth millisecond was late by [ns, u32]: so
 * late is this harness itself.
 */
#include "playout/priority.h"

#include <endian.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { HEAD = 16, BUFFER = 1 << 20, SLEEPS_MAX = 1 << 18, SLEEP_NS = 5000000, EXIT_USAGE = 100 };

struct note {
    uint64_t at_ns; /* CLOCK_MONOTONIC when the read that brought it had returned */
    uint32_t sequence;
    uint16_t channel;
    uint16_t len; /* of the packet; 0 is the end marker */
};

static struct {
    struct note *notes;
    size_t n, max;
    bool plays[UINT16_MAX + 1]; /* a frame has come, and not its end */
    uint8_t *buffer;
    size_t len;
} got;

static struct {
    uint32_t *late;
    _Atomic size_t n;
} slept;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void *pages(size_t size)
{
    void *p =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (p == MAP_FAILED)
        die("mmap");
    return p;
}

static void *sleeper(void *arg)
{
    (void)priority_raise();
    uint64_t next_ns = now_ns() + SLEEP_NS;
    for (size_t i = 0; i < SLEEPS_MAX; i++, next_ns += SLEEP_NS) {
        struct timespec at = { .tv_sec = (time_t)(next_ns / 1000000000U),
                               .tv_nsec = (long)(next_ns % 1000000000U) };
        (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
        slept.late[i] = (uint32_t)(now_ns() - next_ns);
        atomic_store_explicit(&slept.n, i + 1, memory_order_release);
    }
    return arg;
}

static int attach(const char *path, const char *client)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char line[256];
    int n = snprintf(line, sizeof line,
                     "{\"type\":\"attach\",\"client\":\"%s\",\"flow\":\"paced\"}\n", client);
    if (fd < 0 || strlen(path) >= sizeof to.sun_path || n >= (int)sizeof line)
        die("socket");
    strcpy(to.sun_path, path);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 || send(fd, line, (size_t)n, 0) != n)
        die("connect");
    return fd;
}

static void take_frame(const uint8_t *frame, uint32_t len, uint64_t at_ns)
{
    uint64_t channel;
    uint32_t sequence;
    memcpy(&channel, frame + 4, sizeof channel);
    memcpy(&sequence, frame + 12, sizeof sequence);
    channel = be64toh(channel);
    sequence = be32toh(sequence);
    if (channel == 0)
        (void)printf("attached\n");
    else if (len == 0)
        (void)printf("end %" PRIu64 " %" PRIu64 " %" PRIu32 "\n", channel, at_ns, sequence);
    else if (!got.plays[(uint16_t)channel])
        (void)printf("first %" PRIu64 " %" PRIu64 "\n", channel, at_ns);
    got.plays[(uint16_t)channel] = len > 0;
    if (channel != 0 && got.n < got.max)
        got.notes[got.n++] = (struct note){
            .at_ns = at_ns, .sequence = sequence, .channel = (uint16_t)channel, .len = (uint16_t)len
        };
}

/* One read; all whole frames in it came at this time. Returns false at the end of the stream. */
static bool take_some(int fd)
{
    ssize_t n = recv(fd, got.buffer + got.len, BUFFER - got.len, 0);
    uint64_t at_ns = now_ns();
    if (n <= 0)
        return false;
    got.len += (size_t)n;
    size_t at = 0;
    while (got.len - at >= HEAD) {
        uint32_t length;
        memcpy(&length, got.buffer + at, sizeof length);
        length = be32toh(length);
        if (got.len - at < length + 4)
            break;
        take_frame(got.buffer + at, length - 12, at_ns);
        at += length + 4;
    }
    got.len -= at;
    memmove(got.buffer, got.buffer + at, got.len);
    (void)fflush(stdout);
    return true;
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(bytes, 1, size, out) != size || fclose(out) != 0)
        die(path);
}

int main(int argc, char **argv)
{
    if (argc != 5 || atol(argv[3]) <= 0)
        return EXIT_USAGE;
    got.max = (size_t)atol(argv[3]);
    got.notes = pages(got.max * sizeof *got.notes);
    got.buffer = pages(BUFFER);
    slept.late = pages(SLEEPS_MAX * sizeof *slept.late);
    pthread_t thread;
    if (pthread_create(&thread, NULL, sleeper, NULL) != 0)
        die("pthread_create");
    (void)priority_raise();
    int fd = attach(argv[1], argv[2]);
    struct pollfd wait[2] = { { .fd = fd, .events = POLLIN }, { .fd = 0, .events = POLLIN } };
    bool open = true;
    while (open && poll(wait, 2, -1) > 0 && !wait[1].revents)
        open = take_some(fd);
    char path[4096];
    (void)snprintf(path, sizeof path, "%s.sleep", argv[4]);
    size_t n = atomic_load_explicit(&slept.n, memory_order_acquire);
    write_file(path, slept.late, n * sizeof *slept.late);
    write_file(argv[4], got.notes, got.n * sizeof *got.notes);
    return open ? 0 : 1;
}
