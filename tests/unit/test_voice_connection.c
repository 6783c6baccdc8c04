/* One voice connection, against a gateway in a thread. */
#include "loop.h"
#include "mini_gateway.h"
#include "voice/connection.h"
#include "voice/seal.h"

#include <errno.h>

enum { ID = 3 };

static const char *const hosts[] = { "localhost" };

static struct {
    uv_loop_t loop;
    struct connection_shared shared;
    struct connection *connection;
    struct vmsg_changed changed;
    struct vmsg_secrets secrets;
    unsigned n_states[VMSG_STATE_COUNT], n_secrets, n_sockets;
} f;

static void on_say(const struct vmsg *m, void *arg)
{
    assert_int_equal(m->id, ID);
    if (m->type == VMSG_STATE) {
        f.changed = m->changed;
        f.n_states[m->changed.state]++;
    } else if (m->type == VMSG_SECRETS) {
        f.secrets = m->secrets;
        f.n_secrets++;
    }
}

static void on_made(uint32_t number, int fd, void *arg)
{
    f.n_sockets++;
}

static void on_wake(void *arg)
{
}

static int begin(void **state)
{
    memset(&f, 0, sizeof f);
    mini_gateway_begin();
    assert_int_equal(seal_setup(), 0);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    f.shared = (struct connection_shared){
        .loop = &f.loop, .policy.allow_private = true, .hosts = hosts, .n_hosts = 1, .say = on_say
    };
    f.shared.tls = wss_tls_new();
    assert_int_equal(names_new(&f.loop, &f.shared.names), 0);
    assert_int_equal(flows_new(&f.loop, on_made, NULL, &f.shared.flows), 0);
    assert_int_equal(sender_new(on_wake, NULL, &f.shared.sender), 0);
    return 0;
}

static int end(void **state)
{
    if (f.connection)
        connection_free(f.connection);
    names_free(f.shared.names);
    flows_free(f.shared.flows);
    sender_free(f.shared.sender);
    loop_end(&f.loop);
    wss_tls_free(f.shared.tls);
    mini_gateway_end();
    return 0;
}

static struct vmsg_connect wanted(void)
{
    struct vmsg_connect c = { .guild = 1, .user = 2, .channel = 3, .secrets.seq_ack = -1 };
    (void)snprintf(c.session_id, sizeof c.session_id, "session");
    (void)snprintf(c.token, sizeof c.token, "token");
    (void)snprintf(c.endpoint, sizeof c.endpoint, "localhost:%u", (unsigned)mini_gateway.port);
    return c;
}

static void connect_it(const struct vmsg_connect *c)
{
    f.connection = connection_new(&f.shared, ID, c);
    assert_non_null(f.connection);
}

static bool has_state(void *arg)
{
    return f.n_states[*(enum vmsg_state *)arg] > 0;
}

static void wait_state(enum vmsg_state state)
{
    assert_true(loop_until(&f.loop, has_state, &state));
    f.n_states[state] = 0;
}

static void it_gets_ready_and_says_what_another_one_needs(void **state)
{
    const struct vmsg_connect c = wanted();
    connect_it(&c);
    wait_state(VMSG_CONNECTING);
    wait_state(VMSG_READY);
    assert_int_equal(f.n_secrets, 1);
    assert_int_equal(f.n_sockets, 1);
    assert_int_equal(f.secrets.ssrc, 5);
    assert_int_equal(f.secrets.key[31], 32);
    assert_int_equal(f.secrets.port, mini_gateway.udp_port);
    assert_int_equal(f.secrets.seq_ack, 1);
    connection_take_news(f.connection, SENDER_ASKS);
    while (atomic_load(&mini_gateway.n_speaking) == 0)
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
}

static void what_is_said_to_be_over_is_over(void **state)
{
    const struct vmsg_connect c = wanted();
    mini_gateway.close_code = 4004;
    connect_it(&c);
    wait_state(VMSG_CLOSED);
    assert_int_equal(f.changed.close_code, 4004);
    assert_int_equal(atomic_load(&mini_gateway.n_connections), 1);
    mini_gateway.close_code = 0;
    connection_replace(f.connection, &c); /* the same ones, but it is over */
    wait_state(VMSG_READY);
}

static void what_breaks_the_rules_is_left(void **state)
{
    const struct vmsg_connect c = wanted();
    mini_gateway.extra = "{\"op\":4,\"d\":{}}";
    connect_it(&c);
    wait_state(VMSG_CLOSED);
    assert_true(f.changed.why[0] != '\0');
    assert_int_equal(f.changed.close_code, 0);
}

static void a_private_address_needs_permission(void **state)
{
    const struct vmsg_connect c = wanted();
    f.shared.policy.allow_private = false;
    connect_it(&c);
    wait_state(VMSG_CLOSED);
    assert_non_null(strstr(f.changed.why, "private"));
    assert_int_equal(atomic_load(&mini_gateway.n_connections), 0);
}

static void the_session_of_a_dead_process_is_resumed(void **state)
{
    struct vmsg_connect c = wanted();
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in any = { .sin_family = AF_INET };
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(flows_adopt(f.shared.flows, 9, fd), 0);
    c.resumes = 1;
    c.secrets = (struct vmsg_secrets){ .address = { 127, 0, 0, 1 },
                                       .port = mini_gateway.udp_port,
                                       .ssrc = 5,
                                       .socket = 9,
                                       .seq_ack = 7 };
    connect_it(&c);
    wait_state(VMSG_RESUMING);
    wait_state(VMSG_READY);
    assert_int_equal(atomic_load(&mini_gateway.n_resumes), 1);
    assert_int_equal(atomic_load(&mini_gateway.n_identifies), 0);
    assert_int_equal(f.n_sockets, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_gets_ready_and_says_what_another_one_needs, begin, end),
        cmocka_unit_test_setup_teardown(what_is_said_to_be_over_is_over, begin, end),
        cmocka_unit_test_setup_teardown(what_breaks_the_rules_is_left, begin, end),
        cmocka_unit_test_setup_teardown(a_private_address_needs_permission, begin, end),
        cmocka_unit_test_setup_teardown(the_session_of_a_dead_process_is_resumed, begin, end),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
