/* Which addresses a source may have: globally routable unicast ones. Pure. */
#ifndef TUTTI_BASE_ADDRESS_H
#define TUTTI_BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* True for a globally routable unicast address, IPv4 or IPv6. An IPv4 address inside an IPv6 one
 * (mapped, NAT64, 6to4) is judged as what it is. False for anything else, other families too. */
bool address_is_public(const struct sockaddr *address);

/* Reads `host`, the host of a URL, if it is an address and not a name: IPv4 in every form that
 * inet_aton knows ("127.1", "0x7f000001"), IPv6 with or without brackets and zone. Returns true and
 * the address. */
bool address_read_literal(const char *host, struct sockaddr_storage *ret);

/* True if `host` is private by its very text: an address that is not public, "localhost", or a name
 * below it. What other names resolve to only the connection shows. */
bool address_is_private_host(const char *host);

/* What the administrator permits besides. */
struct address_policy {
    bool allow_private;             /* everything */
    const char *const *allow_hosts; /* names or literal addresses, as they stand in a URL */
    size_t n_allow_hosts;
};

/* True if `host` is named in the policy (or all are): whatever its address is, it is permitted. */
bool address_policy_exempts(const struct address_policy *p, const char *host);

/* May `host` be asked for, as far as its text tells? */
bool address_policy_permits_host(const struct address_policy *p, const char *host);

/* May a connection for `host` be made to this address? */
bool address_policy_permits(const struct address_policy *p, const char *host,
                            const struct sockaddr *address);

#endif
