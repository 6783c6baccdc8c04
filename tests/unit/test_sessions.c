/*
 * What commands do to channels as long as no play has a frame: refusals, answers, places, seats.
 * The pool's program dies at once, so that no worker ever comes; plays with frames are the
 * end-to-end tests' business.
 */
#include "loop.h"
#include "session/sessions.h"
#include "tree.h"

static struct {
    struct tree tree;
    uv_loop_t loop;
    struct roots *roots;
    struct locator *locator;
    struct pool *pool;
    struct sessions *sessions;
    struct outlet outlet, elsewhere; /* of no particular channel */
    const char *tags[64];            /* by the numbers of tickets; NULL: answered */
    size_t n_tickets;
    char said[64][96]; /* "type channel play detail tag" of each event */
    size_t n_said, want_said;
    bool down;
} f;

static void on_event(const struct event *e, const struct ticket *answer, uint64_t owner, void *arg)
{
    static const char *const types[EVENT_TYPE_COUNT] = {
        "ready",    "paused",  "resumed",  "seeked",  "volume", "title",
        "duration", "stopped", "finished", "warning", "error",
    };
    static const char *const reasons[STOP_REASON_COUNT] = { "stop", "replaced", "client_gone",
                                                            "shutdown" };
    const char *detail = e->type == EVENT_ERROR     ? error_wire_name(e->error)
                         : e->type == EVENT_STOPPED ? reasons[e->reason]
                                                    : "";
    assert_true(f.n_said < LENGTH_OF(f.said));
    const char *tag = answer ? f.tags[answer->number] : "-";
    assert_non_null(tag); /* each is answered once … */
    if (answer)
        f.tags[answer->number] = NULL;
    (void)snprintf(f.said[f.n_said++], sizeof f.said[0], "%s %u %s %s %s", types[e->type],
                   (unsigned)e->channel, e->play_id ? e->play_id : "-", detail, tag);
}

static void on_flush(void *arg)
{
}

static int set_up(void **state)
{
    size_t bad;
    memset(&f, 0, sizeof f);
    f.outlet.n_holders = f.elsewhere.n_holders = 1;
    tree_make(&f.tree);
    const char *dirs[] = { tree_path(&f.tree, "music") };
    struct pool_config config = { .worker_path = "/bin/false",
                                  .log_level = "error",
                                  .max_seats = 2,
                                  .ring = { .n_slots = 16, .lane_bytes = 20480 } };
    assert_int_equal(uv_loop_init(&f.loop), 0);
    assert_int_equal(roots_new(dirs, 1, &f.roots, &bad), 0);
    struct locator_config locator = { .loop = &f.loop, .roots = f.roots };
    f.locator = locator_new(&locator);
    assert_non_null(f.locator);
    assert_int_equal(pool_new(&f.loop, &config, &f.pool), 0);
    struct sessions_deps deps = { .loop = &f.loop,
                                  .pool = f.pool,
                                  .locator = f.locator,
                                  .config = { .depth_frames = 10, .bitrate = 128000 },
                                  .event = on_event,
                                  .flush = on_flush };
    return sessions_new(&deps, &f.sessions);
}

static void on_down(void *arg)
{
    f.down = true;
}

static int tear_down(void **state)
{
    sessions_shutdown(f.sessions);
    for (size_t i = 0; i < f.n_tickets; i++)
        assert_null(f.tags[i]); /* … and none is forgotten */
    assert_int_equal(f.outlet.n_holders, 1);
    assert_int_equal(f.elsewhere.n_holders, 1);
    assert_int_equal(pool_active_count(f.pool), 0); /* every seat is given back */
    pool_shutdown(f.pool, on_down, NULL);
    assert_true(loop_until(&f.loop, loop_is_true, &f.down));
    sessions_free(f.sessions);
    locator_free(f.locator);
    loop_end(&f.loop);
    roots_free(f.roots);
    tree_remove(&f.tree);
    return 0;
}

static struct ticket from(const char *tag)
{
    assert_true(f.n_tickets < LENGTH_OF(f.tags));
    f.tags[f.n_tickets] = tag;
    return (struct ticket){ .number = f.n_tickets++, .owner = 7 };
}

#define AS(tag) (&(struct ticket[]){ from(tag) }[0])

static void play(uint64_t channel, const char *id, const char *url, bool next)
{
    struct play_request request = { .play_id = id,
                                    .url = url,
                                    .volume = 1,
                                    .next = next,
                                    .ticket = from(id),
                                    .owner = 7,
                                    .outlet = &f.outlet };
    sessions_play(f.sessions, channel, &request);
}

/* As another client's, which leaves the channel to whoever has it. */
static void play_for_the_owner(uint64_t channel, const char *id, bool next)
{
    struct play_request request = { .play_id = id,
                                    .url = tree_path(&f.tree, "music/song.mp3"),
                                    .volume = 1,
                                    .next = next,
                                    .keep_owner = true,
                                    .ticket = from(id),
                                    .owner = 8,
                                    .outlet = &f.elsewhere };
    sessions_play(f.sessions, channel, &request);
}

static bool has_said(void *arg)
{
    return f.n_said >= f.want_said;
}

/* Expects these events next, now or soon. */
static void expect_list(const char *const *lines)
{
    size_t n = 0;
    while (lines[n])
        n++;
    f.want_said = n;
    assert_true(loop_until(&f.loop, has_said, NULL));
    assert_int_equal(f.n_said, n);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(f.said[i], lines[i]);
    f.n_said = 0;
}

#define EXPECT(...) expect_list((const char *const[]){ __VA_ARGS__, NULL })

static void count(const struct session_info *info, void *arg)
{
    assert_string_equal(info->state, "extracting");
    ++*(unsigned *)arg;
}

static unsigned count_sessions(uint64_t channel, uint64_t owner)
{
    unsigned n = 0;
    sessions_list(f.sessions, channel, owner, count, &n);
    return n;
}

static void commands_without_a_session(void **state)
{
    sessions_pause(f.sessions, 1, AS("t"));
    sessions_resume(f.sessions, 1, AS("t"));
    sessions_volume(f.sessions, 1, 1, false, AS("t"));
    sessions_seek(f.sessions, 1, 0, AS("t"));
    sessions_stop(f.sessions, 1, NULL, AS("t")); /* this one is answered like any other */
    EXPECT("error 1 - no_session t", "error 1 - no_session t", "error 1 - no_session t",
           "error 1 - no_session t", "stopped 1 - stop t");
    assert_int_equal(count_sessions(0, 0), 0);
}

static void plays_refused_at_once(void **state)
{
    play(1, "a", "https://example.org/", false);
    EXPECT("error 1 a unsupported_url a");
    assert_int_equal(count_sessions(0, 0), 0);
    assert_int_equal(pool_active_count(f.pool), 0);
}

static void plays_refused_by_the_roots(void **state)
{
    play(1, "a", tree_path(&f.tree, "outside.mp3"), false);
    assert_int_equal(count_sessions(1, 0), 1);
    EXPECT("error 1 a forbidden_url a");
    play(1, "b", tree_path(&f.tree, "music/none"), false);
    EXPECT("error 1 b not_found b");
    assert_int_equal(count_sessions(0, 0), 0);
    assert_int_equal(pool_active_count(f.pool), 0);
}

/* The program dies again and again: at last the play is told, and its channel is free. */
static void no_worker_can_be_made(void **state)
{
    play(1, "a", tree_path(&f.tree, "music/song.mp3"), false);
    EXPECT("error 1 a internal a");
    assert_int_equal(pool_active_count(f.pool), 0);
}

static void seats_run_out(void **state)
{
    char *song = tree_path(&f.tree, "music/song.mp3");
    play(1, "a", song, false);
    play(2, "b", song, false);
    play(3, "c", song, false);
    EXPECT("error 3 c pool_exhausted c");
    play(1, "d", song, false); /* a replacement uses its channel's seat */
    EXPECT("stopped 1 a replaced a");
    sessions_stop(f.sessions, 2, NULL, AS("t"));
    EXPECT("stopped 2 b stop b", "stopped 2 - stop t");
    play(3, "e", song, false);
    assert_int_equal(count_sessions(0, 0), 2);
    assert_int_equal(count_sessions(0, 7), 2);
    assert_int_equal(count_sessions(0, 8), 0);
    sessions_owner_gone(f.sessions, 7);
    assert_int_equal(f.n_said, 2);
    f.n_said = 0;
    assert_int_equal(count_sessions(0, 0), 0);
}

static void note_volume(const struct session_info *info, void *arg)
{
    *(double *)arg = info->volume;
}

static double volume_of(uint64_t channel)
{
    double volume = -1;
    sessions_list(f.sessions, channel, 0, note_volume, &volume);
    return volume;
}

static void play_at(const char *id, double volume)
{
    struct play_request request = { .play_id = id,
                                    .url = tree_path(&f.tree, "music/song.mp3"),
                                    .volume = volume,
                                    .ticket = from(id),
                                    .owner = 7,
                                    .outlet = &f.outlet };
    sessions_play(f.sessions, 1, &request);
}

static void a_kept_volume_is_the_channels(void **state)
{
    sessions_volume(f.sessions, 1, 0.25, true, AS("t")); /* nothing plays yet */
    play_at("a", -1);
    EXPECT("volume 1 -  t");
    assert_true(volume_of(1) == 0.25);
    play_at("b", 2); /* says its own */
    assert_true(volume_of(1) == 2);
    sessions_volume(f.sessions, 1, 0.5, false, AS("t")); /* is of that play */
    play_at("c", -1);
    assert_true(volume_of(1) == 0.25);
    sessions_volume(f.sessions, 1, 0.75, true, AS("t"));
    assert_true(volume_of(1) == 0.75);
    f.n_said = 0;
    sessions_owner_gone(f.sessions, 7);
    EXPECT("stopped 1 c client_gone c");
    play_at("d", -1);
    assert_true(volume_of(1) == 1);
    sessions_stop(f.sessions, 1, NULL, AS("t"));
    f.n_said = 0;
}

static void commands_hold_for_a_play_that_is_not_ready(void **state)
{
    play(1, "a", tree_path(&f.tree, "music/song.mp3"), false);
    sessions_pause(f.sessions, 1, AS("t"));
    sessions_volume(f.sessions, 1, 0.5, false, AS("t"));
    EXPECT("paused 1 a  t", "volume 1 a  t");
    sessions_seek(f.sessions, 1, 48000, AS("t")); /* is answered when it is in force, or never */
    sessions_stop(f.sessions, 1, NULL, AS("t"));
    EXPECT("stopped 1 a stop a", "error 1 - no_session t", "stopped 1 - stop t");
}

static void the_next_one_has_one_place(void **state)
{
    char *song = tree_path(&f.tree, "music/song.mp3");
    play(1, "a", song, true); /* nothing plays: a plain play */
    play(1, "b", song, true);
    play(1, "c", song, true);
    EXPECT("stopped 1 b replaced b");
    play(1, "d", song, false);
    EXPECT("stopped 1 c replaced c", "stopped 1 a replaced a");
    assert_int_equal(count_sessions(1, 0), 1);
    sessions_shutdown(f.sessions);
    EXPECT("stopped 1 d shutdown d");
    play(1, "e", song, false);
    EXPECT("error 1 e shutting_down e");
}

/* Those that have no frame yet; one that has is the end-to-end tests' business. */
static void one_play_is_stopped(void **state)
{
    char *song = tree_path(&f.tree, "music/song.mp3");
    play(1, "a", song, false);
    play(1, "b", song, true);
    sessions_stop(f.sessions, 1, "none", AS("t"));
    EXPECT("stopped 1 - stop t");
    sessions_stop(f.sessions, 1, "b", AS("t"));
    EXPECT("stopped 1 b stop b", "stopped 1 - stop t");
    play(1, "c", song, true);
    sessions_stop(f.sessions, 1, "a", AS("t"));
    EXPECT("stopped 1 a stop a", "stopped 1 - stop t");
    play(1, "d", song, false); /* c has moved up: this replaces it, not drops it */
    EXPECT("stopped 1 c replaced c");
    sessions_stop(f.sessions, 1, "d", AS("t"));
    EXPECT("stopped 1 d stop d", "stopped 1 - stop t");
    assert_int_equal(count_sessions(0, 0), 0);
}

static void a_play_may_leave_a_channel_its_owner(void **state)
{
    play(1, "a", tree_path(&f.tree, "music/song.mp3"), false);
    play_for_the_owner(1, "b", false);
    EXPECT("stopped 1 a replaced a");
    assert_int_equal(count_sessions(1, 7), 1);
    play_for_the_owner(1, "c", true);
    assert_false(sessions_have_plays_of(f.sessions, 8));
    play_for_the_owner(2, "d", false); /* nobody has this one */
    assert_int_equal(count_sessions(0, 8), 1);
    sessions_owner_gone(f.sessions, 8);
    EXPECT("stopped 2 d client_gone d");
    sessions_owner_gone(f.sessions, 7);
    EXPECT("stopped 1 c client_gone c", "stopped 1 b client_gone b");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(commands_without_a_session),
        TEST(plays_refused_at_once),
        TEST(plays_refused_by_the_roots),
        TEST(no_worker_can_be_made),
        TEST(seats_run_out),
        TEST(a_kept_volume_is_the_channels),
        TEST(commands_hold_for_a_play_that_is_not_ready),
        TEST(the_next_one_has_one_place),
        TEST(one_play_is_stopped),
        TEST(a_play_may_leave_a_channel_its_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
