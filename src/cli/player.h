/*
 * Plays a list on one channel, one after the other without a gap, and shows or records it. At most
 * one play is placed behind the current one.
 */
#ifndef TUTTI_CLI_PLAYER_H
#define TUTTI_CLI_PLAYER_H

#include "cli/client.h"
#include "cli/frames.h"
#include "cli/progress.h"
#include "cli/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct player_item {
    const char *name; /* as the user wrote it */
    const char *url;
    int pre_skip; /* of an Ogg Opus file; −1: not known */
};

/* All is borrowed and must outlive player_run. */
struct player_setup {
    struct control_client *client;
    struct receiver *audio; /* or NULL: the frames go to the bot's connection */
    const char *audio_path; /* to listen there after all when no bot does; NULL: wait for one */
    struct record *record;  /* or NULL: frames that arrive are dropped */
    struct progress *progress;
    int signal_fd;
    bool credit_flow;
    unsigned window; /* [frames] of credit */
    uint64_t channel;
    bool next;       /* the first item goes behind what the channel plays */
    bool keep_owner; /* the bot that has the channel keeps it, and hears this */
    bool own_daemon; /* it is private */
    double volume;   /* negative: as the daemon has it */
    double position; /* [s] where the first item starts */
    const struct player_item *items;
    size_t n_items;
};

/* Plays all. Returns an exit code (see options.h) after printing what went wrong. When a signal
 * came, everything was ended in good order and *ret_signal is its number, else 0. */
int player_run(const struct player_setup *setup, int *ret_signal);

#endif
