/*
 * The daemon's settings. One table of options serves the command line, the environment
 * (TUTTI_MEDIA_ROOT), the configuration file (media-root = /srv/music) and --help. The command line
 * wins, then the environment, then the file.
 */
#ifndef TUTTI_CONFIG_CONFIG_H
#define TUTTI_CONFIG_CONFIG_H

#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    CONFIG_WHY_MAX = 512,
    CONFIG_LIST_MAX = 64,
    CONFIG_ROWS_MAX = 32,   /* settings there may be */
    CONFIG_ORIGIN_MAX = 256 /* [bytes] of the words for where a value stands */
};

/* Where a value stands: a line of the file (1 and up), or one of these. */
enum { CONFIG_DEFAULT = 0, CONFIG_ENVIRONMENT = -1, CONFIG_COMMAND_LINE = -2 };

struct config_list {
    char *item[CONFIG_LIST_MAX];
    int origin[CONFIG_LIST_MAX];
    size_t n;
};

struct config {
    char *runtime_dir; /* NULL where nothing was said */
    char *control;
    char *audio;
    char *socket_group;
    unsigned max_workers;
    unsigned warm_workers;
    double worker_idle_s;
    double client_grace_s;
    double buffer_s;
    unsigned bitrate;
    unsigned complexity;
    struct config_list media_roots;
    bool allow_private_hosts;
    struct config_list allow_hosts;
    struct config_list voice_hosts;
    char *http_proxy;
    char *extract_proxy;
    double connect_timeout_s;
    double stall_timeout_s;
    double give_up_s;
    char *yt_dlp;
    unsigned extract_jobs;
    double extract_timeout_s;
    bool require_sandbox;
    enum log_level log_level;
    enum log_format log_format;
    char *file; /* that was read, or NULL */
    int origin[CONFIG_ROWS_MAX];
    int reading; /* where what is being read stands */
};

enum config_result {
    CONFIG_RUN,  /* go on */
    CONFIG_EXIT, /* --help or --version was asked for and printed to standard output */
    CONFIG_BAD,  /* ret_why names what is wrong */
};

/* Reads everything into *ret (config_done in every case). */
enum config_result config_load(int argc, char **argv, struct config *ret,
                               char ret_why[CONFIG_WHY_MAX]);

/* Reads the lines of a configuration file s[0..len) into *c. Pure, for tests and fuzzing. Returns 0
 * or -EINVAL with ret_why naming the line. */
int config_read_text(struct config *c, const char *s, size_t len, const char *name,
                     char ret_why[CONFIG_WHY_MAX]);

/* Tells where the value of the setting `name` stands (the `item`th one of a list), such as
 * "/etc/tutti/tuttid.conf, line 7", "TUTTI_MEDIA_ROOT" or "command line"; for a value that turns
 * out to be wrong only when it is used. Returns `ret`. */
const char *config_tell_origin(const struct config *c, const char *name, size_t item,
                               char ret[CONFIG_ORIGIN_MAX]);

void config_init(struct config *c);
void config_done(struct config *c);

#endif
