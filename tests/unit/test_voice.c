/* The calls in tutti-voice, as the daemon sees them. */
#include "link/voice.h"
#include "loop.h"
#include "mini_voice.h"

#include <errno.h>

enum { CALLS = 3 };

static struct {
    uv_loop_t loop;
    struct voice *voice;
    struct voice_call *calls[CALLS];
    enum vmsg_state states[CALLS];
    unsigned codes[CALLS];
    unsigned n_told;
} f;

static void on_changed(enum vmsg_state state, unsigned code, const char *why, void *arg)
{
    unsigned *i = arg;
    f.states[*i] = state;
    f.codes[*i] = code;
    f.n_told++;
    assert_non_null(why);
}

static int begin(void **state)
{
    const struct voice_config config = mini_voice_config();
    memset(&f, 0, sizeof f);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    assert_int_equal(voice_new(&f.loop, &config, &f.voice), 0);
    return 0;
}

static int end(void **state)
{
    for (unsigned i = 0; i < CALLS; i++)
        voice_hang_up(f.calls[i]);
    voice_free(f.voice);
    loop_end(&f.loop);
    return 0;
}

static int call(unsigned i, const char *endpoint)
{
    static unsigned numbers[CALLS] = { 0, 1, 2 };
    const struct voice_credentials credentials = { 10 + i, 20, 30, "session", "token", endpoint };
    return voice_call(f.voice, &credentials, on_changed, &numbers[i], &f.calls[i]);
}

struct goal {
    unsigned i;
    enum vmsg_state state;
};

static bool has_state(void *arg)
{
    const struct goal *g = arg;
    return f.states[g->i] == g->state && voice_state(f.calls[g->i]) == g->state;
}

static void wait_state(unsigned i, enum vmsg_state state)
{
    struct goal g = { i, state };
    assert_true(loop_until(&f.loop, has_state, &g));
}

static bool has_packets(void *arg)
{
    return voice_counts(f.voice).wire.packets >= *(uint64_t *)arg;
}

static void calls_are_told_of_their_states(void **state)
{
    assert_int_equal(call(0, "a.discord.media:443"), 0);
    assert_int_equal(voice_state(f.calls[0]), VMSG_CONNECTING);
    assert_int_equal(voice_ping_ms(f.calls[0]), -1);
    assert_int_equal(call(1, "close.discord.media"), 0);
    wait_state(0, VMSG_READY);
    wait_state(1, VMSG_CLOSED);
    assert_int_equal(f.codes[1], 4014);
    assert_int_equal(voice_ping_ms(f.calls[0]), 0);
    assert_int_equal(voice_counts(f.voice).calls, 2);
    assert_int_equal(voice_counts(f.voice).ready, 1);
    assert_true(voice_pid(f.voice) > 0);
}

static void credentials_that_cannot_be_are_refused(void **state)
{
    char longest[400];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    struct voice_credentials c = { 1, 2, 3, "session", "token", "example.org" };
    assert_int_equal(voice_check(f.voice, &c), -EINVAL);
    assert_int_equal(call(0, "example.org"), -EINVAL);
    c.endpoint = "a.discord.media";
    assert_int_equal(voice_check(f.voice, &c), 0);
    c.token = longest;
    assert_int_equal(voice_check(f.voice, &c), -EINVAL);
    assert_int_equal(voice_pid(f.voice), -1); /* nothing was started for that */
}

static void a_call_moves_and_comes_back_from_its_end(void **state)
{
    struct voice_credentials c = { 10, 20, 30, "session", "another", "mute.discord.media" };
    assert_int_equal(call(0, "a.discord.media"), 0);
    wait_state(0, VMSG_READY);
    unsigned told = f.n_told;
    c.token = "token";
    c.endpoint = "a.discord.media";
    assert_int_equal(voice_move(f.calls[0], &c), 0); /* the same ones change nothing */
    assert_int_equal(f.n_told, told);
    c.endpoint = "close.discord.media";
    assert_int_equal(voice_move(f.calls[0], &c), 0);
    wait_state(0, VMSG_CLOSED);
    c.endpoint = "b.discord.media";
    assert_int_equal(voice_move(f.calls[0], &c), 0);
    wait_state(0, VMSG_READY);
}

static void frames_go_over_in_batches_with_ticks_that_grow(void **state)
{
    uint64_t wanted = 2;
    assert_int_equal(call(0, "a.discord.media"), 0);
    assert_int_equal(call(1, "b.discord.media"), 0);
    wait_state(0, VMSG_READY);
    wait_state(1, VMSG_READY);
    voice_put(f.calls[0], (const uint8_t *)"one", 3);
    voice_put(f.calls[1], (const uint8_t *)"two", 3);
    voice_put(f.calls[1], (const uint8_t *)"", 0); /* no frame */
    voice_flush(f.voice);
    assert_true(loop_until(&f.loop, has_packets, &wanted));
    uint64_t tick = voice_counts(f.voice).wire.failed;
    voice_put(f.calls[1], (const uint8_t *)"two", 3);
    voice_rest(f.calls[1]); /* leaves with what was before it */
    wanted = 3;
    assert_true(loop_until(&f.loop, has_packets, &wanted));
    assert_int_equal(voice_counts(f.voice).wire.late, 1);
    assert_true(voice_counts(f.voice).wire.failed > tick);
    assert_int_equal(voice_counts(f.voice).frames, 3);
    assert_int_equal(voice_counts(f.voice).skipped, 1);
}

static void a_successor_gets_what_calls_need_to_go_on(void **state)
{
    assert_int_equal(call(0, "a.discord.media"), 0);
    wait_state(0, VMSG_READY);
    voice_put(f.calls[0], (const uint8_t *)"one", 3);
    voice_flush(f.voice);
    assert_int_equal(call(1, "mute.discord.media"), 0);
    assert_int_equal(call(2, "die.discord.media"), 0);
    f.states[0] = VMSG_CONNECTING;
    while (voice_counts(f.voice).restarts == 0)
        (void)uv_run(&f.loop, UV_RUN_ONCE);
    voice_hang_up(f.calls[2]);
    f.calls[2] = NULL;
    while (voice_ping_ms(f.calls[0]) != 1)
        (void)uv_run(&f.loop, UV_RUN_ONCE); /* it was given the socket, once */
    assert_int_equal(voice_state(f.calls[0]), VMSG_READY);
    assert_true(voice_counts(f.voice).wire.packets <= 1);
}

int main(int argc, char **argv)
{
    mini_voice_main(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(calls_are_told_of_their_states, begin, end),
        cmocka_unit_test_setup_teardown(credentials_that_cannot_be_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_call_moves_and_comes_back_from_its_end, begin, end),
        cmocka_unit_test_setup_teardown(frames_go_over_in_batches_with_ticks_that_grow, begin, end),
        cmocka_unit_test_setup_teardown(a_successor_gets_what_calls_need_to_go_on, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
