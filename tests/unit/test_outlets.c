/* The outlets of the Unix front: where frames go as connections come, attach and leave, and what
 * the sessions that are plugged in are told of it. */
#include "proto/frame.h"
#include "server/outlets.h"
#include "unit.h"

#include <sys/socket.h>

enum { TAPS = 3, SETS = 2, LEN = 10 };

static struct {
    struct taps taps;
    struct tap tap[TAPS];
    int theirs[TAPS];
    struct outlet_set set[SETS];
    struct outlet *outlet[SETS]; /* of channel 1 */
    struct outlet_plug plug;
    unsigned n_told;
} f;

static void on_broken(struct batch *b, int e)
{
    fail();
}

static void on_waits(struct batch *b, bool waits)
{
}

static void on_changed(struct outlet_plug *plug)
{
    f.n_told++;
}

static int set_up(void **state)
{
    static const struct batch_ops ops = { .broken = on_broken, .waits = on_waits };
    memset(&f, 0, sizeof f);
    for (size_t i = 0; i < TAPS; i++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
                         0);
        assert_int_equal(batch_init(&f.tap[i].batch, &f.taps.batches, pair[0], &ops), 0);
        f.theirs[i] = pair[1];
    }
    for (size_t i = 0; i < SETS; i++) {
        outlet_set_init(&f.set[i], &f.taps, i + 1);
        f.outlet[i] = outlet_set_get(&f.set[i], 1);
        assert_non_null(f.outlet[i]);
    }
    f.plug.changed = on_changed;
    f.outlet[0]->plug = &f.plug;
    return 0;
}

static int tear_down(void **state)
{
    for (size_t i = 0; i < TAPS; i++) {
        tap_off(&f.taps, &f.tap[i]);
        credits_clear(&f.tap[i].credits);
        batch_done(&f.tap[i].batch);
        (void)close(f.tap[i].batch.fd);
        (void)close(f.theirs[i]);
    }
    for (size_t i = 0; i < SETS; i++) {
        outlet_release(f.outlet[i]);
        outlet_set_done(&f.set[i]);
    }
    assert_null(f.taps.open);
    assert_null(f.taps.sets);
    return 0;
}

static struct outlet *get(size_t set, uint64_t channel)
{
    struct outlet *o = outlet_set_get(&f.set[set], channel);
    assert_non_null(o);
    return o;
}

/* Gives a frame to both sets; returns to whom it went: the digit of a tap is the sum of the owners
 * whose frames came by it. */
static const char *who_hears(void)
{
    static char digits[TAPS + 1];
    static const uint8_t packet[LEN];
    for (size_t i = 0; i < SETS; i++)
        outlet_frame(f.outlet[i], (uint32_t)(i + 1), packet, LEN);
    batches_flush(&f.taps.batches);
    for (size_t i = 0; i < TAPS; i++) {
        uint8_t bytes[1000];
        ssize_t len = recv(f.theirs[i], bytes, sizeof bytes, 0);
        digits[i] = '0';
        for (ssize_t at = 0; at < len; at += FRAME_HEAD_BYTES + LEN)
            digits[i] = (char)(digits[i] + bytes[at + FRAME_HEAD_BYTES - 1]);
    }
    return digits;
}

static void frames_follow_the_connections(void **state)
{
    assert_int_equal(f.outlet[0]->flow, OUTLET_HOLD);
    assert_string_equal(who_hears(), "000");
    tap_open(&f.taps, &f.tap[0]);
    tap_open(&f.taps, &f.tap[1]);
    assert_int_equal(f.outlet[0]->flow, OUTLET_PACED);
    assert_int_equal(f.n_told, 1);
    assert_string_equal(who_hears(), "330");
    tap_off(&f.taps, &f.tap[1]);
    tap_attach(&f.tap[1], &f.set[0], false);
    assert_int_equal(f.n_told, 1); /* it flows as before */
    assert_string_equal(who_hears(), "210");
    tap_off(&f.taps, &f.tap[1]);
    assert_int_equal(f.outlet[0]->flow, OUTLET_HOLD); /* once attached, for ever */
    assert_int_equal(f.n_told, 2);
    assert_string_equal(who_hears(), "200");
    tap_off(&f.taps, &f.tap[0]);
    assert_int_equal(f.outlet[1]->flow, OUTLET_HOLD);
}

static void nobody_commands(void **state)
{
    tap_open(&f.taps, &f.tap[0]);
    outlet_set_away(&f.set[0], true);
    assert_int_equal(f.outlet[0]->flow, OUTLET_HOLD);
    assert_int_equal(f.outlet[1]->flow, OUTLET_PACED);
    struct outlet *later = get(0, 2);
    assert_int_equal(later->flow, OUTLET_HOLD);
    outlet_set_away(&f.set[0], false);
    assert_int_equal(later->flow, OUTLET_PACED);
    assert_int_equal(f.n_told, 3);
    outlet_release(later);
}

/* One for a channel, as long as somebody holds it. */
static void an_outlet_is_of_one_channel(void **state)
{
    struct outlet *again = get(0, 1), *other = get(0, 2);
    assert_ptr_equal(again, f.outlet[0]);
    assert_ptr_not_equal(other, again);
    assert_ptr_not_equal(f.outlet[1], again);
    assert_int_equal(other->channel, 2);
    outlet_release(again);
    outlet_release(other);
    assert_int_equal(f.outlet[0]->n_holders, 1);
}

static void credit_is_told_to_its_channel(void **state)
{
    struct outlet *o = f.outlet[0];
    f.tap[0].is_credit_flow = true;
    tap_attach(&f.tap[0], &f.set[0], false);
    assert_int_equal(f.outlet[0]->flow, OUTLET_CREDIT);
    f.n_told = 0;
    assert_int_equal(credits_give(&f.tap[0].credits, 1, 2), 0);
    tap_go_on(&f.tap[0], 1);
    assert_int_equal(f.n_told, 1);
    tap_go_on(&f.tap[0], 2); /* nothing plays there */
    assert_int_equal(f.n_told, 1);
    tap_go_on(&f.tap[0], 0); /* frames are taken again */
    assert_int_equal(f.n_told, 2);
    o->ops->spend(o);
    assert_int_equal(o->ops->credit(o), 1);
    assert_int_equal(f.outlet[1]->ops->credit(f.outlet[1]), 0);
    f.tap[0].is_credit_flow = false; /* attached anew, in the other flow */
    tap_attach(&f.tap[0], &f.set[0], false);
    assert_int_equal(o->flow, OUTLET_PACED);
    f.n_told = 0;
    tap_go_on(&f.tap[0], 1);
    assert_int_equal(f.n_told, 0);
}

/* Each connection that wants marks has a number of its own. */
static void marks(void **state)
{
    uint8_t bytes[100];
    tap_attach(&f.tap[0], &f.set[0], true);
    uint64_t first = f.outlet[0]->marks;
    assert_true(first != 0);
    assert_int_equal(f.outlet[1]->marks, 0);
    f.outlet[0]->ops->mark(f.outlet[0], 5, "id", 960);
    batches_flush(&f.taps.batches);
    ssize_t len = recv(f.theirs[0], bytes, sizeof bytes, 0);
    assert_int_equal(len, FRAME_HEAD_BYTES + FRAME_MARK_BYTES + 2);
    assert_true(frame_channel(bytes) == 0);
    tap_off(&f.taps, &f.tap[0]);
    tap_attach(&f.tap[1], &f.set[0], true);
    assert_true(f.outlet[0]->marks != 0 && f.outlet[0]->marks != first);
    struct outlet *later = get(0, 2);
    assert_true(later->marks == f.outlet[0]->marks);
    outlet_release(later);
    tap_attach(&f.tap[1], &f.set[0], false);
    assert_int_equal(f.outlet[0]->marks, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frames_follow_the_connections),
        TEST(nobody_commands),
        TEST(an_outlet_is_of_one_channel),
        TEST(credit_is_told_to_its_channel),
        TEST(marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
