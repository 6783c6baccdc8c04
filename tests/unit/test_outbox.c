/* Packets that leave together, by several sockets, one of which may fail. */
#include "unit.h"
#include "voice/outbox.h"

#include <arpa/inet.h>

static struct outbox box;

static int receiver(union udp_address *ret_at)
{
    socklen_t len = sizeof ret_at->in;
    memset(ret_at, 0, sizeof *ret_at);
    ret_at->in.sin_family = AF_INET;
    ret_at->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, &ret_at->any, sizeof ret_at->in), 0);
    assert_int_equal(getsockname(fd, &ret_at->any, &len), 0);
    return fd;
}

static void put(int fd, const union udp_address *to, uint8_t number)
{
    uint8_t *room = outbox_room(&box, 100);
    assert_non_null(room);
    memset(room, number, 100);
    outbox_add(&box, fd, to, 50 + number);
}

static void each_leaves_by_its_socket_in_order(void **state)
{
    union udp_address at[2];
    int to[2] = { receiver(&at[0]), receiver(&at[1]) };
    int from[2] = { socket(AF_INET, SOCK_DGRAM, 0), socket(AF_INET, SOCK_DGRAM, 0) };
    uint8_t packet[200];
    for (uint8_t i = 0; i < 40; i++)
        put(from[i % 2], &at[i % 2], i);
    assert_int_equal(outbox_send(&box), 40);
    for (uint8_t i = 0; i < 40; i++) {
        assert_int_equal(recv(to[i % 2], packet, sizeof packet, MSG_DONTWAIT), 50 + i);
        assert_int_equal(packet[0], i);
        assert_int_equal(packet[49 + i], i);
    }
    assert_int_equal(outbox_send(&box), 0);
    for (int i = 0; i < 2; i++) {
        (void)close(to[i]);
        (void)close(from[i]);
    }
}

static void one_that_the_kernel_refuses_takes_no_other_with_it(void **state)
{
    union udp_address at, nowhere;
    int to = receiver(&at), from = socket(AF_INET, SOCK_DGRAM, 0);
    uint8_t packet[200];
    nowhere = at;
    nowhere.in.sin_port = 0; /* EINVAL */
    put(from, &at, 1);
    put(from, &nowhere, 2);
    put(from, &nowhere, 3);
    put(from, &at, 4);
    put(1000, &at, 5); /* EBADF */
    put(from, &at, 6);
    assert_int_equal(outbox_send(&box), 3);
    assert_int_equal(recv(to, packet, sizeof packet, MSG_DONTWAIT), 51);
    assert_int_equal(recv(to, packet, sizeof packet, MSG_DONTWAIT), 54);
    assert_int_equal(recv(to, packet, sizeof packet, MSG_DONTWAIT), 56);
    (void)close(to);
    (void)close(from);
}

static void it_takes_as_much_as_a_batch_may_hold(void **state)
{
    union udp_address at;
    int to = receiver(&at), from = socket(AF_INET, SOCK_DGRAM, 0);
    unsigned n = 0;
    while (outbox_room(&box, 1 + SEAL_OVERHEAD)) {
        memset(outbox_room(&box, 1 + SEAL_OVERHEAD), 7, 1 + SEAL_OVERHEAD);
        outbox_add(&box, from, &at, 1 + SEAL_OVERHEAD);
        n++;
    }
    assert_int_equal(n, VMSG_RECORDS_MAX);
    assert_in_range(outbox_send(&box), 1, n);
    assert_non_null(outbox_room(&box, OUTBOX_BYTES));
    assert_null(outbox_room(&box, OUTBOX_BYTES + 1));
    (void)close(to);
    (void)close(from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_leaves_by_its_socket_in_order),
        cmocka_unit_test(one_that_the_kernel_refuses_takes_no_other_with_it),
        cmocka_unit_test(it_takes_as_much_as_a_batch_may_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
