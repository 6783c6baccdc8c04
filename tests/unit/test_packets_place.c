/* Where a packet lies behind a seek: where it would have been counted to. */
#include "media/packets.h"
#include "media/source.h"
#include "mkv.h"
#include "unit.h"

#include <sys/mman.h>
#include <unistd.h>

enum { PRE_SKIP = 312, OPUS_SAMPLES = 960, OPUS_RATE = 48000, PACKETS = 600, OPUS_MS = 20 };

static struct mkv mkv;

static int never_waits(struct source *s, int timeout_ms, void *arg)
{
    return -EINTR;
}

static struct packets *open_packets(struct source **ret_source)
{
    static const struct source_wait wait = { .fn = never_waits };
    struct source *s;
    struct packets *p;
    int fd = memfd_create("mkv", 0);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, mkv.bytes, mkv.len), (ssize_t)mkv.len);
    assert_int_equal(source_new(fd, &wait, &s), 0);
    assert_int_equal(packets_new(s, 100 * 1000, &p), 0);
    *ret_source = s;
    return p;
}

/* Where the packet lies that a seek to that second leads to. */
static int64_t place_at(struct packets *p, int second)
{
    struct packet *k;
    assert_int_equal(packets_go(p, (int64_t)second * OPUS_RATE, 0), 0);
    assert_int_equal(packets_next(p, &k), 1);
    packets_settled(p, OPUS_SAMPLES, OPUS_RATE);
    assert_true(k->sample <= (int64_t)second * OPUS_RATE);
    return k->sample;
}

/* As a writer makes it that forgets CodecDelay and rounds: the first time cannot be negative, all
 * others are `early_ms` early. */
static void make_webm(int early_ms)
{
    static const uint8_t head[] = "OpusHead\1\2\x38\1\x80\xbb\0\0\0\0"; /* and family 0 */
    static const uint8_t packet[] = { 0xfc, 0xff, 0xfe };
    mkv_head(&mkv, "A_OPUS", head, sizeof head, OPUS_RATE, PACKETS * (double)OPUS_MS);
    for (int i = 0; i < PACKETS; i++) {
        int ms = i * OPUS_MS - early_ms;
        mkv_cluster(&mkv, (uint64_t)(ms > 0 ? ms : 0), packet, sizeof packet);
    }
}

static void a_first_time_that_is_cut_off_shifts_nothing(void **state)
{
    static const int early_ms[] = { 0, 6, 7, 19 };
    static const int seconds[] = { 11, 6, 11, 5 }; /* neither kept nor near */
    for (size_t i = 0; i < sizeof early_ms / sizeof early_ms[0]; i++) {
        struct packet *k;
        struct source *s;
        make_webm(early_ms[i]);
        struct packets *p = open_packets(&s);
        assert_int_equal(packets_next(p, &k), 1);
        assert_int_equal(k->skip, PRE_SKIP);
        packets_settled(p, OPUS_SAMPLES, OPUS_RATE);
        for (size_t j = 0; j < sizeof seconds / sizeof seconds[0]; j++)
            assert_int_equal((place_at(p, seconds[j]) + PRE_SKIP) % OPUS_SAMPLES, 0);
        packets_free(p);
        source_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_time_that_is_cut_off_shifts_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
