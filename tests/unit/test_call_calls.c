/* Which channel is heard in which call, and what owners are told of it. */
#include "call/calls.h"
#include "loop.h"
#include "mini_voice.h"

#include <errno.h>

static struct {
    uv_loop_t loop;
    struct voice *voice;
    struct bot_calls *calls;
    unsigned n_said, n_rerouted;
    uint64_t last_rerouted, last_owner, last_channel;
    enum call_state last_state;
    unsigned last_code;
} f;

static void on_said(const struct event *e, uint64_t owner, void *arg)
{
    assert_int_equal(e->type, EVENT_VOICE);
    f.n_said++;
    f.last_owner = owner;
    f.last_channel = e->channel;
    f.last_state = e->call->state;
    f.last_code = e->close_code;
}

static void on_rerouted(uint64_t channel, void *arg)
{
    f.n_rerouted++;
    f.last_rerouted = channel;
}

static int begin(void **state)
{
    const struct voice_config config = mini_voice_config();
    const struct calls_ops ops = { on_said, on_rerouted, NULL };
    memset(&f, 0, sizeof f);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    assert_int_equal(voice_new(&f.loop, &config, &f.voice), 0);
    f.calls = calls_new(f.voice, &ops);
    assert_non_null(f.calls);
    return 0;
}

static int end(void **state)
{
    calls_free(f.calls);
    voice_free(f.voice);
    loop_end(&f.loop);
    return 0;
}

static int connect_call(uint64_t owner, uint64_t channel, uint64_t user, uint64_t guild,
                        const char *endpoint)
{
    const struct voice_credentials c = { guild, user, 5, "session", "token", endpoint };
    return calls_connect(f.calls, owner, channel, &c);
}

static bool is_paced(void *arg)
{
    const struct bot_call *call = calls_find(f.calls, *(uint64_t *)arg);
    return call && call_flow(call) == OUTLET_PACED;
}

static void wait_paced(uint64_t channel)
{
    assert_true(loop_until(&f.loop, is_paced, &channel));
}

static void a_call_takes_the_frames_of_its_channel_when_it_stands(void **state)
{
    assert_null(calls_find(f.calls, 1));
    assert_int_equal(connect_call(7, 1, 100, 200, "a.discord.media"), 0);
    assert_int_equal(f.last_rerouted, 1);
    assert_int_equal(call_flow(calls_find(f.calls, 1)), OUTLET_HOLD);
    wait_paced(1);
    assert_int_equal(f.last_state, CALL_READY);
    assert_int_equal(f.last_owner, 7);
    assert_int_equal(f.n_rerouted, 2);
    call_frame(calls_find(f.calls, 1), (const uint8_t *)"frame", 5);
    call_rest(calls_find(f.calls, 1));
    assert_int_equal(voice_counts(f.voice).frames, 1);
    struct call_info info = call_info(calls_find(f.calls, 1));
    assert_int_equal(info.user, 100);
    assert_int_equal(info.guild, 200);
    assert_int_equal(info.voice_channel, 5);
}

static void what_ends_holds_the_frames_until_it_is_connected_anew(void **state)
{
    assert_int_equal(connect_call(7, 1, 100, 200, "close.discord.media"), 0);
    while (f.last_state != CALL_CLOSED)
        (void)uv_run(&f.loop, UV_RUN_ONCE);
    assert_int_equal(f.last_code, 4014);
    assert_int_equal(call_flow(calls_find(f.calls, 1)), OUTLET_HOLD);
    assert_int_equal(connect_call(7, 1, 100, 200, "a.discord.media"), 0);
    wait_paced(1);
}

static void a_bot_has_one_place_in_a_guild(void **state)
{
    assert_int_equal(connect_call(7, 1, 100, 200, "a.discord.media"), 0);
    assert_int_equal(connect_call(7, 2, 100, 201, "a.discord.media"), 0);
    assert_int_equal(connect_call(7, 3, 101, 200, "a.discord.media"), 0);
    assert_int_equal(f.n_said, 0);
    assert_int_equal(connect_call(8, 4, 100, 200, "a.discord.media"), 0); /* moves from 1 to 4 */
    assert_int_equal(f.n_said, 1);
    assert_int_equal(f.last_state, CALL_DISCONNECTED);
    assert_int_equal(f.last_channel, 1);
    assert_int_equal(f.last_owner, 7);
    assert_null(calls_find(f.calls, 1));
    assert_int_equal(connect_call(9, 4, 102, 200, "a.discord.media"), 0); /* another bot takes 4 */
    assert_int_equal(f.last_channel, 4);
    assert_int_equal(f.last_owner, 8);
    assert_int_equal(call_owner(calls_find(f.calls, 4)), 9);
    wait_paced(4);
}

static void what_cannot_be_leaves_things_as_they_are(void **state)
{
    assert_int_equal(connect_call(7, 1, 100, 200, "a.discord.media"), 0);
    assert_int_equal(connect_call(7, 2, 100, 200, "example.org"), -EINVAL);
    assert_int_equal(connect_call(7, 1, 100, 200, "example.org"), -EINVAL);
    assert_non_null(calls_find(f.calls, 1));
    assert_null(calls_find(f.calls, 2));
    assert_int_equal(f.n_said, 0);
}

static void count(const struct call_info *info, void *arg)
{
    ++*(unsigned *)arg;
}

static unsigned n_listed(uint64_t channel, uint64_t owner)
{
    unsigned n = 0;
    calls_list(f.calls, channel, owner, count, &n);
    return n;
}

static void calls_go_with_their_owner_and_without_a_word(void **state)
{
    assert_int_equal(connect_call(7, 1, 100, 200, "a.discord.media"), 0);
    assert_int_equal(connect_call(7, 2, 100, 201, "a.discord.media"), 0);
    assert_int_equal(connect_call(8, 3, 101, 200, "a.discord.media"), 0);
    assert_int_equal(n_listed(0, 0), 3);
    assert_int_equal(n_listed(0, 7), 2);
    assert_int_equal(n_listed(3, 7), 0);
    assert_true(calls_have_of(f.calls, 7));
    calls_owner_gone(f.calls, 7);
    assert_false(calls_have_of(f.calls, 7));
    assert_int_equal(n_listed(0, 0), 1);
    assert_true(calls_disconnect(f.calls, 3));
    assert_false(calls_disconnect(f.calls, 3));
    assert_int_equal(f.n_said, 0);
    assert_int_equal(f.last_rerouted, 3);
}

int main(int argc, char **argv)
{
    mini_voice_main(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_call_takes_the_frames_of_its_channel_when_it_stands,
                                        begin, end),
        cmocka_unit_test_setup_teardown(what_ends_holds_the_frames_until_it_is_connected_anew,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_bot_has_one_place_in_a_guild, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_leaves_things_as_they_are, begin, end),
        cmocka_unit_test_setup_teardown(calls_go_with_their_owner_and_without_a_word, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
