/* Which addresses are public, what a host's text tells, and what the administrator exempts. */
#include "base/address.h"
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const struct {
    const char *host;
    bool is_public;
} addresses[] = {
    { "1.1.1.1", true },
    { "8.8.8.8", true },
    { "9.255.255.255", true },
    { "11.0.0.0", true },
    { "100.63.255.255", true },
    { "100.128.0.0", true },
    { "126.255.255.255", true },
    { "128.0.0.0", true },
    { "169.253.255.255", true },
    { "169.255.0.0", true },
    { "172.15.255.255", true },
    { "172.32.0.0", true },
    { "192.0.1.0", true },
    { "192.167.255.255", true },
    { "192.169.0.0", true },
    { "198.17.255.255", true },
    { "198.20.0.0", true },
    { "223.255.255.255", true },
    { "0.0.0.0", false },
    { "0.255.255.255", false },
    { "10.0.0.0", false },
    { "10.255.255.255", false },
    { "100.64.0.0", false },
    { "100.127.255.255", false },
    { "127.0.0.1", false },
    { "127.255.255.255", false },
    { "169.254.0.0", false },
    { "169.254.169.254", false },
    { "172.16.0.0", false },
    { "172.31.255.255", false },
    { "192.0.0.1", false },
    { "192.0.2.1", false },
    { "192.88.99.1", false },
    { "192.168.0.0", false },
    { "192.168.255.255", false },
    { "198.18.0.0", false },
    { "198.19.255.255", false },
    { "198.51.100.1", false },
    { "203.0.113.1", false },
    { "224.0.0.1", false },
    { "239.255.255.255", false },
    { "240.0.0.1", false },
    { "255.255.255.255", false },
    /* Every way of writing that curl or a resolver takes. */
    { "127.1", false },
    { "0x7f000001", false },
    { "2130706433", false },
    { "0177.0.0.1", false },
    { "0", false },
    { "134744072", true }, /* 8.8.8.8 */
    { "2a00:1450:4001:80b::200e", true },
    { "[2606:4700::1111]", true },
    { "2001:200::1", true },
    { "3ffe::1", true },
    { "::", false },
    { "::1", false },
    { "[::1]", false },
    { "::7f00:1", false }, /* IPv4-compatible: nothing is there any more */
    { "fc00::1", false },
    { "fdff:ffff::1", false },
    { "fe80::1", false },
    { "fe80::1%eth0", false },
    { "febf::1", false },
    { "fec0::1", false },
    { "ff02::1", false },
    { "100::1", false },
    { "2001::1", false },
    { "2001:1ff::1", false },
    { "2001:db8::1", false },
    { "3fff::1", false },
    { "4000::1", false },
    { "::ffff:8.8.8.8", true },
    { "::ffff:127.0.0.1", false },
    { "::ffff:a01:203", false },
    { "64:ff9b::8.8.8.8", true },
    { "64:ff9b::10.0.0.1", false },
    { "64:ff9b:1::8.8.8.8", false }, /* a network's own */
    { "2002:808:808::1", true },
    { "2002:7f00:1::1", false },
    { "2002:a9fe:a9fe::", false },
};

static void public_and_private(void **state)
{
    for (size_t i = 0; i < LENGTH_OF(addresses); i++) {
        const char *host = addresses[i].host;
        struct sockaddr_storage a;
        ROW_TRUE(host, address_read_literal(host, &a));
        ROW_TRUE(host, address_is_public((struct sockaddr *)&a) == addresses[i].is_public);
        ROW_TRUE(host, address_is_private_host(host) == !addresses[i].is_public);
    }
    struct sockaddr local = { .sa_family = AF_UNIX };
    assert_false(address_is_public(&local));
}

static void names(void **state)
{
    static const char *const private[] = {
        "localhost",  "LocalHost",  "localhost.", "a.localhost",
        "127.0.0.1.", "10.0.0.1..", "",           "a.LOCALHOST."
    };
    static const char *const other[] = { "example.com", "localhost.example.com", "notlocalhost",
                                         "1.2.3.4.5",   "1.2.3.4.nip.io",        "8.8.8.8.",
                                         "fe80",        "256.256.256.256 x" };
    struct sockaddr_storage a;
    for (size_t i = 0; i < LENGTH_OF(private); i++)
        ROW_TRUE(private[i], private[i][0] == '\0' || address_is_private_host(private[i]));
    for (size_t i = 0; i < LENGTH_OF(other); i++)
        ROW_TRUE(other[i], !address_is_private_host(other[i]));
    assert_false(address_read_literal("127.0.0.1 x", &a));
    assert_false(address_read_literal("example.com", &a));
    assert_false(address_read_literal("1.2.3.4.5", &a));
}

/* An address may be written with any number of zeros, and a name of the same length is one. */
static void long_hosts_with_a_final_dot(void **state)
{
    static const size_t lengths[] = { 40, 63, 64, 65, 255, 256, 1000 };
    for (size_t i = 0; i < LENGTH_OF(lengths); i++) {
        char address[1100], name[1100];
        size_t zeros = lengths[i] - strlen("177.0.0.1");
        memset(address, '0', zeros);
        (void)strcpy(address + zeros, "177.0.0.1.");
        assert_true(address_is_private_host(address));
        memset(name, 'a', zeros);
        (void)strcpy(name + zeros, ".0.0.com.");
        assert_true(address_is_private_host(name) == (strlen(name) > 256));
    }
}

static bool permits(const struct address_policy *p, const char *host, const char *address)
{
    struct sockaddr_storage a;
    assert_true(address_read_literal(address, &a));
    return address_policy_permits(p, host, (struct sockaddr *)&a);
}

static void exemptions(void **state)
{
    static const char *const hosts[] = { "media.lan", "10.0.0.9", "[fd00::9]" };
    const struct address_policy strict = { .allow_hosts = hosts, .n_allow_hosts = 3 };
    const struct address_policy open = { .allow_private = true };
    const struct address_policy none = { 0 };

    assert_true(permits(&strict, "media.lan", "10.0.0.1"));
    assert_true(permits(&strict, "MEDIA.LAN.", "127.0.0.1"));
    assert_true(permits(&strict, "10.0.0.9", "10.0.0.9"));
    assert_true(permits(&strict, "0x0a000009", "10.0.0.9"));
    assert_true(permits(&strict, "[fd00:0::9]", "fd00::9"));
    assert_true(permits(&strict, "example.com", "8.8.8.8"));
    assert_false(permits(&strict, "example.com", "10.0.0.9")); /* the name is meant */
    assert_false(permits(&strict, "x.media.lan", "10.0.0.1"));
    assert_true(permits(&open, "anything", "127.0.0.1"));
    assert_false(permits(&none, "anything", "127.0.0.1"));

    assert_true(address_policy_permits_host(&strict, "10.0.0.9"));
    assert_false(address_policy_permits_host(&strict, "10.0.0.8"));
    assert_true(address_policy_permits_host(&none, "example.com"));
    assert_false(address_policy_permits_host(&none, "localhost"));
    assert_true(address_policy_permits_host(&open, "localhost"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_and_private),
        cmocka_unit_test(names),
        cmocka_unit_test(long_hosts_with_a_final_dot),
        cmocka_unit_test(exemptions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
