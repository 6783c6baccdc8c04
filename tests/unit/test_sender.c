/* The sending thread with real sockets: what is handed over arrives, in order, once. */
#include "unit.h"
#include "voice/rtp.h"
#include "voice/seal.h"
#include "voice/sender.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>

enum { ID = 9, WAIT_MS = 5000 };

static struct {
    struct sender *sender;
    int audio;    /* the daemon's end */
    int receiver; /* the voice server */
    int sending;  /* our UDP socket */
    atomic_uint n_wakes;
    uint64_t tick;
} at;

static void on_wake(void *arg)
{
    atomic_fetch_add(&at.n_wakes, 1);
}

static struct wire_config wire(bool is_speaking)
{
    struct wire_config c = {
        .fd = at.sending, .mode = VMSG_AES256_GCM, .ssrc = 1, .is_speaking = is_speaking
    };
    socklen_t len = sizeof c.to.in;
    assert_int_equal(getsockname(at.receiver, &c.to.any, &len), 0);
    return c;
}

static int begin(void **state)
{
    int pair[2];
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    memset(&at, 0, sizeof at);
    at.tick = 1000;
    assert_int_equal(seal_setup(), 0);
    at.receiver = socket(AF_INET, SOCK_DGRAM, 0);
    at.sending = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(at.receiver, (struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    at.audio = pair[0];
    assert_int_equal(sender_new(on_wake, NULL, &at.sender), 0);
    assert_int_equal(sender_start(at.sender, pair[1]), 0);
    return 0;
}

static int end(void **state)
{
    sender_free(at.sender);
    (void)close(at.audio);
    (void)close(at.receiver);
    (void)close(at.sending);
    return 0;
}

static void hand_over(enum vmsg_record_kind kind, unsigned n, uint64_t late_ns)
{
    static uint8_t bytes[VMSG_BATCH_MAX];
    struct vmsg_batch head = { .due_ns = clock_now_ns() - late_ns };
    size_t len = sizeof head;
    memcpy(bytes, &head, sizeof head);
    for (unsigned i = 0; i < n; i++) {
        struct vmsg_record r = { at.tick, ID, (uint16_t)kind, kind == VMSG_FRAME ? 40 : 0 };
        uint8_t packet[40] = { 0xfc };
        at.tick += kind == VMSG_FRAME ? 1 : VMSG_REST_TICKS;
        assert_true(vmsg_batch_add(bytes, &len, &r, packet));
    }
    assert_true(send(at.audio, bytes, len, 0) == (ssize_t)len);
}

/* The sequence of the next packet that arrives within the time, or −1. */
static int next_sequence(int wait_ms)
{
    uint8_t packet[2048];
    struct pollfd p = { .fd = at.receiver, .events = POLLIN };
    if (poll(&p, 1, wait_ms) <= 0)
        return -1;
    assert_true(recv(at.receiver, packet, sizeof packet, 0) > SEAL_OVERHEAD);
    return packet[2] << 8 | packet[3];
}

static enum sender_news next_news(void)
{
    uint32_t id;
    enum sender_news news;
    uint64_t until_ns = clock_now_ns() + WAIT_MS * NS_PER_MS;
    while (!sender_take_news(at.sender, &id, &news)) {
        assert_true(clock_now_ns() < until_ns);
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(id, ID);
    return news;
}

static void a_talk_asks_first_and_rests_in_silence(void **state)
{
    const struct wire_config c = wire(false);
    assert_int_equal(sender_put(at.sender, ID, &c), 0);
    hand_over(VMSG_FRAME, 2, 0);
    assert_int_equal(next_news(), SENDER_ASKS);
    assert_int_equal(next_sequence(20), -1); /* nothing before the server has heard of it */
    assert_false(sender_is_speaking(at.sender, ID));
    sender_allow(at.sender, ID);
    assert_int_equal(next_sequence(WAIT_MS), 1000);
    assert_int_equal(next_sequence(WAIT_MS), 1001);
    assert_true(sender_is_speaking(at.sender, ID));
    hand_over(VMSG_FRAME, 1, 0);
    assert_int_equal(next_sequence(WAIT_MS), 1002);
    hand_over(VMSG_REST, 1, 0);
    for (int i = 0; i < VMSG_REST_TICKS; i++)
        assert_int_equal(next_sequence(WAIT_MS), 1003 + i);
    assert_int_equal(next_news(), SENDER_RESTED);
    assert_false(sender_is_speaking(at.sender, ID));
    assert_true(atomic_load(&at.n_wakes) >= 2);
    assert_int_equal(sender_counts(at.sender).packets, 8);
}

static void what_asks_too_long_keeps_its_newest_frames(void **state)
{
    const struct wire_config c = wire(false);
    assert_int_equal(sender_put(at.sender, ID, &c), 0);
    hand_over(VMSG_FRAME, 8, 0);
    assert_int_equal(next_news(), SENDER_ASKS);
    sender_allow(at.sender, ID);
    assert_int_equal(next_sequence(WAIT_MS), 1005);
    assert_int_equal(next_sequence(WAIT_MS), 1006);
    assert_int_equal(next_sequence(WAIT_MS), 1007);
    assert_int_equal(next_sequence(20), -1);
}

static void a_tick_serves_once(void **state)
{
    const struct wire_config c = wire(true);
    assert_int_equal(sender_put(at.sender, ID, &c), 0);
    hand_over(VMSG_FRAME, 1, 0);
    at.tick = 990;
    hand_over(VMSG_FRAME, 11, 0);
    hand_over(VMSG_FRAME, 1, 0);
    assert_int_equal(next_sequence(WAIT_MS), 1000);
    assert_int_equal(next_sequence(WAIT_MS), 1001);
    assert_int_equal(next_sequence(20), -1);
    assert_int_equal(sender_counts(at.sender).repeated, 11);
    /* and in the wire that follows, too */
    assert_int_equal(sender_put(at.sender, ID, &c), 0);
    at.tick = 1001;
    hand_over(VMSG_FRAME, 2, 0);
    assert_int_equal(next_sequence(WAIT_MS), 1002);
}

static void frames_of_the_past_are_dropped(void **state)
{
    const struct wire_config c = wire(true);
    assert_int_equal(sender_put(at.sender, ID, &c), 0);
    for (int i = 0; i < 20; i++)
        hand_over(VMSG_FRAME, 1, 100 * NS_PER_MS);
    hand_over(VMSG_FRAME, 1, 0);
    assert_int_equal(next_sequence(WAIT_MS), 1020);
    assert_int_equal(sender_counts(at.sender).late, 20);
}

static void talk_again_ends_the_silence(void **state)
{
    const struct wire_config c = wire(true);
    assert_int_equal(sender_put(at.sender, ID, &c), 0);
    hand_over(VMSG_FRAME, 1, 0);
    hand_over(VMSG_REST, 1, 0);
    assert_int_equal(next_sequence(WAIT_MS), 1000);
    assert_int_equal(next_sequence(WAIT_MS), 1001); /* silence, at once */
    hand_over(VMSG_FRAME, 1, 0);
    int sequence = next_sequence(WAIT_MS);
    while (sequence < 1006 && sequence >= 0)
        sequence = next_sequence(WAIT_MS);
    assert_int_equal(sequence, 1006);
    assert_int_equal(next_sequence(60), -1);
    assert_true(sender_is_speaking(at.sender, ID));
}

static void a_wire_that_was_dropped_is_silent(void **state)
{
    const struct wire_config c = wire(true);
    assert_int_equal(sender_put(at.sender, ID, &c), 0);
    sender_drop(at.sender, ID);
    sender_drop(at.sender, ID);
    hand_over(VMSG_FRAME, 3, 0);
    assert_int_equal(next_sequence(30), -1);
    sender_allow(at.sender, ID); /* nobody asks */
    assert_false(sender_is_speaking(at.sender, ID));
}

/* The daemon is trusted no more than others. */
static void a_batch_of_nonsense_harms_nothing(void **state)
{
    uint8_t bytes[4096];
    uint64_t random = 3;
    const struct wire_config c = wire(true);
    assert_int_equal(sender_put(at.sender, ID, &c), 0);
    for (unsigned n = 0; n < 500; n++) {
        size_t len = 1 + test_random(&random) % sizeof bytes;
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)test_random(&random);
        (void)send(at.audio, bytes, len, 0);
    }
    at.tick = UINT64_C(1) << 33;
    hand_over(VMSG_FRAME, 1, 0);
    assert_int_equal(next_sequence(WAIT_MS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_talk_asks_first_and_rests_in_silence, begin, end),
        cmocka_unit_test_setup_teardown(what_asks_too_long_keeps_its_newest_frames, begin, end),
        cmocka_unit_test_setup_teardown(a_tick_serves_once, begin, end),
        cmocka_unit_test_setup_teardown(frames_of_the_past_are_dropped, begin, end),
        cmocka_unit_test_setup_teardown(talk_again_ends_the_silence, begin, end),
        cmocka_unit_test_setup_teardown(a_wire_that_was_dropped_is_silent, begin, end),
        cmocka_unit_test_setup_teardown(a_batch_of_nonsense_harms_nothing, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
