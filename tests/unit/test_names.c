/* Names of voice servers, resolved. */
#include "loop.h"
#include "voice/names.h"

#include <arpa/inet.h>

static struct {
    uv_loop_t loop;
    struct names *names;
    struct names_query *query;
    bool done;
    size_t n;
    struct sockaddr_storage first;
    char why[128];
} f;

static void on_named(const struct sockaddr_storage *addresses, size_t n, const char *why, void *arg)
{
    assert_false(f.done);
    assert_null(f.query);
    f.done = true;
    f.n = n;
    if (n > 0)
        f.first = addresses[0];
    (void)snprintf(f.why, sizeof f.why, "%s", why);
}

static int begin(void **state)
{
    memset(&f, 0, sizeof f);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    assert_int_equal(names_new(&f.loop, &f.names), 0);
    return 0;
}

static int end(void **state)
{
    names_free(f.names);
    loop_end(&f.loop);
    return 0;
}

static uint16_t port_of(const struct sockaddr_storage *a)
{
    return ntohs(a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
                                          : ((const struct sockaddr_in *)a)->sin_port);
}

static void what_the_hosts_file_has_is_found(void **state)
{
    assert_int_equal(names_start(f.names, "localhost", 4433, on_named, NULL, &f.query), 0);
    assert_true(loop_until(&f.loop, loop_is_true, &f.done));
    assert_true(f.n > 0);
    assert_int_equal(port_of(&f.first), 4433);
}

static void an_address_is_its_own(void **state)
{
    assert_int_equal(names_start(f.names, "192.0.2.7", 1, on_named, NULL, &f.query), 0);
    assert_true(loop_until(&f.loop, loop_is_true, &f.done));
    assert_int_equal(f.n, 1);
    assert_int_equal(((const struct sockaddr_in *)&f.first)->sin_addr.s_addr,
                     inet_addr("192.0.2.7"));
}

static void what_is_no_name_ends_with_a_reason(void **state)
{
    char host[300];
    memset(host, 'a', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    assert_int_equal(names_start(f.names, host, 1, on_named, NULL, &f.query), 0);
    assert_true(loop_until(&f.loop, loop_is_true, &f.done));
    assert_int_equal(f.n, 0);
    assert_true(f.why[0] != '\0');
}

static void what_is_cancelled_is_never_told(void **state)
{
    assert_int_equal(names_start(f.names, "nowhere.invalid", 1, on_named, NULL, &f.query), 0);
    if (f.query)
        names_cancel(f.query);
    assert_null(f.query);
    f.done = true; /* on_named would fail now */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_hosts_file_has_is_found, begin, end),
        cmocka_unit_test_setup_teardown(an_address_is_its_own, begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_name_ends_with_a_reason, begin, end),
        cmocka_unit_test_setup_teardown(what_is_cancelled_is_never_told, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
