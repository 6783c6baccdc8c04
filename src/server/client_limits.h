/*
 * How much clients can make the daemon keep, and how much of its time they get at once. Those that
 * a client can meet are told in docs/protocol.md; the lengths of lines and their fields, which are
 * the protocol's own, are in proto/, what waits for those that do not read has its limits in
 * outlet/, and what is logged of them in base/complaints.h.
 */
#ifndef TUTTI_SERVER_CLIENT_LIMITS_H
#define TUTTI_SERVER_CLIENT_LIMITS_H

enum {
    LIMIT_CONNECTIONS = 2048, /* of each kind */
    LIMIT_CLIENTS_KEPT = 4096,

    /* The pacer's timer comes once a turn of the loop: the lines of all connections of a kind may
     * take so long in each. */
    LIMIT_TURN_US = 1000,

    /* Lines to control connections may take so long in a turn of the loop. */
    LIMIT_TELL_US = 50,

    /* Control connections: one is heard for so many lines before others are. */
    LIMIT_CONTROL_READ_BYTES = 16384, /* at once, and that wait for their turn */
    LIMIT_CONTROL_VISIT_LINES = 32,
    LIMIT_CONTROL_UNREAD_BYTES = 1 << 20,

    /* Audio connections. */
    LIMIT_CREDIT_CHANNELS = 16384,
};

#endif
