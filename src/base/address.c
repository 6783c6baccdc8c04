#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { HOST_MAX = 255 }; /* [bytes] of a name in the DNS */

struct v4_net {
    uint32_t net;
    unsigned bits;
};

struct v6_net {
    uint8_t net[16];
    unsigned bits;
};

#define V4(a, b, c, d) (((uint32_t)(a) << 24) | ((b) << 16) | ((c) << 8) | (d))

static const struct v4_net v4_refused[] = {
    { V4(0, 0, 0, 0), 8 },      { V4(10, 0, 0, 0), 8 },     { V4(100, 64, 0, 0), 10 },
    { V4(127, 0, 0, 0), 8 },    { V4(169, 254, 0, 0), 16 }, { V4(172, 16, 0, 0), 12 },
    { V4(192, 0, 0, 0), 24 },   { V4(192, 0, 2, 0), 24 },   { V4(192, 88, 99, 0), 24 },
    { V4(192, 168, 0, 0), 16 }, { V4(198, 18, 0, 0), 15 },  { V4(198, 51, 100, 0), 24 },
    { V4(203, 0, 113, 0), 24 }, { V4(224, 0, 0, 0), 3 },
};

/* Of 2000::/3, which is all that is given out; everything outside is refused anyway. */
static const struct v6_net v6_refused[] = {
    { { 0x20, 0x01, 0x00, 0x00 }, 23 }, /* protocol assignments, Teredo with them */
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32 }, /* documentation */
    { { 0x3f, 0xff, 0x00, 0x00 }, 20 }, /* documentation */
};

static const struct v6_net v6_global = { { 0x20 }, 3 };

/* Where an IPv4 address is inside an IPv6 one: its network and the place of its first byte. */
static const struct {
    struct v6_net net;
    size_t at;
} v6_embedding[] = {
    { { { [10] = 0xff, 0xff }, 96 }, 12 },
    { { { 0x00, 0x64, 0xff, 0x9b }, 96 }, 12 },
    { { { 0x20, 0x02 }, 16 }, 2 },
};

static bool v4_is_public(uint32_t address)
{
    for (size_t i = 0; i < sizeof v4_refused / sizeof v4_refused[0]; i++) {
        if ((address ^ v4_refused[i].net) >> (32 - v4_refused[i].bits) == 0)
            return false;
    }
    return true;
}

static bool v6_is_in(const uint8_t address[16], const struct v6_net *n)
{
    size_t whole = n->bits / 8;
    if (memcmp(address, n->net, whole) != 0)
        return false;
    unsigned rest = n->bits % 8;
    return rest == 0 || (address[whole] ^ n->net[whole]) >> (8 - rest) == 0;
}

static bool v6_is_public(const uint8_t address[16])
{
    for (size_t i = 0; i < sizeof v6_embedding / sizeof v6_embedding[0]; i++) {
        if (v6_is_in(address, &v6_embedding[i].net)) {
            const uint8_t *v4 = address + v6_embedding[i].at;
            return v4_is_public(V4(v4[0], (uint32_t)v4[1], (uint32_t)v4[2], v4[3]));
        }
    }
    for (size_t i = 0; i < sizeof v6_refused / sizeof v6_refused[0]; i++) {
        if (v6_is_in(address, &v6_refused[i]))
            return false;
    }
    return v6_is_in(address, &v6_global);
}

bool address_is_public(const struct sockaddr *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    switch (address->sa_family) {
    case AF_INET:
        memcpy(&v4, address, sizeof v4);
        return v4_is_public(ntohl(v4.sin_addr.s_addr));
    case AF_INET6:
        memcpy(&v6, address, sizeof v6);
        return v6_is_public(v6.sin6_addr.s6_addr);
    default:
        return false;
    }
}

bool address_read_literal(const char *host, struct sockaddr_storage *ret)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    char text[INET6_ADDRSTRLEN + 1];
    /* inet_aton would take text behind a space. */
    if (!strpbrk(host, " \t\n\v\f\r") && inet_aton(host, &v4.sin_addr)) {
        memset(ret, 0, sizeof *ret);
        memcpy(ret, &v4, sizeof v4);
        return true;
    }
    if (*host == '[')
        host++;
    size_t len = strcspn(host, "]%");
    if (len >= sizeof text)
        return false;
    memcpy(text, host, len);
    text[len] = '\0';
    if (inet_pton(AF_INET6, text, &v6.sin6_addr) != 1)
        return false;
    memset(ret, 0, sizeof *ret);
    memcpy(ret, &v6, sizeof v6);
    return true;
}

bool address_is_private_host(const char *host)
{
    static const char name[] = "localhost";
    struct sockaddr_storage address;
    if (address_read_literal(host, &address))
        return !address_is_public((const struct sockaddr *)&address);
    size_t len = strlen(host);
    while (len > 0 && host[len - 1] == '.')
        len--;
    /* "127.0.0.1." is an address too for some resolvers. */
    char bare[HOST_MAX + 1];
    if (host[len] != '\0') {
        if (len > HOST_MAX)
            return true; /* no name that can be asked for */
        memcpy(bare, host, len);
        bare[len] = '\0';
        return len == 0 || address_is_private_host(bare);
    }
    size_t n = sizeof name - 1;
    return len >= n && strncasecmp(host + len - n, name, n) == 0 &&
           (len == n || host[len - n - 1] == '.');
}

static bool is_same_host(const char *a, const char *b)
{
    struct sockaddr_storage x, y;
    if (address_read_literal(a, &x) && address_read_literal(b, &y))
        return memcmp(&x, &y, sizeof x) == 0;
    size_t len_a = strlen(a), len_b = strlen(b);
    len_a -= len_a > 0 && a[len_a - 1] == '.' ? 1 : 0;
    len_b -= len_b > 0 && b[len_b - 1] == '.' ? 1 : 0;
    return len_a == len_b && strncasecmp(a, b, len_a) == 0;
}

bool address_policy_exempts(const struct address_policy *p, const char *host)
{
    for (size_t i = 0; i < p->n_allow_hosts; i++) {
        if (is_same_host(p->allow_hosts[i], host))
            return true;
    }
    return p->allow_private;
}

bool address_policy_permits_host(const struct address_policy *p, const char *host)
{
    return address_policy_exempts(p, host) || !address_is_private_host(host);
}

bool address_policy_permits(const struct address_policy *p, const char *host,
                            const struct sockaddr *address)
{
    return address_policy_exempts(p, host) || address_is_public(address);
}
