/* UDP sockets that connections share. */
#include "unit.h"
#include "voice/flows.h"
#include "voice/rtp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>

static uv_loop_t loop;
static struct flows *flows;
static unsigned n_made, n_received;

static void on_made(uint32_t number, int fd, void *arg)
{
    n_made++;
    assert_int_equal(number, n_made);
}

static void on_received(const uint8_t *bytes, size_t len, void *arg)
{
    n_received++;
    *(const char **)arg = "heard";
}

static int begin(void **state)
{
    n_made = n_received = 0;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(flows_new(&loop, on_made, NULL, &flows), 0);
    return 0;
}

static int end(void **state)
{
    flows_free(flows);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return 0;
}

static union udp_address address(uint16_t port)
{
    union udp_address a;
    memset(&a, 0, sizeof a);
    a.in.sin_family = AF_INET;
    a.in.sin_port = htons(port);
    a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

static void a_socket_is_shared_but_for_the_same_server(void **state)
{
    const union udp_address one = address(5001), other = address(5002);
    struct flow *a, *b, *c;
    assert_int_equal(flows_open(flows, &one, on_received, NULL, &a), 0);
    assert_int_equal(flows_open(flows, &other, on_received, NULL, &b), 0);
    assert_int_equal(flow_fd(a), flow_fd(b));
    assert_int_equal(flows_open(flows, &one, on_received, NULL, &c), 0);
    assert_int_not_equal(flow_fd(a), flow_fd(c));
    assert_int_equal(n_made, 2);
    flow_close(a);
    assert_int_equal(flows_open(flows, &one, on_received, NULL, &a), 0);
    assert_int_equal(n_made, 2);
    flow_close(a);
    flow_close(b);
    flow_close(c);
}

static void a_socket_of_before_is_found_by_its_number(void **state)
{
    const union udp_address one = address(5001);
    struct flow *a, *b;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(flows_open_by(flows, 40, &one, on_received, NULL, &a), -ENOENT);
    assert_int_equal(flows_adopt(flows, 40, fd), 0);
    assert_int_equal(flows_adopt(flows, 40, fd), -EEXIST);
    assert_int_equal(flows_open_by(flows, 40, &one, on_received, NULL, &a), 0);
    assert_int_equal(flow_fd(a), fd);
    assert_int_equal(flow_number(a), 40);
    assert_int_equal(flows_open_by(flows, 40, &one, on_received, NULL, &b), -EADDRINUSE);
    flow_close(a);
}

static void what_a_server_answers_comes_to_its_flow(void **state)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_in from;
    socklen_t len = sizeof at, from_len = sizeof from;
    uint8_t p[RTP_DISCOVERY_BYTES];
    const char *heard = NULL, *other = NULL;
    struct flow *a, *b;
    int server = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(server, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(server, (struct sockaddr *)&at, &len), 0);
    const union udp_address one = address(ntohs(at.sin_port)), two = address(5001);
    assert_int_equal(flows_open(flows, &one, on_received, &heard, &a), 0);
    assert_int_equal(flows_open(flows, &two, on_received, &other, &b), 0);
    rtp_write_discovery(p, 1);
    flow_send(a, p, sizeof p);
    assert_int_equal(recvfrom(server, p, sizeof p, 0, (struct sockaddr *)&from, &from_len),
                     sizeof p);
    p[1] = 2;
    assert_true(sendto(server, p, sizeof p, 0, (struct sockaddr *)&from, from_len) > 0);
    while (n_received == 0)
        (void)uv_run(&loop, UV_RUN_ONCE);
    assert_string_equal(heard, "heard");
    assert_null(other);
    flow_close(a);
    flow_close(b);
    (void)close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_socket_is_shared_but_for_the_same_server, begin, end),
        cmocka_unit_test_setup_teardown(a_socket_of_before_is_found_by_its_number, begin, end),
        cmocka_unit_test_setup_teardown(what_a_server_answers_comes_to_its_flow, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
