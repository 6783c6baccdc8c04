/* What leaves in a pass of the pacer, in which order, and when it is said: sessions on a real
 * player, with rings that this test fills in place of workers. */
#include "loop.h"
#include "ready_feed.h"
#include "ring_pair.h"
#include "session/session.h"

enum { CHANNELS = 2, FRAMES = 3 };

static struct {
    uv_loop_t loop;
    struct roots *roots;
    struct locator *locator;
    struct pool *pool;
    struct sessions *sessions;
    struct outlet outlet;
    struct ring_pair rings[CHANNELS];
    char log[256]; /* f: a frame, m: an end marker, !: all leave, e: an event is said */
    size_t n_logged;
    unsigned n_said;
    bool down;
} f;

static void note(char what)
{
    assert_true(f.n_logged < sizeof f.log - 1);
    f.log[f.n_logged++] = what;
}

static void on_frame(struct outlet *o, uint64_t channel, uint32_t sequence, const uint8_t *packet,
                     uint32_t len)
{
    note(len > 0 ? 'f' : 'm');
}

static void on_outlet_flush(struct outlet *o)
{
    note('!');
}

static void on_flush(void *arg)
{
    note('!');
}

static void on_event(const struct event *e, const struct origin *answer, uint64_t owner, void *arg)
{
    f.n_said++;
    note('e');
}

static int set_up(void **state)
{
    static const struct outlet_ops outlet_ops = { .frame = on_frame, .flush = on_outlet_flush };
    size_t bad;
    memset(&f, 0, sizeof f);
    f.outlet = (struct outlet){ .ops = &outlet_ops, .flow = OUTLET_PACED };
    struct pool_config config = { .worker_path = "/bin/false",
                                  .log_level = "error",
                                  .max_seats = CHANNELS,
                                  .ring = { .n_slots = 16, .lane_bytes = 20480 } };
    assert_int_equal(uv_loop_init(&f.loop), 0);
    assert_int_equal(roots_new(NULL, 0, &f.roots, &bad), 0);
    struct locator_config locator = { .loop = &f.loop, .roots = f.roots };
    f.locator = locator_new(&locator);
    assert_non_null(f.locator);
    assert_int_equal(pool_new(&f.loop, &config, &f.pool), 0);
    struct sessions_deps deps = {
        .loop = &f.loop, .pool = f.pool, .locator = f.locator, .event = on_event, .flush = on_flush
    };
    for (size_t i = 0; i < CHANNELS; i++)
        ring_pair_open(&f.rings[i], config.ring);
    return sessions_new(&deps, &f.sessions);
}

static void on_down(void *arg)
{
    f.down = true;
}

static int tear_down(void **state)
{
    sessions_shutdown(f.sessions);
    assert_int_equal(pool_active_count(f.pool), 0);
    pool_shutdown(f.pool, on_down, NULL);
    assert_true(loop_until(&f.loop, loop_is_true, &f.down));
    sessions_free(f.sessions);
    locator_free(f.locator);
    loop_end(&f.loop);
    roots_free(f.roots);
    for (size_t i = 0; i < CHANNELS; i++)
        ring_pair_close(&f.rings[i]);
    return 0;
}

/* A channel of which so many frames lie ready, and behind them the end. */
static void add_channel(size_t i, unsigned n_frames)
{
    struct session *s = calloc(1, sizeof *s);
    struct play *p = calloc(1, sizeof *p);
    assert_true(s && p && pool_take_seat(f.pool) == 0);
    struct feed_deps deps = { .locator = f.locator, .pool = f.pool };
    struct segment from = { .ring = f.rings[i].consumer };
    *p = (struct play){
        .session = s,
        .feed = ready_feed(&session_feed_ops, p, &deps, &from),
        .client = { .number = 7, .outlet = &f.outlet },
        .announced = true,
    };
    assert_non_null(p->feed);
    *s = (struct session){ .all = f.sessions, .channel = i + 1, .current = p };
    HASH_ADD(hh, f.sessions->by_channel, channel, sizeof s->channel, s);
    for (unsigned n = 0; n < n_frames; n++)
        assert_int_equal(ring_pair_put(&f.rings[i], 0, 0, 10), 0);
    struct ring_record end = { .flags = RING_END };
    assert_int_equal(ring_put(&f.rings[i].producer, 0, &end, NULL), 0);
    session_update(s);
}

static bool all_said(void *arg)
{
    return f.n_said == CHANNELS;
}

/* Saying means to format and to write to sockets, by which the frames of sessions that come later
 * in the pass were late. */
static void nothing_is_said_before_the_frames_of_the_pass_have_left(void **state)
{
    add_channel(0, FRAMES);
    add_channel(1, FRAMES);
    assert_true(loop_until(&f.loop, all_said, NULL));
    /* On a machine that is late a pass has more frames, which is as well. */
    size_t n_taken = strspn(f.log, "fm!");
    assert_true(n_taken >= 6);
    assert_memory_equal(f.log + n_taken - 6, "fmfm!!", 6);
    assert_string_equal(f.log + n_taken, "ee");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_said_before_the_frames_of_the_pass_have_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
