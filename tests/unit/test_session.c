/* What leaves in a pass of the pacer, in which order, when it is said, and what an outlet hears of
 * rests: sessions on a real player, with rings that this test fills in place of workers. */
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
    struct outlet outlets[CHANNELS];
    struct ring_pair rings[CHANNELS];
    char log[256]; /* f: a frame, m: an end marker, r: a rest, !: all leave, e: an event is said */
    size_t n_logged;
    unsigned n_said, want_said;
    size_t want_logged;
    uint32_t n_credit;
    bool down;
} f;

static void note(char what)
{
    assert_true(f.n_logged < sizeof f.log - 1);
    f.log[f.n_logged++] = what;
}

static void on_frame(struct outlet *o, uint32_t sequence, const uint8_t *packet, uint32_t len)
{
    note(len > 0 ? 'f' : 'm');
}

static void on_rest(struct outlet *o)
{
    note('r');
}

static uint32_t on_credit(struct outlet *o)
{
    return f.n_credit;
}

static void on_spend(struct outlet *o)
{
    f.n_credit--;
}

static void on_flush(void *arg)
{
    note('!');
}

static void on_event(const struct event *e, const struct ticket *answer, uint64_t owner, void *arg)
{
    f.n_said++;
    note('e');
}

static int set_up(void **state)
{
    static const struct outlet_ops outlet_ops = {
        .frame = on_frame, .rest = on_rest, .credit = on_credit, .spend = on_spend
    };
    size_t bad;
    memset(&f, 0, sizeof f);
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
    for (size_t i = 0; i < CHANNELS; i++) {
        ring_pair_open(&f.rings[i], config.ring);
        f.outlets[i] = (struct outlet){
            .ops = &outlet_ops, .channel = i + 1, .flow = OUTLET_PACED, .n_holders = 1
        };
    }
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
    for (size_t i = 0; i < CHANNELS; i++) {
        ring_pair_close(&f.rings[i]);
        assert_int_equal(f.outlets[i].n_holders, 1);
        assert_null(f.outlets[i].plug);
    }
    return 0;
}

static void put_frames(size_t i, unsigned n)
{
    while (n-- > 0)
        assert_int_equal(ring_pair_put(&f.rings[i], 0, 0, 10), 0);
}

static void put_end(size_t i)
{
    struct ring_record end = { .flags = RING_END };
    assert_int_equal(ring_put(&f.rings[i].producer, 0, &end, NULL), 0);
}

/* A channel in which a play is audible, whose frames the test makes. */
static void add_channel(size_t i)
{
    struct session *s = calloc(1, sizeof *s);
    struct play *p = calloc(1, sizeof *p);
    assert_true(s && p && pool_take_seat(f.pool) == 0);
    struct feed_deps deps = { .locator = f.locator, .pool = f.pool };
    struct segment from = { .ring = f.rings[i].consumer };
    *p = (struct play){
        .session = s,
        .feed = ready_feed(&session_feed_ops, p, &deps, &from),
        .owner = 7,
        .outlet = outlet_hold(&f.outlets[i]),
        .announced = true,
    };
    assert_non_null(p->feed);
    *s =
        (struct session){ .all = f.sessions, .channel = i + 1, .plug = session_plug, .current = p };
    HASH_ADD(hh, f.sessions->by_channel, channel, sizeof s->channel, s);
    session_update(s);
}

static bool has_said(void *arg)
{
    return f.n_said >= f.want_said;
}

static void await_events(unsigned n)
{
    f.want_said = n;
    assert_true(loop_until(&f.loop, has_said, NULL));
}

static bool has_logged(void *arg)
{
    return f.n_logged >= f.want_logged;
}

/* Until there are so many marks in the log, that many passes have certainly been. */
static void await_log(size_t n)
{
    f.want_logged = n;
    assert_true(loop_until(&f.loop, has_logged, NULL));
}

static size_t count(char what)
{
    size_t n = 0;
    for (const char *at = f.log; *at; at++)
        n += *at == what;
    return n;
}

static void command(void (*fn)(struct sessions *ss, uint64_t channel, const struct ticket *ticket))
{
    struct ticket ticket = { .owner = 7 };
    fn(f.sessions, 1, &ticket);
}

/* Saying means to format and to write to sockets, by which the frames of sessions that come later
 * in the pass were late. */
static void nothing_is_said_before_the_frames_of_the_pass_have_left(void **state)
{
    for (size_t i = 0; i < CHANNELS; i++) {
        put_frames(i, FRAMES);
        put_end(i);
        add_channel(i);
    }
    await_events(CHANNELS);
    /* On a machine that is late a pass has more frames, which is as well. */
    size_t n_taken = strspn(f.log, "fmr!");
    assert_true(n_taken >= 8);
    assert_memory_equal(f.log + n_taken - 8, "fmrfmr!!", 8);
    assert_string_equal(f.log + n_taken, "ee");
}

/* Credit is spent from the loop, in which many sessions have their turn: the same holds there. */
static void an_end_leaves_before_it_is_said(void **state)
{
    f.n_credit = FRAMES;
    f.outlets[0].flow = OUTLET_CREDIT;
    put_frames(0, FRAMES);
    put_end(0);
    add_channel(0);
    await_events(1);
    assert_string_equal(f.log, "fff!mr!e");
}

/* A pause and a drought are rests, each said once; frames end them. */
static void a_rest_is_said_once(void **state)
{
    put_frames(0, 1);
    add_channel(0);
    await_log(6); /* the frame, and passes without one */
    assert_int_equal(count('f'), 1);
    assert_int_equal(count('r'), 1);
    command(sessions_pause);
    command(sessions_pause);
    assert_int_equal(count('r'), 1); /* it rested already */
    put_frames(0, 1);
    command(sessions_resume);
    await_log(f.n_logged + 3);
    assert_int_equal(count('f'), 2);
    command(sessions_pause);
    assert_int_equal(count('r'), 2);
    sessions_shutdown(f.sessions);
    assert_int_equal(count('r'), 3); /* behind the end marker */
}

/* The session hears of its outlet's flow by the plug, and only as long as it is plugged in. */
static void the_flow_changes(void **state)
{
    put_frames(0, 2);
    add_channel(0);
    assert_non_null(f.outlets[0].plug);
    await_log(1);
    f.outlets[0].flow = OUTLET_HOLD;
    outlet_tell(&f.outlets[0]);
    assert_true(count('r') == 1 || count('f') == 0);
    f.outlets[0].flow = OUTLET_CREDIT;
    f.n_credit = 2;
    outlet_tell(&f.outlets[0]);
    put_end(0);
    await_events(1);
    assert_int_equal(count('f'), 2);
    assert_null(f.outlets[0].plug);
    outlet_tell(&f.outlets[0]); /* nobody hears it */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_said_before_the_frames_of_the_pass_have_left),
        TEST(an_end_leaves_before_it_is_said),
        TEST(a_rest_is_said_once),
        TEST(the_flow_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
